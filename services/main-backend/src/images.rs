//! `GET /images/{id}`: a product's picture from the page's own origin, so that the page asks no third party.
//! The id is a keyed hash: whoever has seen the checkout knows it, and nobody guesses it.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gateway_core::app::images;
use gateway_core::domain::ImageId;
use http::header;
use web_kit::{ApiError, Path};

use crate::gateway::Shared;

/// The routes of the page listener.
pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/images/{id}", get(show))
}

/// A picture's path.
pub(crate) fn path(id: ImageId) -> String {
    format!("/images/{id}")
}

/// What is behind an id never changes: another address has another id.
async fn show(State(gateway): State<Shared>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found("picture");
    let id: ImageId = id.parse().map_err(|_| missing())?;
    let jpeg = images::lookup(&gateway.app, id).await?.ok_or_else(missing)?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, jpeg.0).into_response())
}
