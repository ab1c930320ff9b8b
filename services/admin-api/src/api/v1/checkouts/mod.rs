//! Checkouts: what a merchant asks a customer to pay.

mod create;
mod request;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create::create_checkout))
}
