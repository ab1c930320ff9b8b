//! The checkout as customers see it.

mod back;
mod discount;
mod forms;
mod host;
mod live_state;
mod methods;
pub mod pages;
mod pay;
mod return_;
mod show;
mod stage;
mod transfer;
pub(crate) mod view;

pub(crate) use discount::CodeLimits;

use axum::Router;
use axum::routing::get;

use crate::gateway::Shared;

/// The pages' routes.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/checkout/{code}", get(show::show))
        // A reader who reloads the page that answered their form.
        .route("/checkout/{code}/pay", get(back::to_page).post(pay::pay))
        .route("/checkout/{code}/discount", get(back::to_page).post(discount::change))
        .route("/checkout/{code}/return", get(return_::back_from_provider))
        .route("/checkout/{code}/back", get(back::gave_up))
        .route("/checkout/{code}/status", get(live_state::status))
        .route("/checkout/{code}/events", get(live_state::events))
}
