//! Credit notes: what was taken back of invoices.

mod get;
mod list;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_credit_notes)).routes(routes!(get::get_credit_note))
}
