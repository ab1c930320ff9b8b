//! `GET /v1/domains/verify`: what the proxy asks before it makes a certificate for a host.

use axum::extract::State;
use gateway_core::domain::custom_domain::normal_host;
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, ClientIp, Query};

use crate::state::AppState;

/// The host in question.
#[derive(Debug, Deserialize)]
pub struct VerifyQuery {
    #[serde(default)]
    domain: String,
}

/// Whether a host is a verified checkout domain.
///
/// Public: it says no more than what a TLS handshake shows. Verified hosts are always answered; other names count against
/// their caller's limit, since anybody can open connections under any number of them.
#[utoipa::path(
    get, path = "/domains/verify", tag = "domains", operation_id = "verifyDomain",
    params(("domain" = String, Query, description = "The host name.")),
    responses(
        (status = 200, description = "It is; no body."),
        (status = 403, description = "It is not; no body."),
    ),
    extensions(("x-public" = json!(true))),
)]
pub async fn verify_domain(
    State(state): State<AppState>,
    address: ClientIp,
    Query(query): Query<VerifyQuery>,
) -> Result<StatusCode, ApiError> {
    if let Ok(host) = normal_host(&query.domain)
        && state.app.verified_domain(&host).await?.is_some()
    {
        return Ok(StatusCode::OK);
    }
    state.limits.check_unknown_host(address)?;
    Ok(StatusCode::FORBIDDEN)
}
