//! `GET /api/v1/checkouts/{sessionPublicId}`: what the page shows. Nothing of what the shop or the customer
//! told in confidence: no e-mail, address or metadata.

use axum::extract::State;
use axum::response::Response;
use gateway_core::app::start_payment::{Unpayable, customer_of, offered_providers, payable};
use gateway_core::app::{AppError, customer};
use gateway_core::domain::checkout::{AmountType, Checkout, Item, items};
use gateway_core::domain::site::Site;
use http::HeaderMap;
use serde::Serialize;
use web_kit::{ApiError, Json, Path};

use super::proof;
use super::status::TransactionState;
use crate::gateway::{Gateway, Shared};

/// A checkout as its payer may see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckoutView {
    session_public_id: String,
    short_code: String,
    payment_url: String,
    mode: &'static str,
    status: &'static str,
    /// `null` while it can be paid; else paid, expired, cancelled or superseded.
    unpayable: Option<&'static str>,
    amount: i64,
    currency: String,
    items: Vec<ItemView>,
    /// The discount code, whose lines are among the items.
    discount: Option<DiscountView>,
    taxes: Vec<TaxView>,
    #[serde(skip_serializing_if = "String::is_empty")]
    external_reference: String,
    branding: Branding,
    /// Whether the site asks for a billing address: none, optional or required.
    billing_address: &'static str,
    /// Whether one is known; it is shown to nobody.
    has_billing_address: bool,
    providers: Vec<ProviderView>,
    /// The newest transaction.
    transaction: Option<TransactionState>,
    expires_at: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    name: String,
    quantity: i64,
    unit_price: i64,
    amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vat_rate: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    item_type: String,
    amount_type: &'static str,
    /// A picture on the page's own origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct DiscountView {
    code: String,
    amount: i64,
}

#[derive(Debug, Serialize)]
struct TaxView {
    rate: String,
    net: i64,
    tax: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Branding {
    name: String,
    brand_color: Option<String>,
}

#[derive(Debug, Serialize)]
struct ProviderView {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    label: &'static str,
    hint: &'static str,
}

/// Answers what a checkout's page shows.
pub(super) async fn get_checkout(
    State(gateway): State<Shared>,
    Path(session): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (checkout, site, reader) = proof::checkout(&gateway, &headers, &session).await?;
    Ok(reader.answer(view(&gateway, checkout, &site).await.map(Json).map_err(ApiError::from)))
}

async fn view(gateway: &Gateway, checkout: Checkout, site: &Site) -> Result<CheckoutView, AppError> {
    let app = &gateway.app;
    let unpayable = payable(app, &checkout).await?.err().map(word);
    let providers = if unpayable.is_none() { offered_providers(app, &checkout).await? } else { Vec::new() };
    let mut offered = Vec::with_capacity(providers.len());
    for provider in providers {
        let can = app.adapter(provider.kind)?.capabilities();
        let (id, kind) = (provider.id.to_string(), provider.kind.as_str());
        offered.push(ProviderView { id, kind, label: can.label, hint: can.hint });
    }
    let images = gateway.images_of(&checkout).await;
    let image_url = |item: &Item| {
        let shown = item.image_id.filter(|id| images.contains(id)).map(crate::images::path)?;
        app.urls.main_frontend.join(&shown).ok().map(String::from)
    };
    let customer = customer_of(app, &checkout).await?;
    let newest = customer::transactions_of(app, &checkout).await?.into_iter().next();
    let totals = items::totals(&checkout.items).map_err(|error| AppError::internal(error.to_string()))?;
    Ok(CheckoutView {
        payment_url: app.payment_url(&checkout.short_code).into(),
        mode: checkout.mode.as_str(),
        status: checkout.status.as_str(),
        unpayable,
        amount: checkout.amount,
        currency: checkout.currency.to_string(),
        items: checkout.items.iter().map(|item| view_of(item, image_url(item))).collect(),
        discount: checkout
            .discount
            .map(|applied| DiscountView { code: applied.code, amount: applied.amount }),
        taxes: totals
            .taxes
            .iter()
            .map(|tax| TaxView { rate: tax.rate.to_string(), net: tax.net, tax: tax.tax })
            .collect(),
        branding: Branding { name: site.name.clone(), brand_color: site.brand_color.clone() },
        billing_address: site.page.billing_address.as_str(),
        has_billing_address: customer.billing_address.is_some(),
        providers: offered,
        transaction: newest.as_ref().map(TransactionState::of),
        expires_at: checkout.expires_at.to_string(),
        session_public_id: checkout.public_id,
        short_code: checkout.short_code,
        external_reference: checkout.external_reference,
    })
}

const fn word(reason: Unpayable) -> &'static str {
    match reason {
        Unpayable::Paid => "paid",
        Unpayable::Expired => "expired",
        Unpayable::Cancelled => "cancelled",
        Unpayable::Superseded => "superseded",
    }
}

fn view_of(item: &Item, image_url: Option<String>) -> ItemView {
    ItemView {
        image_url,
        name: item.title().to_owned(),
        quantity: item.quantity,
        unit_price: item.unit_price,
        amount: item.line_amount().unwrap_or_default(),
        vat_rate: item.vat_rate.map(|rate| rate.to_string()),
        item_type: item.item_type.clone(),
        amount_type: match item.amount_type {
            AmountType::Gross => "gross",
            AmountType::Net => "net",
        },
    }
}
