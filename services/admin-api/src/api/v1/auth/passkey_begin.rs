//! `POST /v1/auth/passkey/begin`.

use axum::extract::State;
use gateway_core::app::people::passkeys;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use web_kit::{ApiError, ClientIp, Json};

use crate::state::AppState;

/// A challenge for a passkey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyChallengeBody {
    /// To be sent back with the answer, within five minutes.
    pub challenge: String,
    /// For the browser's `navigator.credentials.get`, binary fields in base64url.
    #[schema(value_type = Object)]
    pub options: Value,
}

/// Begin to sign in with a passkey.
///
/// Nobody need say who they are. It works on the panel's host name alone.
#[utoipa::path(
    post, path = "/auth/passkey/begin", tag = "auth", operation_id = "beginPasskeyLogin",
    responses((status = 200, description = "A challenge.", body = PasskeyChallengeBody)),
    extensions(("x-public" = json!(true)), ("x-may-refuse" = json!(true))),
)]
pub async fn begin_passkey_login(
    State(state): State<AppState>,
    address: ClientIp,
) -> Result<Json<PasskeyChallengeBody>, ApiError> {
    state.limits.check_address(address)?;
    let begun = passkeys::begin_sign_in(&state.app).await?;
    Ok(Json(PasskeyChallengeBody { challenge: begun.challenge.expose().to_owned(), options: begun.options }))
}
