//! `GET /v1/invoice-settings`.

use axum::extract::State;
use gateway_core::app::settings::invoicing;
use web_kit::ApiError;

use super::{InvoiceSettingsBody, body};
use crate::{
    api::etag::Tagged,
    authority::{Caller, InvoiceSettingsRead},
    state::AppState,
};

/// Read the invoice settings of the key's organization and mode.
#[utoipa::path(
    get, path = "/invoice-settings", tag = "invoice-settings", operation_id = "getInvoiceSettings",
    responses((status = 200, description = "The settings.", body = InvoiceSettingsBody)),
    extensions(("x-required-scope" = json!("invoice-settings:read"))),
)]
pub async fn get_invoice_settings(
    State(state): State<AppState>,
    caller: Caller<InvoiceSettingsRead>,
) -> Result<Tagged<InvoiceSettingsBody>, ApiError> {
    let (settings, profile) = invoicing::get(&state.app, caller.tenant()).await?;
    Ok(Tagged::new(settings.version, body(&state.app, &settings, profile)))
}
