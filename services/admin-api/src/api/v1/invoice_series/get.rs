//! `GET /v1/invoice-series/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::invoicing, domain::SeriesId};
use web_kit::{ApiError, Path};

use super::SeriesBody;
use crate::{
    api::etag::Tagged,
    authority::{Caller, InvoiceSettingsRead},
    state::AppState,
};

/// Read a series of numbers.
#[utoipa::path(
    get, path = "/invoice-series/{id}", tag = "invoice-series", operation_id = "getInvoiceSeries",
    params(("id" = String, Path, description = "The series.")),
    responses((status = 200, description = "The series.", body = SeriesBody)),
    extensions(("x-required-scope" = json!("invoice-settings:read"))),
)]
pub async fn get_invoice_series(
    State(state): State<AppState>,
    caller: Caller<InvoiceSettingsRead>,
    Path(id): Path<SeriesId>,
) -> Result<Tagged<SeriesBody>, ApiError> {
    let (series, version) = invoicing::versioned_series(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(version, SeriesBody::from(&series)))
}
