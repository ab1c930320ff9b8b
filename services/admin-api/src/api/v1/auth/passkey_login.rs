//! `POST /v1/auth/passkey/login`.

use axum::extract::State;
use gateway_core::app::people::{passkeys, tokens};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use web_kit::{ApiError, ClientIp, Json};

use super::{TokensBody, wanted};
use crate::state::AppState;

/// A passkey's answer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasskeyLogin {
    /// The challenge that it answers.
    challenge: String,
    /// What the browser's `navigator.credentials.get` answered, binary fields in base64url.
    #[schema(value_type = Object)]
    credential: Value,
    /// The organization to speak for; the first one otherwise.
    organization_id: Option<String>,
    /// `live` or `test`; `test` otherwise.
    mode: Option<String>,
}

/// Sign in with a passkey.
///
/// It is both factors at once. 401 `PASSKEY_REFUSED` whatever is wrong.
#[utoipa::path(
    post, path = "/auth/passkey/login", tag = "auth", operation_id = "passkeyLogin",
    request_body = PasskeyLogin,
    responses((status = 200, description = "Tokens.", body = TokensBody)),
    extensions(("x-public" = json!(true)), ("x-may-refuse" = json!(true))),
)]
pub async fn passkey_login(
    State(state): State<AppState>,
    address: ClientIp,
    Json(input): Json<PasskeyLogin>,
) -> Result<Json<TokensBody>, ApiError> {
    state.limits.check_address(address)?;
    let wanted = wanted(input.organization_id, input.mode)?;
    let person = passkeys::finish_sign_in(&state.app, &input.challenge, input.credential).await?;
    let pair = tokens::issue(&state.app, &state.jwt, &person, wanted).await?;
    Ok(Json(TokensBody::of(&pair, None)))
}
