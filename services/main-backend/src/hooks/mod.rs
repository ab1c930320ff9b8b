//! Providers' webhooks: `POST /hooks/{type}/{providerId}`. Stored before they are answered, applied after.

mod quotas;
mod receive;
mod refusals;

use axum::Router;
use axum::routing::post;

pub(crate) use quotas::Quotas;
pub(crate) use refusals::Refusals;

use crate::gateway::Shared;

/// The webhooks' routes. All providers here post; another method answers 405.
pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/hooks/{type}/{provider}", post(receive::receive))
}
