//! `PATCH /v1/invoices/{id}`.

use axum::extract::State;
use gateway_core::{
    app::invoices::edit::{DraftEdit, edit},
    domain::{Currency, InvoiceId, SeriesId, invoice::tax::Sale},
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{InvoiceBody, body, body::PartyBody, create::LineInput};
use crate::{
    api::{
        body::nullable,
        etag::{IfMatch, Tagged},
        number::Decimals,
    },
    authority::{Caller, InvoiceWrite},
    state::AppState,
};

/// Changes to a draft; what is absent stays.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateInvoice {
    /// ISO 4217; that of a payment's draft cannot change.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    /// All lines, 1 to 1000. Those of a payment's draft must come to what was paid.
    lines: Option<Vec<LineInput>>,
    /// The buyer as a whole.
    buyer: Option<PartyBody>,
    /// When it is to be paid; `null` takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    due_date: Option<Option<String>>,
    /// When goods or services were supplied; `null` for the day of issue.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    supply_date: Option<Option<String>>,
    /// Units of the seller's national currency for one of this invoice's; `null` for that of the settings.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    exchange_rate: Option<Option<Decimals>>,
    /// Why lines of the category `E` are exempt; `null` for that of the settings.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    exemption_reason: Option<Option<String>>,
    /// "Your reference".
    your_reference: Option<String>,
    /// The shop's order.
    external_reference: Option<String>,
    /// Paragraphs of free text.
    notes: Option<Vec<String>>,
    /// `en`, `pt`, `de`, `fr` or `es`.
    language: Option<String>,
    /// The series.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    series_id: Option<SeriesId>,
}

impl UpdateInvoice {
    fn into_edit(self, expected_version: Option<i64>) -> DraftEdit {
        DraftEdit {
            expected_version,
            currency: self.currency,
            lines: self.lines.map(|lines| lines.into_iter().map(Sale::from).collect()),
            buyer: self.buyer.map(Into::into),
            language: self.language,
            due_date: self.due_date,
            supply_date: self.supply_date,
            your_reference: self.your_reference,
            order_reference: self.external_reference,
            notes: self.notes,
            exchange_rate: self.exchange_rate.map(|rate| rate.map(|rate| rate.0)),
            exemption_reason: self.exemption_reason,
            series: self.series_id,
        }
    }
}

/// Change a draft.
///
/// The draft of a payment stays the payment's: add the buyer whom the law wants named, or correct rates. What it was
/// held back for is looked at again; then issue it. What was issued never changes: 409 `INVOICE_NOT_A_DRAFT`.
#[utoipa::path(
    patch, path = "/invoices/{id}", tag = "invoices", operation_id = "updateInvoice",
    params(("id" = String, Path, description = "The draft.")),
    request_body = UpdateInvoice,
    responses((status = 200, description = "The draft.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:write"))),
)]
pub async fn update_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceWrite>,
    Path(id): Path<InvoiceId>,
    if_match: IfMatch,
    Json(input): Json<UpdateInvoice>,
) -> Result<Tagged<InvoiceBody>, ApiError> {
    let change = input.into_edit(if_match.number());
    let invoice = edit(&state.app, caller.tenant(), id, change).await?;
    Ok(Tagged::new(invoice.version, body(&state.app, &invoice).await?))
}
