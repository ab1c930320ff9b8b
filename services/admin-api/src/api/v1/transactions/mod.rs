//! Transactions: one provider's try at paying a checkout.

mod body;
mod cancel;
mod cancel_refund;
mod capture;
mod confirm_manual;
mod get;
mod list;
mod record_refund;
mod refund;
mod resend_notification;
mod resolve_review;
mod reverse_confirmation;

pub(super) use body::{ReviewBody, TransactionBody, capture_method};

use axum::response::{IntoResponse, Response};
use http::header;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_transactions))
        .routes(routes!(get::get_transaction))
        .routes(routes!(refund::refund_transaction))
        .routes(routes!(cancel_refund::cancel_refund))
        .routes(routes!(capture::capture_transaction))
        .routes(routes!(cancel::cancel_transaction))
        .routes(routes!(confirm_manual::confirm_transaction_manually))
        .routes(routes!(reverse_confirmation::reverse_confirmation))
        .routes(routes!(record_refund::record_bank_refund))
        .routes(routes!(resolve_review::resolve_review))
        .routes(routes!(resend_notification::resend_notification))
}

/// A stored or rendered reply, as the exact bytes that a repetition gets again.
fn reply(text: String) -> Response {
    (body::status_of(&text), [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
