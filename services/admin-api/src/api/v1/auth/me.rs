//! `GET /v1/auth/me`.

use gateway_core::domain::person::{Membership, Person};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::Json;

use crate::authority::SomePerson;

/// The person who asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeBody {
    /// Their id.
    pub id: String,
    /// Their address.
    pub email: String,
    /// What colleagues call them.
    pub name: String,
    /// Their language.
    pub language: String,
    /// Whether they administer the installation.
    pub system_admin: bool,
    /// Whether a password alone does not sign them in.
    pub second_factor: bool,
    /// How many recovery codes are left.
    pub recovery_codes_left: usize,
    /// Their passkeys.
    pub passkeys: Vec<PasskeyBody>,
    /// Where they are what.
    pub memberships: Vec<MembershipBody>,
    /// The organization that the token speaks for.
    pub organization_id: Option<String>,
    /// `live` or `test`.
    pub mode: Option<&'static str>,
}

/// A passkey.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyBody {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was registered.
    pub created_at: String,
    /// When it last signed somebody in.
    pub last_used_at: Option<String>,
}

/// A person's part in an organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipBody {
    /// The organization.
    pub organization_id: String,
    /// `viewer`, `editor` or `admin`.
    pub role: &'static str,
    /// Since when.
    pub since: String,
}

impl From<&Membership> for MembershipBody {
    fn from(membership: &Membership) -> Self {
        Self {
            organization_id: membership.org.to_string(),
            role: membership.role.as_str(),
            since: membership.since.to_string(),
        }
    }
}

/// Read who you are, and where you are what.
///
/// Asks for a person's access token.
#[utoipa::path(
    get, path = "/auth/me", tag = "auth", operation_id = "getMe",
    responses((status = 200, description = "You.", body = MeBody)),
    extensions(("x-person" = json!(true))),
)]
pub async fn get_me(me: SomePerson) -> Json<MeBody> {
    let person: &Person = &me.person;
    let passkeys = person.passkeys.iter().map(|record| PasskeyBody {
        id: record.id.to_string(),
        name: record.name.clone(),
        created_at: record.created_at.to_string(),
        last_used_at: record.last_used_at.map(|at| at.to_string()),
    });
    Json(MeBody {
        id: person.id.to_string(),
        email: person.email.clone(),
        name: person.name.clone(),
        language: person.language.clone(),
        system_admin: person.system_admin,
        second_factor: person.has_second_factor(),
        recovery_codes_left: person.recovery.len(),
        passkeys: passkeys.collect(),
        memberships: person.memberships.iter().map(MembershipBody::from).collect(),
        organization_id: me.tenant.map(|tenant| tenant.organization.to_string()),
        mode: me.tenant.map(|tenant| tenant.mode.as_str()),
    })
}
