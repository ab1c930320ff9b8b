//! Somebody who signs in: with what, and what they are in which organization.

use serde::{Deserialize, Serialize};

use super::{Mode, OrganizationId, PasskeyId, PersonId, Tenant, Timestamp, role::Role, scope::Scope};
use crate::opaque::{Sealed, TokenHash};

/// Languages that people may choose.
pub const LANGUAGES: &[&str] = &["en", "pt", "de", "fr", "es"];
/// At most this many passkeys.
pub const PASSKEYS_MAX: usize = 20;
/// At most this many organizations.
pub const MEMBERSHIPS_MAX: usize = 100;
/// How many recovery codes are made at once.
pub const RECOVERY_CODES: usize = 10;

/// A person as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Their id.
    #[serde(rename = "_id")]
    pub id: PersonId,
    /// People belong to the installation: always [`Tenant::INSTALLATION`]'s.
    pub org: OrganizationId,
    /// Likewise.
    pub mode: Mode,
    /// Lower-cased, unique. Not sealed like customers' addresses: it is the staff's own name at this
    /// installation, is asked for at every log-in by people of any organization, and is shown to colleagues.
    pub email: String,
    /// What colleagues call them.
    pub name: String,
    /// A word of [`LANGUAGES`].
    pub language: String,
    /// Argon2id in PHC form; without one they sign in with passkeys alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
    /// The second factor beside the password.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub totp: Option<Totp>,
    /// What is left of the recovery codes, each good once in place of a TOTP.
    #[serde(default)]
    pub recovery: Vec<TokenHash>,
    /// Their passkeys.
    #[serde(default)]
    pub passkeys: Vec<PasskeyRecord>,
    /// Whether they administer the installation: make organizations, and invite people into them. It opens no
    /// organization by itself.
    #[serde(default)]
    pub system_admin: bool,
    /// Where they may do what.
    #[serde(default)]
    pub memberships: Vec<Membership>,
    /// When they were shut out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disabled_at: Option<Timestamp>,
    /// When they were made.
    pub created_at: Timestamp,
    /// Rises with every change.
    pub version: i64,
}

/// Time-based one-time passwords (RFC 6238).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totp {
    /// The shared secret.
    pub secret: Sealed,
    /// When the first code proved that the secret arrived; before that it is not asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirmed_at: Option<Timestamp>,
    /// The step of the last code taken: neither it nor an earlier one is taken again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_step: Option<i64>,
}

/// A passkey.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyRecord {
    /// Its id here.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    /// The id that the authenticator gave it, in base64url. Unique over all people.
    pub credential_id: String,
    /// Public key and counter, as JSON.
    pub credential: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last signed somebody in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used_at: Option<Timestamp>,
}

/// A person's part in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// The organization, in both modes.
    pub org: OrganizationId,
    /// What they may do there.
    pub role: Role,
    /// Since when they are a member.
    pub since: Timestamp,
}

impl Person {
    /// Where people stand.
    pub const TENANT: Tenant = Tenant::INSTALLATION;
    /// Field name of [`Totp::secret`] for encryption.
    pub const TOTP_FIELD: &'static str = "totp.secret";

    /// Somebody who was just made: with no way to sign in yet, and in no organization.
    pub fn new(id: PersonId, email: String, name: String, language: String, now: Timestamp) -> Self {
        Self {
            id,
            org: Self::TENANT.organization,
            mode: Self::TENANT.mode,
            email,
            name,
            language,
            password: None,
            totp: None,
            recovery: Vec::new(),
            passkeys: Vec::new(),
            system_admin: false,
            memberships: Vec::new(),
            disabled_at: None,
            created_at: now,
            version: 1,
        }
    }

    /// The tenant: the installation.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// What they are in an organization; nothing while they are shut out.
    pub fn role_in(&self, organization: OrganizationId) -> Option<Role> {
        if self.disabled_at.is_some() {
            return None;
        }
        self.memberships.iter().find(|membership| membership.org == organization).map(|found| found.role)
    }

    /// Whether they may do in an organization what asks for `scope`.
    pub fn grants(&self, organization: OrganizationId, scope: Scope) -> bool {
        self.role_in(organization).is_some_and(|role| role.grants(scope))
    }

    /// Whether a password alone does not sign them in.
    pub fn has_second_factor(&self) -> bool {
        self.totp.as_ref().is_some_and(|totp| totp.confirmed_at.is_some())
    }

    /// Makes them a member, or changes their role.
    pub fn put_membership(&mut self, organization: OrganizationId, role: Role, now: Timestamp) {
        match self.memberships.iter_mut().find(|membership| membership.org == organization) {
            Some(membership) => membership.role = role,
            None => self.memberships.push(Membership { org: organization, role, since: now }),
        }
    }

    /// Takes them out of an organization; whether they were in.
    pub fn end_membership(&mut self, organization: OrganizationId) -> bool {
        let before = self.memberships.len();
        self.memberships.retain(|membership| membership.org != organization);
        self.memberships.len() < before
    }
}
