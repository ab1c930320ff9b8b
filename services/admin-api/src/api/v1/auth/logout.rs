//! `POST /v1/auth/logout`.

use axum::extract::State;
use gateway_core::app::people::tokens;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, ClientIp, Json};

use crate::state::AppState;

/// A log-in to end.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Logout {
    /// Any refresh token of it.
    refresh_token: String,
}

/// Sign out.
///
/// All tokens of the log-in end, on every node within 5 s. Harmless to repeat.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth", operation_id = "logout",
    request_body = Logout,
    responses((status = 204, description = "Signed out.")),
    extensions(("x-public" = json!(true))),
)]
pub async fn logout(
    State(state): State<AppState>,
    address: ClientIp,
    Json(input): Json<Logout>,
) -> Result<StatusCode, ApiError> {
    state.limits.check_address(address)?;
    tokens::revoke(&state.app, &input.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}
