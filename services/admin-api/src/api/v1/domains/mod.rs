//! Custom checkout domains: host names of merchants under which their sites' checkouts are shown.

mod check;
mod create;
mod delete;
mod get;
mod list;
mod verify;

use gateway_core::{
    app::{App, settings::domains},
    domain::custom_domain::CustomDomain,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_domains, create::create_domain))
        .routes(routes!(verify::verify_domain))
        .routes(routes!(get::get_domain, delete::delete_domain))
        .routes(routes!(check::check_domain))
}

/// A custom checkout domain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainBody {
    /// Its id.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// The site whose checkouts are shown under it.
    pub site_id: String,
    /// The host name, international ones in Punycode.
    pub host: String,
    /// `pending` until a check finds that it points here and holds the record of `challenge`, then `verified`. Looked
    /// at again daily; `pending` again once it has pointed elsewhere for three days.
    pub state: &'static str,
    /// The TXT record that proves the host to be the organization's.
    pub challenge: ChallengeBody,
    /// What the last check found wrong, and what to change.
    pub problem: Option<String>,
    /// When it was last checked.
    pub checked_at: Option<String>,
    /// Since when a verified host has not pointed here.
    pub elsewhere_since: Option<String>,
    /// When it was registered.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A TXT record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeBody {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl DomainBody {
    /// With the record that the organization must make.
    pub(super) fn of(app: &App, domain: &CustomDomain) -> Self {
        let challenge = domains::challenge(app, domain.org, &domain.host);
        Self {
            challenge: ChallengeBody { name: challenge.name, text: challenge.text },
            elsewhere_since: domain.elsewhere_since.map(|at| at.to_string()),
            id: domain.id.to_string(),
            mode: domain.mode.as_str(),
            site_id: domain.site_id.to_string(),
            host: domain.host.clone(),
            state: domain.state.as_str(),
            problem: domain.problem.clone(),
            checked_at: domain.checked_at.map(|at| at.to_string()),
            created_at: domain.created_at.to_string(),
            updated_at: domain.updated_at.to_string(),
        }
    }
}
