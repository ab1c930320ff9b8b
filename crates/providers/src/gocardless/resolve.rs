//! From an event that names nothing known here to its payment: over refund, payment and billing request. A refund made
//! in the dashboard has an event that names the refund alone.

use gateway_core::{
    domain::transaction::ProviderRef,
    provider::{Account, IncomingEvent, ProviderError, Resolved},
};
use http::StatusCode;

use super::{
    GoCardless,
    api::malformed,
    facts::{BILLING_REQUEST, PAYMENT, REFUND},
    objects::{BillingRequest, Event, Payment, Refund},
};
use crate::http::unreadable;

impl GoCardless {
    /// Two calls at most.
    pub(super) async fn follow(
        &self,
        account: &Account,
        incoming: &IncomingEvent,
    ) -> Result<Resolved, ProviderError> {
        let event: Event =
            serde_json::from_slice(&incoming.raw).map_err(|error| malformed(unreadable(&error)))?;
        // Payments and billing requests carry our names themselves where they are ours.
        if event.resource_metadata.is_some() && event.resource_type != "refunds" {
            return Ok(Resolved::Foreign);
        }
        let mut refs = Vec::new();
        let mut payment = event.links.get(PAYMENT).map(str::to_owned);
        if let (None, Some(id)) = (&payment, event.links.get(REFUND)) {
            let Some(refund) = self.look::<Refund>(account, "refunds", id).await? else {
                return Ok(Resolved::Foreign);
            };
            refs.push(ProviderRef::new(REFUND, id));
            payment = refund.links.get(PAYMENT).map(str::to_owned);
        }
        if let Some(id) = payment {
            let Some(payment) = self.look::<Payment>(account, "payments", &id).await? else {
                return Ok(Resolved::Foreign);
            };
            refs.push(ProviderRef::new(PAYMENT, &id));
            return Ok(Resolved::Payment { refs, transaction_id: payment.metadata.transaction_id() });
        }
        let Some(id) = event.links.get(BILLING_REQUEST) else { return Ok(Resolved::Foreign) };
        let Some(request) = self.look::<BillingRequest>(account, "billing_requests", id).await? else {
            return Ok(Resolved::Foreign);
        };
        refs.push(ProviderRef::new(BILLING_REQUEST, id));
        Ok(Resolved::Payment { refs, transaction_id: request.metadata.transaction_id() })
    }

    /// A resource, where it is there.
    async fn look<T: serde::de::DeserializeOwned>(
        &self,
        account: &Account,
        resource: &str,
        id: &str,
    ) -> Result<Option<T>, ProviderError> {
        self.get_some(account, resource, id, &[StatusCode::NOT_FOUND, StatusCode::GONE]).await
    }
}
