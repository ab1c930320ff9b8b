//! `PATCH /v1/invoice-series/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::invoicing, domain::SeriesId};
use web_kit::{ApiError, Json, Path};

use super::{SeriesBody, create::SeriesInput};
use crate::{
    api::etag::{IfMatch, Tagged},
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
    if_match: IfMatch,
    Json(input): Json<SeriesInput>,
) -> Result<Tagged<SeriesBody>, ApiError> {
    let settings = invoicing::SeriesSettings { expected_version: if_match.number(), ..input.into_settings() };
    let (series, version) = invoicing::update_series(&state.app, caller.tenant(), id, settings).await?;
    Ok(Tagged::new(version, SeriesBody::from(&series)))
}
