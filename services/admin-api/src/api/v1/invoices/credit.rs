//! `POST /v1/invoices/{id}/credit`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::invoices::issue::{Credited, NewCredit, credit},
    domain::{
        InvoiceId,
        invoice::{Credit, Invoice, LineRequest},
    },
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web_kit::{ApiError, Path};

use super::{body::CreditBody, reply};
use crate::{
    api::{
        body::{OptionalJson, Text},
        idempotency::IdempotencyHeader,
        number::{Decimals, Whole},
    },
    authority::{Caller, InvoiceCreate},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/invoices/{id}/credit";

/// What to credit.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreditInvoice {
    /// Minor units, with tax, split over the invoice's tax rates in proportion. All that is left when neither this nor
    /// `lines` is there.
    amount: Option<Whole>,
    /// Lines of the invoice: each takes its own rate, and its part of the discounts on the whole.
    #[serde(default)]
    lines: Vec<CreditLineInput>,
    /// Your reason, at most 500 characters; printed on the credit note.
    reason: Option<Text>,
}

/// A line to be credited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreditLineInput {
    /// Its place on the invoice (`document.lines`), from 1.
    line: Whole,
    /// How many of it, with at most 6 decimals; all that is left when absent.
    quantity: Option<Decimals>,
}

impl From<CreditLineInput> for LineRequest {
    fn from(input: CreditLineInput) -> Self {
        // What is no place of a line is none that the invoice has.
        let line = usize::try_from(input.line.0.saturating_sub(1)).unwrap_or(usize::MAX);
        Self { line, quantity: input.quantity.map(|quantity| quantity.0) }
    }
}

/// A credit that was decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditedBody {
    /// The invoice.
    pub invoice_id: String,
    /// ISO 4217.
    pub currency: String,
    /// The credit; its note gets its number from the worker.
    #[serde(flatten)]
    pub credit: CreditBody,
}

/// Credit an issued invoice, in full or in part.
///
/// Name lines with their quantities, or an amount that is split over the invoice's tax rates in proportion. A credit moves no money; a refund that follows
/// makes a credit note only for what has not been credited yet. Never more than is left: 422
/// `CREDIT_EXCEEDS_BALANCE`.
#[utoipa::path(
    post, path = "/invoices/{id}/credit", tag = "invoices", operation_id = "creditInvoice",
    params(
        ("id" = String, Path, description = "The invoice."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = Option<CreditInvoice>,
    responses((status = 201, description = "The credit.", body = CreditedBody)),
    extensions(("x-required-scope" = json!("invoice:create"))),
)]
pub async fn credit_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceCreate>,
    Path(id): Path<InvoiceId>,
    idempotency: IdempotencyHeader,
    body: OptionalJson<CreditInvoice>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let new = NewCredit {
        amount: body.value.amount.map(|amount| amount.0),
        lines: body.value.lines.into_iter().map(LineRequest::from).collect(),
        reason: Text::given(body.value.reason),
    };
    let done = credit(&state.app, caller.tenant(), id, new, idempotency.as_ref(), &written).await?;
    let text = match done {
        Credited::Replay(text) => text,
        Credited::Done(credit) => {
            let invoice = gateway_core::app::invoices::get(&state.app, caller.tenant(), id).await?;
            written(&invoice, &credit)
        }
    };
    Ok(reply(StatusCode::CREATED, text))
}

fn written(invoice: &Invoice, credit: &Credit) -> String {
    let body = CreditedBody {
        invoice_id: invoice.id.to_string(),
        currency: invoice.currency.to_string(),
        credit: credit.into(),
    };
    // Text and numbers.
    serde_json::to_string(&body).unwrap_or_default()
}
