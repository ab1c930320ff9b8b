//! `POST /v1/checkouts/{siteId}/create`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gateway_core::{app::create_checkout, domain::SiteId};
use http::header;
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Path, RawJson};

use super::request::CreateCheckout;
use crate::{
    api::idempotency::IdempotencyHeader,
    authority::{Caller, CheckoutCreate},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/checkouts/{siteId}/create";

/// A checkout that was created. What is sent are the bytes that the use case stored: a repetition with the
/// same `Idempotency-Key` gets them again, byte for byte.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutCreated {
    /// Its id.
    pub id: String,
    /// Its name in the checkout runtime and in IPNs.
    pub session_public_id: String,
    /// The code in `paymentUrl`.
    pub short_code: String,
    /// Where to send the customer.
    pub payment_url: String,
    /// `open`.
    pub status: String,
    /// What is charged, in minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// When it can no longer be paid.
    pub expires_at: String,
}

/// Create a checkout.
///
/// Answers 200 with the address to send the customer to. A new checkout of the same site and
/// `externalReference` makes the older open one unpayable.
#[utoipa::path(
    post, path = "/checkouts/{siteId}/create", tag = "checkouts", operation_id = "createCheckout",
    params(
        ("siteId" = String, Path, description = "The site, of the key's organization and mode."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = CreateCheckout,
    responses((status = 200, description = "Created.", body = CheckoutCreated)),
    extensions(("x-required-scope" = json!("checkout:create"))),
)]
pub async fn create_checkout(
    State(state): State<AppState>,
    caller: Caller<CheckoutCreate>,
    Path(site_id): Path<SiteId>,
    idempotency: IdempotencyHeader,
    body: RawJson<CreateCheckout>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let new = body.value.into_new();
    let reply =
        create_checkout::create_checkout(&state.app, caller.tenant(), site_id, new, idempotency.as_ref())
            .await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], reply).into_response())
}
