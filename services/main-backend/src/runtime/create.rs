//! `POST /api/v1/transactions/create`: the customer chose a provider.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use gateway_core::app::customer;
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::app::start_payment::{StartedPayment, customer_of, start_payment};
use gateway_core::domain::ProviderId;
use gateway_core::domain::checkout::{Address, Checkout};
use gateway_core::domain::site::{AddressEntry, Site};
use gateway_core::domain::transaction::NextStep;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use web_kit::{ApiError, Json};

use super::proof;
use crate::gateway::{Gateway, Shared};

/// The body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewTransaction {
    session_public_id: String,
    provider_id: String,
    #[serde(default)]
    billing_address: Option<Address>,
    /// The customer wants to pay although another payment of the order holds money or is on its way.
    #[serde(default)]
    accept_second_payment: bool,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    transaction_id: String,
    status: &'static str,
    /// `{"type": "redirect", "url"}`, `{"type": "transfer_instructions", "accountHolder", "iban", …}`, or
    /// `{"type": "done"}` where the customer has nothing to do but wait.
    next: NextStep,
}

/// Starts a payment, or answers the one that runs: repeating it starts nothing twice.
pub(super) async fn create(
    State(gateway): State<Shared>,
    headers: HeaderMap,
    Json(body): Json<NewTransaction>,
) -> Result<Response, ApiError> {
    let (checkout, site, reader) = proof::checkout(&gateway, &headers, &body.session_public_id).await?;
    let started = Box::pin(start(&gateway, checkout, &site, body)).await;
    Ok(reader.answer(started.map(Json)))
}

async fn start(
    gateway: &Arc<Gateway>,
    checkout: Checkout,
    site: &Site,
    body: NewTransaction,
) -> Result<Created, ApiError> {
    let provider: ProviderId =
        body.provider_id.parse().map_err(|_| ApiError::bad_field("providerId", "is not an id"))?;
    let address = body.billing_address.map(without_blanks).filter(|address| *address != Address::default());
    let app = gateway.app.clone();
    if site.page.billing_address == AddressEntry::Required
        && address.is_none()
        && customer_of(&app, &checkout).await?.billing_address.is_none()
    {
        return Err(ApiError::bad_field("billingAddress", "is required by this site"));
    }
    let second = SecondPayment::accepted_if(body.accept_second_payment);
    let started = gateway.background.finish(async move {
        let checkout = match address {
            Some(address) => customer::set_billing_address(&app, &checkout, address).await?,
            None => checkout,
        };
        start_payment(&app, &checkout, provider, second).await
    });
    let StartedPayment { transaction, next } = started.await?;
    Ok(Created {
        transaction_id: transaction.id.to_string(),
        status: transaction.status.as_str(),
        next: next.unwrap_or(NextStep::Done),
    })
}

/// `""` counts as absent, as it does when a checkout is created.
fn without_blanks(mut address: Address) -> Address {
    let fields = [
        &mut address.first_name,
        &mut address.last_name,
        &mut address.company,
        &mut address.address1,
        &mut address.address2,
        &mut address.city,
        &mut address.postcode,
        &mut address.country,
        &mut address.phone,
        &mut address.vat_id,
    ];
    for field in fields {
        field.take_if(|text| text.trim().is_empty());
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_blanks_is_no_address() {
        let blank = Address { city: Some(" ".to_owned()), ..Address::default() };
        assert_eq!(without_blanks(blank), Address::default());
    }
}
