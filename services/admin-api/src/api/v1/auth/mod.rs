//! People: signing in to the API. Answers are the same whatever was wrong, and slow down who guesses.

mod login;
mod logout;
mod me;
mod passkey_begin;
mod passkey_login;
mod refresh;

use gateway_core::{
    app::people::tokens::{ACCESS_LIFETIME, Pair},
    domain::{Mode, OrganizationId, Tenant},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use web_kit::ApiError;

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(me::get_me))
        .routes(routes!(passkey_begin::begin_passkey_login))
        .routes(routes!(passkey_login::passkey_login))
}

/// Tokens of a person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokensBody {
    /// For the `Authorization` header, as a Bearer token.
    pub access_token: String,
    /// Seconds that it is good for.
    pub expires_in: u64,
    /// Good once, for the next pair. Coming a second time it ends the log-in: keep only the newest.
    pub refresh_token: String,
    /// The organization that the access token speaks for; none where the person is in none.
    pub organization_id: Option<String>,
    /// `live` or `test`.
    pub mode: &'static str,
    /// Keep it, and send it with the next log-in from the same machine: its tries are then counted apart from
    /// everybody else's. Only with a log-in by password.
    pub browser: Option<String>,
}

impl TokensBody {
    fn of(pair: &Pair, browser: Option<String>) -> Self {
        Self {
            access_token: pair.access.expose().to_owned(),
            expires_in: ACCESS_LIFETIME.as_secs(),
            refresh_token: pair.refresh.expose().to_owned(),
            organization_id: pair.tenant.map(|tenant| tenant.organization.to_string()),
            mode: pair.tenant.map_or(Mode::Test, |tenant: Tenant| tenant.mode).as_str(),
            browser,
        }
    }
}

/// The organization and mode that a request names.
fn wanted(
    organization: Option<String>,
    mode: Option<String>,
) -> Result<(Option<OrganizationId>, Option<Mode>), ApiError> {
    let organization = organization.map(|text| text.parse()).transpose();
    let organization =
        organization.map_err(|_| ApiError::bad_field("organizationId", "must be 24 hexadecimal digits"))?;
    let mode = mode.map(|text| text.parse()).transpose();
    let mode = mode.map_err(|problem: String| ApiError::bad_field("mode", problem))?;
    Ok((organization, mode))
}
