//! `GET /v1/invoice-series`.

use axum::extract::State;
use gateway_core::app::settings::invoicing;
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::SeriesBody;
use crate::{
    authority::{Caller, InvoiceSettingsRead},
    state::AppState,
};

/// All series; at most 50.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeriesList {
    /// The series, oldest first.
    data: Vec<SeriesBody>,
}

/// List series of numbers.
#[utoipa::path(
    get, path = "/invoice-series", tag = "invoice-series", operation_id = "listInvoiceSeries",
    responses((status = 200, description = "All series.", body = SeriesList)),
    extensions(("x-required-scope" = json!("invoice-settings:read"))),
)]
pub async fn list_invoice_series(
    State(state): State<AppState>,
    caller: Caller<InvoiceSettingsRead>,
) -> Result<Json<SeriesList>, ApiError> {
    let (settings, _) = invoicing::get(&state.app, caller.tenant()).await?;
    Ok(Json(SeriesList { data: settings.series.iter().map(SeriesBody::from).collect() }))
}
