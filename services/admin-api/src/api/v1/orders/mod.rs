//! Orders: what a site sells under one reference, with its checkouts, its payments and what the shop was told.

mod body;
mod get;
mod list;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_orders)).routes(routes!(get::get_order))
}
