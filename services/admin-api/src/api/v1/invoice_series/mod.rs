//! Series: where numbers come from.

mod create;
mod get;
mod list;
mod update;

use gateway_core::domain::invoice::Series;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_invoice_series, create::create_invoice_series))
        .routes(routes!(get::get_invoice_series, update::update_invoice_series))
}

/// A series of numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesBody {
    /// Its id.
    pub id: String,
    /// `invoice`, `credit_note` or `payment_receipt`.
    pub kind: &'static str,
    /// For people.
    pub name: String,
    /// What its numbers begin with.
    pub prefix: String,
    /// `none`, `year` or `month`: when it begins again.
    pub period: &'static str,
    /// The first number of each period.
    pub start: i64,
    /// Digits that a number is filled up to.
    pub padding: u8,
    /// Whether documents of its kind take it.
    pub default: bool,
    /// Whether it has given numbers: then what they look like is settled.
    pub used: bool,
    /// What its first number of 2030 would look like.
    pub example: String,
    /// When it was made.
    pub created_at: String,
}

impl From<&Series> for SeriesBody {
    fn from(series: &Series) -> Self {
        Self {
            id: series.id.to_string(),
            kind: series.kind.as_str(),
            name: series.name.clone(),
            prefix: series.prefix.clone(),
            period: series.period.as_str(),
            start: series.start,
            padding: series.padding,
            default: series.default,
            used: series.used,
            example: series.next(None, "2030-01-31").number,
            created_at: series.created_at.to_string(),
        }
    }
}
