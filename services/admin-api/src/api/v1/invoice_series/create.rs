//! `POST /v1/invoice-series`.

use axum::extract::State;
use gateway_core::{
    app::settings::invoicing::{self, SeriesSettings},
    domain::invoice::{PaperKind, SeriesPeriod},
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::SeriesBody;
use crate::{
    api::number::Whole,
    authority::{Caller, InvoiceSettingsWrite},
    state::AppState,
};

/// A series. In a change, what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeriesInput {
    /// `invoice`, `credit_note` or `payment_receipt`; required for a new series, never changed.
    #[schema(value_type = Option<String>)]
    kind: Option<PaperKind>,
    /// For people.
    name: Option<String>,
    /// What its numbers begin with: 1 to 16 letters, digits or - / . _; required for a new series.
    prefix: Option<String>,
    /// `none`, `year` (default) or `month`.
    #[schema(value_type = Option<String>)]
    period: Option<SeriesPeriod>,
    /// The first number of each period; 1 when absent.
    start: Option<Whole>,
    /// Digits that a number is filled up to, 0 to 12; 5 when absent.
    padding: Option<Whole>,
    /// Whether documents of its kind that name no series take it.
    default: Option<bool>,
}

impl SeriesInput {
    /// What the use case takes.
    pub fn into_settings(self) -> SeriesSettings {
        SeriesSettings {
            kind: self.kind,
            name: self.name,
            prefix: self.prefix,
            period: self.period,
            start: self.start.map(|start| start.0),
            padding: self.padding.map(|padding| padding.0),
            default: self.default,
            ..SeriesSettings::default()
        }
    }
}

/// Create a series of numbers. No prefix may begin with another's.
#[utoipa::path(
    post, path = "/invoice-series", tag = "invoice-series", operation_id = "createInvoiceSeries",
    request_body = SeriesInput,
    responses((status = 201, description = "The series.", body = SeriesBody)),
    extensions(("x-required-scope" = json!("invoice-settings:write"))),
)]
pub async fn create_invoice_series(
    State(state): State<AppState>,
    caller: Caller<InvoiceSettingsWrite>,
    Json(input): Json<SeriesInput>,
) -> Result<(StatusCode, Json<SeriesBody>), ApiError> {
    let series = invoicing::create_series(&state.app, caller.tenant(), input.into_settings()).await?;
    Ok((StatusCode::CREATED, Json(SeriesBody::from(&series))))
}
