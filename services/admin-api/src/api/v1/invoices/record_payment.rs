//! `POST /v1/invoices/{id}/record-payment`.

use axum::extract::State;
use gateway_core::{app::invoices, domain::InvoiceId};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{InvoiceBody, body};
use crate::{
    api::{body::OptionalJson, number::Whole},
    authority::{Caller, InvoiceWrite},
    state::AppState,
};

/// Money that came in.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordPayment {
    /// Minor units; all that is owed when absent.
    amount: Option<Whole>,
}

/// Note money that came in outside the gateway, such as a bank transfer, for an invoice made by hand.
///
/// Payments through the gateway note themselves. Never more than is owed: 422 `PAYMENT_EXCEEDS_BALANCE`.
#[utoipa::path(
    post, path = "/invoices/{id}/record-payment", tag = "invoices", operation_id = "recordInvoicePayment",
    params(("id" = String, Path, description = "The invoice.")),
    request_body = Option<RecordPayment>,
    responses((status = 200, description = "The invoice.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:write"))),
)]
pub async fn record_invoice_payment(
    State(state): State<AppState>,
    caller: Caller<InvoiceWrite>,
    Path(id): Path<InvoiceId>,
    input: OptionalJson<RecordPayment>,
) -> Result<Json<InvoiceBody>, ApiError> {
    let amount = input.value.amount.map(|amount| amount.0);
    let invoice = invoices::issue::record_payment(&state.app, caller.tenant(), id, amount).await?;
    Ok(Json(body(&state.app, &invoice).await?))
}
