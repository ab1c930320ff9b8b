//! Version 1: a folder per resource, a file per operation.

pub mod checkouts;
pub mod sites;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every operation.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().merge(checkouts::router()).merge(sites::router())
}
