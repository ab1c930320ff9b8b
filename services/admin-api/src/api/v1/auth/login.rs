//! `POST /v1/auth/login`.

use axum::extract::State;
use gateway_core::{
    app::people::{
        second::Second,
        sign_in::{self, Attempt},
        tokens,
    },
    crypto::Secret,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, ClientIp, Json};

use super::{TokensBody, wanted};
use crate::state::AppState;

/// Who signs in. No `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    /// The address.
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// The code of the authenticator app, where there is one.
    totp: Option<String>,
    /// A recovery code in its place.
    recovery_code: Option<String>,
    /// The organization to speak for; the first one otherwise.
    organization_id: Option<String>,
    /// `live` or `test`; `test` otherwise.
    mode: Option<String>,
    /// What the last log-in answered, from the same machine.
    browser: Option<String>,
}

/// Sign in with a password, and the second factor where there is one.
///
/// 401 `SIGN_IN_REFUSED` whatever is wrong; 401 `SECOND_FACTOR_REQUIRED` for the right password alone. After a few
/// tries each has to wait longer than the one before: 429 with `Retry-After`.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", operation_id = "login",
    request_body = Login,
    responses((status = 200, description = "Tokens.", body = TokensBody)),
    extensions(("x-public" = json!(true)), ("x-may-refuse" = json!(true))),
)]
pub async fn login(
    State(state): State<AppState>,
    address: ClientIp,
    Json(input): Json<Login>,
) -> Result<Json<TokensBody>, ApiError> {
    state.limits.check_address(address)?;
    let wanted = wanted(input.organization_id, input.mode)?;
    let second = match (input.totp, input.recovery_code) {
        (Some(code), _) => Second::Totp(code),
        (None, Some(code)) => Second::Recovery(Secret::new(code)),
        (None, None) => Second::None,
    };
    let attempt = Attempt {
        email: input.email,
        password: Secret::new(input.password),
        second,
        address: address.0,
        browser: input.browser,
    };
    let person = sign_in::with_password(&state.app, &attempt).await?;
    let pair = tokens::issue(&state.app, &state.jwt, &person, wanted).await?;
    let browser = sign_in::known_browser(&state.app, person.id);
    Ok(Json(TokensBody::of(&pair, Some(browser))))
}
