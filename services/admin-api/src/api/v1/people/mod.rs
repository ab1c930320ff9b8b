//! Members of the caller's organization. People belong to both modes: a key of test mode reads and does not change.

mod get;
mod list;
mod remove;
mod update;

use gateway_core::domain::{OrganizationId, person::Person};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_people)).routes(routes!(
        get::get_person,
        update::update_person,
        remove::remove_person
    ))
}

/// A member of an organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberBody {
    /// The person's id.
    pub id: String,
    /// Their address.
    pub email: String,
    /// What colleagues call them.
    pub name: String,
    /// `viewer`, `editor` or `admin`; none where they have been shut out of the installation.
    pub role: Option<&'static str>,
    /// Whether they sign in with a second factor or a passkey.
    pub strong: bool,
    /// Since when they are a member.
    pub since: Option<String>,
}

impl MemberBody {
    /// What tells one state of a membership from another: its role is all that can be changed.
    fn tag(&self) -> &'static str {
        self.role.unwrap_or("none")
    }

    fn of(person: &Person, organization: OrganizationId) -> Self {
        let membership = person.memberships.iter().find(|membership| membership.org == organization);
        Self {
            id: person.id.to_string(),
            email: person.email.clone(),
            name: person.name.clone(),
            role: person.role_in(organization).map(gateway_core::domain::role::Role::as_str),
            strong: person.has_second_factor() || !person.passkeys.is_empty(),
            since: membership.map(|membership| membership.since.to_string()),
        }
    }
}
