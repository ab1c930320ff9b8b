//! `PATCH /v1/invoice-series/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::invoicing, domain::SeriesId};
use web_kit::{ApiError, Json, Path};

use super::{SeriesBody, create::SeriesInput};
use crate::{
    authority::{Caller, InvoiceSettingsWrite},
    state::AppState,
};

/// Change a series. What its numbers look like is settled once it has given one: 409 `SERIES_IN_USE`.
#[utoipa::path(
    patch, path = "/invoice-series/{id}", tag = "invoice-series", operation_id = "updateInvoiceSeries",
    params(("id" = String, Path, description = "The series.")),
    request_body = SeriesInput,
    responses((status = 200, description = "The series.", body = SeriesBody)),
    extensions(("x-required-scope" = json!("invoice-settings:write"))),
)]
pub async fn update_invoice_series(
    State(state): State<AppState>,
    caller: Caller<InvoiceSettingsWrite>,
    Path(id): Path<SeriesId>,
    Json(input): Json<SeriesInput>,
) -> Result<Json<SeriesBody>, ApiError> {
    let series = invoicing::update_series(&state.app, caller.tenant(), id, input.into_settings()).await?;
    Ok(Json(SeriesBody::from(&series)))
}
