//! The checkout runtime API: what a shop's own page, or ours, does for a customer. No API key: the
//! session's public id is the proof.

mod cancel;
mod create;
mod events;
mod get_checkout;
mod open_api;
mod origin;
mod proof;
mod status;

use axum::Router;
use axum::routing::{get, post};

use crate::gateway::Shared;

/// The runtime's routes.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/openapi.json", get(open_api::open_api))
        .route("/api/v1/checkouts/{session}", get(get_checkout::get_checkout).options(origin::preflight))
        .route("/api/v1/transactions/create", post(create::create).options(origin::preflight))
        .route("/api/v1/transactions/{id}/status", get(status::status).options(origin::preflight))
        .route("/api/v1/transactions/{id}/events", get(events::events).options(origin::preflight))
        .route("/api/v1/transactions/{id}/cancel", post(cancel::cancel).options(origin::preflight))
}
