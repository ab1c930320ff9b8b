//! An invitation into an organization.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    InvitationId, Mode, OrganizationId, PersonId, Tenant, Timestamp,
    invoice::{MailAttempt, MailState, begin_attempt, end_attempt},
    role::Role,
};
use crate::opaque::{Sealed, TokenHash};

/// How long an invitation can be accepted.
pub const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// At most this many open invitations of an organization.
pub const INVITATIONS_MAX: u64 = 500;

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// Can be accepted until it ends.
    Open,
    /// Somebody is a member by it.
    Accepted,
    /// Taken back.
    Revoked,
}

impl InvitationState {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Open, Self::Accepted, Self::Revoked];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
        }
    }
}

super::text_words!(InvitationState, "a state of an invitation");

/// An invitation as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: InvitationId,
    /// Into where.
    pub org: OrganizationId,
    /// Members are members in both modes; invitations stand under live.
    pub mode: Mode,
    /// Whom, lower-cased.
    pub email: String,
    /// As what.
    pub role: Role,
    /// The language of the mail, and of the person if they are new.
    pub language: String,
    /// Keyed hash of the token in the link.
    pub token: TokenHash,
    /// Where it stands.
    pub state: InvitationState,
    /// Who invited, unless the operator did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invited_by: Option<PersonId>,
    /// The mail with the link, until it has gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mail: Option<InvitationMail>,
    /// When it was made, or last sent anew.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// Rises with every change.
    pub version: i64,
}

/// The mail of an invitation. In the invitation, so that both are one commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitationMail {
    /// Where it stands.
    pub state: MailState,
    /// When to try (again). Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// The token of the link, for as long as the mail has not gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<Sealed>,
    /// Every try.
    #[serde(default)]
    pub attempts: Vec<MailAttempt>,
}

impl InvitationMail {
    /// Writes down that it is being handed over.
    pub fn begin(&mut self, lease_until: Timestamp, now: Timestamp) {
        (self.state, self.due) = (MailState::Sending, Some(lease_until));
        begin_attempt(&mut self.attempts, now);
    }

    /// Writes down what became of it. `again` says when to try once more; without that the token goes.
    pub fn end(&mut self, result: Result<(), String>, again: Option<Timestamp>) {
        (self.state, self.due) = end_attempt(&mut self.attempts, result, again);
        if self.due.is_none() {
            self.token = None;
        }
    }
}

impl Invitation {
    /// Field name of [`InvitationMail::token`] for encryption.
    pub const TOKEN_FIELD: &'static str = "mail.token";

    /// Where invitations of an organization stand.
    pub const fn tenant_of(organization: OrganizationId) -> Tenant {
        Tenant::new(organization, Mode::Live)
    }

    /// The tenant that the invitation belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Whether it can be accepted.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == InvitationState::Open && self.expires_at > now
    }
}
