//! Checkouts: what a merchant asks a customer to pay.

mod cancel;
mod create;
mod get;
mod list;
mod patch;
mod request;

pub(super) use request::{NewAddress, Pairs};

use gateway_core::{
    app::{App, AppError, start_payment},
    domain::{
        checkout::{Address, Checkout, Customer, Item},
        scope::Scope,
    },
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    proofs::{HIDDEN, HoldsProofs},
    state::AppState,
};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create_checkout))
        .routes(routes!(list::list_checkouts))
        .routes(routes!(get::get_checkout, patch::update_checkout))
        .routes(routes!(cancel::cancel_checkout))
}

/// A checkout.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutBody {
    /// Its id.
    pub id: String,
    /// Its name in the checkout runtime and in IPNs.
    pub session_public_id: String,
    /// The code in `paymentUrl`.
    pub short_code: String,
    /// Where to send the customer.
    pub payment_url: String,
    /// `open`, `paid`, `completed`, `expired` or `cancelled`.
    pub status: &'static str,
    /// What is charged, in minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The lines, those of a discount code included.
    pub items: Vec<ItemBody>,
    /// The discount code that was sent.
    pub discount: Option<AppliedDiscountBody>,
    /// The shop's order number.
    pub external_reference: String,
    /// The shop's invoice number.
    pub invoice_number: String,
    /// The customer's e-mail address.
    pub email: Option<String>,
    /// Billing address.
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    pub billing_address: Option<Address>,
    /// Shipping address.
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    pub shipping_address: Option<Address>,
    /// The shop's id of the customer.
    pub client_id: Option<String>,
    /// The shop's own pairs.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// The shop.
    pub site_id: String,
    /// Whether a newer checkout of the same order has taken its place: an `open` one can no longer be paid then.
    pub superseded: bool,
    /// `live` or `test`.
    pub mode: &'static str,
    /// `automatic` or `manual`.
    pub capture_method: &'static str,
    /// The transaction that paid it.
    pub paid_by: Option<String>,
    /// When it can no longer be paid.
    pub expires_at: String,
    /// When it was paid.
    pub paid_at: Option<String>,
    /// When everything that follows was done.
    pub completed_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A discount as it was applied.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedDiscountBody {
    /// The discount.
    pub discount_id: String,
    /// Its code.
    pub code: String,
    /// What it takes off, in minor units: a line of the type `discount` per tax rate.
    pub amount: i64,
}

/// A line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemBody {
    /// What it is called.
    pub name: Option<String>,
    /// More about it.
    pub description: String,
    /// How many.
    pub quantity: i64,
    /// Minor units for one.
    pub unit_price: i64,
    /// Percent, as decimal text.
    pub vat_rate: Option<String>,
    /// What kind of thing it is.
    pub item_type: String,
    /// `gross` or `net`.
    pub amount_type: &'static str,
    /// The product that it was copied from.
    pub product_id: Option<String>,
}

impl HoldsProofs for CheckoutBody {
    const SCOPE: Scope = Scope::CheckoutCreate;

    fn hide(&mut self) {
        HIDDEN.clone_into(&mut self.session_public_id);
    }
}

/// A checkout as the API shows it, its customer opened.
async fn body(app: &App, checkout: &Checkout) -> Result<CheckoutBody, AppError> {
    let customer = start_payment::customer_of(app, checkout).await?;
    let superseded = app.store.for_org(checkout.tenant()).is_superseded(checkout).await?;
    Ok(shown(checkout, customer, superseded, app.payment_url(&checkout.short_code).into()))
}

fn shown(checkout: &Checkout, customer: Customer, superseded: bool, payment_url: String) -> CheckoutBody {
    CheckoutBody {
        id: checkout.id.to_string(),
        session_public_id: checkout.public_id.clone(),
        short_code: checkout.short_code.clone(),
        payment_url,
        status: checkout.status.as_str(),
        amount: checkout.amount,
        currency: checkout.currency.to_string(),
        items: checkout.items.iter().map(item).collect(),
        discount: checkout.discount.as_ref().map(|applied| AppliedDiscountBody {
            discount_id: applied.id.to_string(),
            code: applied.code.clone(),
            amount: applied.amount,
        }),
        external_reference: checkout.external_reference.clone(),
        invoice_number: checkout.invoice_number.clone(),
        email: customer.email,
        billing_address: customer.billing_address,
        shipping_address: customer.shipping_address,
        client_id: checkout.client_id.clone(),
        metadata: checkout.metadata.to_json(),
        site_id: checkout.site_id.to_string(),
        superseded,
        mode: checkout.mode.as_str(),
        capture_method: super::transactions::capture_method(checkout.capture_method),
        paid_by: checkout.paid_by.map(|id| id.to_string()),
        expires_at: checkout.expires_at.to_string(),
        paid_at: checkout.paid_at.map(|at| at.to_string()),
        completed_at: checkout.completed_at.map(|at| at.to_string()),
        created_at: checkout.created_at.to_string(),
        updated_at: checkout.updated_at.to_string(),
    }
}

fn item(item: &Item) -> ItemBody {
    use gateway_core::domain::checkout::AmountType;
    ItemBody {
        name: item.name.clone(),
        description: item.description.clone(),
        quantity: item.quantity,
        unit_price: item.unit_price,
        vat_rate: item.vat_rate.map(|rate| rate.to_string()),
        item_type: item.item_type.clone(),
        amount_type: match item.amount_type {
            AmountType::Gross => "gross",
            AmountType::Net => "net",
        },
        product_id: item.product_id.map(|id| id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::jobs::render;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn webhooks_tell_a_checkout_as_the_api_shows_it() {
        let (id, at) = ("0123456789abcdef01234567", "2026-01-01T00:00:00.000Z");
        let checkout: Checkout = serde_json::from_value(json!({
            "_id": id, "org": id, "mode": "test", "siteId": id, "publicId": "cs_example", "shortCode": "CODE",
            "status": "paid", "amount": 4900, "currency": "EUR", "externalReference": "ORD-1",
            "items": [{
                "name": "Plan", "description": "A year", "quantity": 1, "unitPrice": 4900, "vatRate": "19",
                "itemType": "goods", "amountType": "net", "productId": id,
            }],
            "discount": { "id": id, "code": "TEN", "amount": 490 },
            "invoiceNumber": "2026-7", "m": [{ "k": "a.b", "v": "1" }], "clientId": "c-1", "paidBy": id,
            "captureMethod": "manual", "expiresAt": at, "paidAt": at, "completedAt": at, "createdAt": at,
            "updatedAt": at, "version": 1,
        }))
        .unwrap();
        let address = Address { city: Some("Lisboa".to_owned()), ..Address::default() };
        let customer = Customer {
            email: Some("customer@example.com".to_owned()),
            billing_address: Some(address),
            shipping_address: None,
        };
        let told =
            render::checkout(&checkout, Some(&customer), true, "https://pay.example.com/checkout/CODE");
        let shown = shown(&checkout, customer, true, "https://pay.example.com/checkout/CODE".to_owned());
        assert_eq!(serde_json::to_value(shown).unwrap(), told);
        assert!(told.as_object().unwrap().values().filter(|value| **value == Value::Null).count() <= 1);
    }
}
