//! `POST /v1/invoices`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::invoices::create::{Created, NOTES_MAX, NewInvoice, create},
    domain::{
        Currency, SeriesId, SiteId, TransactionId,
        checkout::{AmountType, items::ITEMS_MAX},
        invoice::{Invoice, Paper, compose::Heading, tax::Sale},
    },
};
use http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, RawJson};

use super::{
    InvoiceBody,
    body::{Category, PartyBody},
    reply,
};
use crate::{
    api::{
        body::at_most,
        idempotency::IdempotencyHeader,
        number::{Decimals, Percent, Whole},
    },
    authority::{Caller, InvoiceCreate},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/invoices";

/// A line. Lines keep their order and are numbered; one below zero stays in its place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineInput {
    /// What is sold.
    name: String,
    /// More about it.
    #[serde(default)]
    description: String,
    /// How many, with at most 6 decimals; 1 when absent.
    quantity: Option<Decimals>,
    /// The unit, a code of UN/ECE Recommendation 20: `HUR` (hours), `DAY`, `KGM`, `LTR`, `MTR`, `C62` (pieces) and others
    /// of the list in docs/invoices.md. Nothing is printed when absent.
    #[serde(default)]
    unit: Option<String>,
    /// Minor units for one; negative for a reduction.
    unit_price: Whole,
    /// `gross` (default) or `net`.
    #[schema(value_type = Option<String>)]
    amount_type: Option<AmountType>,
    /// Percent.
    vat_rate: Option<Percent>,
    /// A category other than the rate's own: `Z`, `E`, `AE`, `K`, `G` or `O`. Without one, a rate of 0 takes the category of
    /// the settings (`untaxed`).
    vat_category: Option<Category>,
}

impl From<LineInput> for Sale {
    fn from(line: LineInput) -> Self {
        Self {
            name: line.name,
            description: line.description,
            quantity: line.quantity.map_or(Decimal::ONE, |quantity| quantity.0),
            unit: line.unit.map(|unit| unit.trim().to_uppercase()).filter(|unit| !unit.is_empty()),
            unit_price: line.unit_price.0,
            amount_type: line.amount_type.unwrap_or_default(),
            rate: line.vat_rate.map(|rate| rate.0),
            category: line.vat_category.map(|category| category.0),
            item_type: String::new(),
        }
    }
}

/// An invoice by hand, or the one of a payment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInvoice {
    /// Of this payment: then nothing else but `seriesId` and `issue` may be here.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    transaction_id: Option<TransactionId>,
    /// ISO 4217.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    currency: Option<Currency>,
    /// 1 to 1000 lines.
    #[serde(default, deserialize_with = "at_most::<ITEMS_MAX, _, _>")]
    lines: Vec<LineInput>,
    /// Who buys; its name is required.
    #[serde(default)]
    buyer: PartyBody,
    /// When it is to be paid, such as 2030-01-31.
    #[serde(default)]
    due_date: Option<String>,
    /// When goods or services were supplied; the day of issue when absent.
    #[serde(default)]
    supply_date: Option<String>,
    /// Units of the seller's national currency for one of this invoice's, where that is another: its tax is stated in
    /// both. That of the settings when absent.
    #[serde(default)]
    exchange_rate: Option<Decimals>,
    /// Why lines of the category `E` are exempt; that of the settings when absent.
    #[serde(default)]
    exemption_reason: Option<String>,
    /// "Your reference".
    #[serde(default)]
    your_reference: String,
    /// The shop's order.
    #[serde(default)]
    external_reference: String,
    /// Paragraphs of free text.
    #[serde(default, deserialize_with = "at_most::<NOTES_MAX, _, _>")]
    notes: Vec<String>,
    /// `en`, `pt`, `de`, `fr` or `es`.
    #[serde(default)]
    language: String,
    /// The shop.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    site_id: Option<SiteId>,
    /// The series; the default one of its kind when absent.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    series_id: Option<SeriesId>,
    /// Whether it is issued at once.
    #[serde(default)]
    issue: bool,
}

impl CreateInvoice {
    fn into_new(self) -> NewInvoice {
        NewInvoice {
            transaction: self.transaction_id,
            currency: self.currency,
            lines: self.lines.into_iter().map(Sale::from).collect(),
            heading: Heading {
                language: self.language,
                test: false,
                buyer: self.buyer.into(),
                your_reference: self.your_reference,
                order_reference: self.external_reference,
                due_date: self.due_date,
                supply_date: self.supply_date,
                exchange_rate: self.exchange_rate.map(|rate| rate.0),
                exemption_reason: self.exemption_reason.filter(|reason| !reason.trim().is_empty()),
                notes: self.notes,
            },
            site: self.site_id,
            series: self.series_id,
            issue: self.issue,
            wrong: Vec::new(),
        }
    }
}

/// Make a draft of an invoice, by hand or of a payment.
///
/// Tax is computed per rate, half up. With `issue` it gets its number as soon as the worker sees it; what is
/// missing about the seller, or about a buyer whom the law wants named, is told in a 400. Of a payment whose order has
/// an invoice already, the draft is held back (`blocked`).
#[utoipa::path(
    post, path = "/invoices", tag = "invoices", operation_id = "createInvoice",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply.")),
    request_body = CreateInvoice,
    responses((status = 201, description = "The draft.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:create"))),
)]
pub async fn create_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceCreate>,
    idempotency: IdempotencyHeader,
    body: RawJson<CreateInvoice>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let new = body.value.into_new();
    let done = create(&state.app, caller.tenant(), new, idempotency.as_ref(), &written).await?;
    let text = match done {
        Created::Replay(text) => text,
        Created::Done(invoice) => {
            let body = super::body(&state.app, &invoice).await?;
            serde_json::to_string(&body).map_err(ApiError::internal)?
        }
    };
    Ok(reply(StatusCode::CREATED, text))
}

fn written(invoice: &Invoice, paper: &Paper) -> String {
    // Text, numbers and lists.
    serde_json::to_string(&InvoiceBody::of(invoice, paper)).unwrap_or_default()
}
