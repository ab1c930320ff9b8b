//! Everything that Stripe knows of a payment, as one statement.

use gateway_core::{
    domain::transaction::{PaymentState, ProviderUpdate, Source},
    provider::{Account, PaymentHandle, ProviderError},
};
use serde::de::DeserializeOwned;

use super::{
    Stripe,
    api::malformed,
    facts,
    objects::{Dispute, Expandable, Identified, Page, Refund},
    session_id,
};

/// Objects per page, and pages read: more refunds than this are not kept either.
const PAGE_LIMIT: &str = "100";
const PAGES_MAX: usize = 3;

impl Identified for Refund {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Dispute {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    pub(super) async fn snapshot(
        &self,
        account: &Account,
        payment: &PaymentHandle,
    ) -> Result<ProviderUpdate, ProviderError> {
        let (session, at) = self.session(account, session_id(payment)?).await?;
        let mut update = ProviderUpdate::new(Source::Fetch, at.unwrap_or(payment.now));
        facts::describe_session(&mut update, &session).map_err(malformed)?;
        let Some(intent) = session.payment_intent.as_ref().and_then(Expandable::object) else {
            update.payment = facts::session_fact(&session).map_err(malformed)?;
            return Ok(update);
        };
        facts::describe_intent(&mut update, intent).map_err(malformed)?;
        let fact = facts::intent_fact(intent, session.status.as_deref()).map_err(malformed)?;
        let has_money = fact.state == PaymentState::Succeeded;
        update.payment = Some(fact);
        if !has_money {
            return Ok(update);
        }
        if let Some(charge) = intent.latest_charge.as_ref().and_then(Expandable::object)
            && charge.captured
        {
            facts::describe_charge(&mut update, charge).map_err(malformed)?;
        }
        let (refunds, disputes) = tokio::try_join!(
            self.all::<Refund>(account, "refunds", &intent.id),
            self.all::<Dispute>(account, "disputes", &intent.id),
        )?;
        for refund in &refunds {
            update.refunds.push(facts::refund_fact(refund, None).map_err(malformed)?);
        }
        for dispute in &disputes {
            update.disputes.push(facts::dispute_fact(dispute).map_err(malformed)?);
        }
        Ok(update)
    }

    /// All objects of a payment intent, oldest first.
    async fn all<T: DeserializeOwned + Identified>(
        &self,
        account: &Account,
        what: &str,
        intent: &str,
    ) -> Result<Vec<T>, ProviderError> {
        let mut found: Vec<T> = Vec::new();
        for _ in 0..PAGES_MAX {
            let last = found.last().map(|object| object.id().to_owned());
            let mut query = vec![("payment_intent", intent), ("limit", PAGE_LIMIT)];
            if let Some(last) = &last {
                query.push(("starting_after", last));
            }
            let (page, _): (Page<T>, _) = self.get(account, &["v1", what], &query).await?;
            let more = page.has_more && !page.data.is_empty();
            found.extend(page.data);
            if !more {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }
}
