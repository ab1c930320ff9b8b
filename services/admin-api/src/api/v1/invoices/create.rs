//! `POST /v1/invoices`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::invoices::create::{Created, NewInvoice, create},
    domain::{
        Currency, SeriesId, SiteId, TransactionId,
        checkout::AmountType,
        invoice::{Invoice, Paper, compose::Heading, tax::Sale},
    },
};
use http::StatusCode;
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
        idempotency::IdempotencyHeader,
        number::{Percent, Whole},
    },
    authority::{Caller, InvoiceCreate},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/invoices";

/// A line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineInput {
    /// What is sold.
    name: String,
    /// More about it.
    #[serde(default)]
    description: String,
    /// How many; 1 when absent.
    quantity: Option<Whole>,
    /// Minor units for one; negative for a reduction.
    unit_price: Whole,
    /// `gross` (default) or `net`.
    #[schema(value_type = Option<String>)]
    amount_type: Option<AmountType>,
    /// Percent.
    vat_rate: Option<Percent>,
    /// A category other than the rate's own.
    vat_category: Option<Category>,
}

impl From<LineInput> for Sale {
    fn from(line: LineInput) -> Self {
        Self {
            name: line.name,
            description: line.description,
            quantity: line.quantity.map_or(1, |quantity| quantity.0),
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
    #[serde(default)]
    lines: Vec<LineInput>,
    /// Who buys; its name is required.
    #[serde(default)]
    buyer: PartyBody,
    /// When it is to be paid, such as 2030-01-31.
    #[serde(default)]
    due_date: Option<String>,
    /// When goods or services were supplied, where that is another day.
    #[serde(default)]
    supply_date: Option<String>,
    /// "Your reference".
    #[serde(default)]
    your_reference: String,
    /// The shop's order.
    #[serde(default)]
    external_reference: String,
    /// Paragraphs of free text.
    #[serde(default)]
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
/// missing about the seller is named in a 400.
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
