//! What stands behind tokens that are good for a while: one-time links, passkey challenges, refresh tokens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Mode, OrganizationId, PersonId, Timestamp};
use crate::opaque::TokenHash;

/// How long a set-up link works: it stands in the service's log. A new start prints a new one.
pub const SETUP_LIFETIME: Duration = Duration::from_hours(24);
/// How long the link of `people reset` works: somebody waits for it.
pub const RESET_LIFETIME: Duration = Duration::from_hours(1);
/// How long a browser has to answer a passkey challenge.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_mins(5);
/// How long the refresh tokens of one log-in work in all.
pub const REFRESH_LIFETIME: Duration = Duration::from_hours(14 * 24);

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Making the first person.
    Setup,
    /// A new password for somebody who is locked out; ends their second factor.
    Reset,
}

impl LinkPurpose {
    /// What its token is hashed for.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Reset => "reset",
        }
    }
}

/// A link that works once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Keyed hash of the token in it.
    #[serde(rename = "_id")]
    pub id: TokenHash,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// For whom, where there is somebody already.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<PersonId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends. Indexed: the database takes it away.
    pub expires_at: Timestamp,
}

/// A passkey ceremony that has begun: what the server must remember until the browser answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Challenge {
    /// Keyed hash of the token that the browser brings back.
    #[serde(rename = "_id")]
    pub id: TokenHash,
    /// Who registers a passkey; nobody yet where somebody signs in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<PersonId>,
    /// The ceremony, as JSON.
    pub state: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends. Indexed: the database takes it away.
    pub expires_at: Timestamp,
}

/// A refresh token: good once, for the next pair of tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshToken {
    /// Keyed hash of the token.
    #[serde(rename = "_id")]
    pub id: TokenHash,
    /// What all tokens of one log-in share.
    pub family: String,
    /// Whose.
    pub person: PersonId,
    /// The organization that the access tokens speak for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub org: Option<OrganizationId>,
    /// Live or test.
    pub mode: Mode,
    /// When it was spent. Presented again after that, it ends its whole family: two hold it, and one of them stole
    /// it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the family ends. Indexed: the database takes it away.
    pub expires_at: Timestamp,
}

/// How long a code by mail works.
pub const SIGN_IN_CODE_LIFETIME: Duration = Duration::from_mins(10);
/// Tries of one code.
pub const SIGN_IN_CODE_TRIES_MAX: i64 = 5;

/// A browser that asked for a code by mail. The code itself is made when the mail goes out, so that nothing here
/// could be read back into one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInCode {
    /// Keyed hash of the token that the browser holds: the code is worth nothing anywhere else.
    #[serde(rename = "_id")]
    pub id: TokenHash,
    /// The address that was typed, lower-cased, whether anybody has it or not.
    pub email: String,
    /// Keyed hash of the code, once a mail with it was on its way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<TokenHash>,
    /// How often a code was tried.
    pub tries: i64,
    /// When the mail is to be sent (again). Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ends. Indexed: the database takes it away.
    pub expires_at: Timestamp,
}
