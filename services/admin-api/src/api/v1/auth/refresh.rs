//! `POST /v1/auth/refresh`.

use axum::extract::State;
use gateway_core::app::people::tokens;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, ClientIp, Json};

use super::{TokensBody, wanted};
use crate::state::AppState;

/// A refresh token to spend.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the API's own names")]
pub struct Refresh {
    /// The newest one.
    refresh_token: String,
    /// The organization to speak for from now on; the same as before otherwise.
    organization_id: Option<String>,
    /// `live` or `test`; the same as before otherwise.
    mode: Option<String>,
}

/// Get the next tokens, for another organization or mode if wanted.
///
/// A refresh token is good once. One that comes a second time is held by two: all that came of its log-in ends, 401.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", operation_id = "refreshTokens",
    request_body = Refresh,
    responses((status = 200, description = "Tokens.", body = TokensBody)),
    extensions(("x-public" = json!(true)), ("x-may-refuse" = json!(true))),
)]
pub async fn refresh(
    State(state): State<AppState>,
    address: ClientIp,
    Json(input): Json<Refresh>,
) -> Result<Json<TokensBody>, ApiError> {
    state.limits.check_address(address)?;
    let wanted = wanted(input.organization_id, input.mode)?;
    let pair = tokens::refresh(&state.app, &state.jwt, &input.refresh_token, wanted).await?;
    Ok(Json(TokensBody::of(&pair, None)))
}
