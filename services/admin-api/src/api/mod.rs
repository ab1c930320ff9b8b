//! The API, answered under `/api/v1` and `/v1` alike.

mod body;
mod document;
mod idempotency;
mod number;
mod query;
pub mod v1;

use axum::{Router, routing::get};
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every route, without the layers of a listener.
pub fn router(state: AppState) -> Router {
    let (routes, _) = v1::router().split_for_parts();
    let document = document();
    let open_api = Router::new().route("/openapi.json", get(async move || axum::Json(document)));
    let routes = routes.merge(open_api).with_state(state);
    Router::new().nest("/api/v1", routes.clone()).nest("/v1", routes)
}

/// The OpenAPI document, made from the handlers.
pub fn document() -> serde_json::Value {
    document::complete(OpenApiRouter::new().nest("/api/v1", v1::router()).into_openapi())
}
