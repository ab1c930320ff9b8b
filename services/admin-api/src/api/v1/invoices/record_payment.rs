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
    /// Minor units that had come in before, as you know it. Sent along, a request that comes twice counts once.
    paid_before: Option<Whole>,
}

/// Note money that came in outside the gateway, such as a bank transfer, for an invoice made by hand.
///
/// Payments through the gateway note themselves. Never more than is owed: 422 `PAYMENT_EXCEEDS_BALANCE`. Not on top of
/// something that you do not know of: 409 `PAYMENTS_HAVE_CHANGED` where `paidBefore` is no longer so.
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
    let [amount, before] =
        [input.value.amount, input.value.paid_before].map(|whole| whole.map(|minor| minor.0));
    let invoice = invoices::issue::record_payment(&state.app, caller.tenant(), id, amount, before).await?;
    Ok(Json(body(&state.app, &invoice).await?))
}
