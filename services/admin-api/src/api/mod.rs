//! The API, answered under `/api/v1` and `/v1` alike.

mod body;
mod docs;
mod document;
pub mod etag;
mod idempotency;
mod number;
pub(crate) mod query;
pub mod v1;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};

use http::header;
use tokio::sync::OnceCell;
use utoipa_axum::router::OpenApiRouter;
use web_kit::ApiError;

use crate::{audit, state::AppState};

/// Every route, without the layers of a listener.
pub fn router(state: AppState) -> Router {
    let (routes, document) = v1::router().split_for_parts();
    let recording = (state.app.clone(), Arc::new(audit::Operations::of(&document)));
    let known = Arc::new(query::Known::of(&document));
    let routes = routes.route_layer(from_fn_with_state(known, query::layer));
    let routes = routes.route_layer(from_fn_with_state(recording, audit::layer));
    let open_api = Router::new().route("/openapi.json", get(open_api));
    let open_api = open_api.route("/docs", get(docs::show));
    let routes = routes.merge(open_api).with_state(state);
    Router::new().nest("/api/v1", routes.clone()).nest("/v1", routes)
}

/// The OpenAPI document, made from the handlers.
pub fn document() -> serde_json::Value {
    document_of("https://gateway.example.com")
}

/// The same of an installation at an address.
fn document_of(server: &str) -> serde_json::Value {
    document::complete(OpenApiRouter::new().nest("/api/v1", v1::router()).into_openapi(), server)
}

/// `GET /api/v1/openapi.json`. Made the first time that somebody asks, on a thread of its own: building it takes
/// several megabytes, which go back when that thread ends.
async fn open_api(State(state): State<AppState>) -> Result<Response, ApiError> {
    static BYTES: OnceCell<Bytes> = OnceCell::const_new();
    let server = state.app.urls.admin_backend.to_string();
    let write = move || serde_json::to_vec(&document_of(&server)).map(Bytes::from);
    let bytes = BYTES
        .get_or_try_init(async || {
            let written = tokio::task::spawn_blocking(write).await.map_err(ApiError::internal)?;
            written.map_err(ApiError::internal)
        })
        .await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes.clone()).into_response())
}
