//! `GET /v1/dashboard`.

use axum::extract::{RawQuery, State};
use gateway_core::{
    app::dashboard::{self, Period},
    domain::KnownCurrency,
};
use web_kit::{ApiError, Json};

use super::DashboardBody;
use crate::{
    api::query::Filters,
    authority::{Caller, TransactionRead},
    state::AppState,
};

/// Read the dashboard's figures.
///
/// Volume, net, success and refunds of the last days beside as many days before, in one currency; by day, by
/// provider and by site.
#[utoipa::path(
    get, path = "/dashboard", tag = "dashboard", operation_id = "getDashboard",
    params(
        ("days" = Option<i64>, Query, description = "7, 30 (the default) or 90, today included."),
        ("currency" = Option<String>, Query, description = "ISO 4217; the most used one when absent."),
    ),
    responses((status = 200, description = "The figures.", body = DashboardBody)),
    extensions(("x-required-scope" = json!("transaction:read"))),
)]
pub async fn get_dashboard(
    State(state): State<AppState>,
    caller: Caller<TransactionRead>,
    RawQuery(raw): RawQuery,
) -> Result<Json<DashboardBody>, ApiError> {
    let mut filters = Filters::of(raw.as_deref());
    let asked = (
        filters.word("days", Period::ALL, Period::as_str),
        filters.parsed("currency").map(|KnownCurrency(currency)| currency),
    );
    let (period, currency) = filters.finish(asked)?;
    let period = period.unwrap_or_default();
    let found = dashboard::dashboard(&state.app, caller.tenant(), period, currency).await?;
    Ok(Json(DashboardBody::from(&found)))
}
