//! A browser that somebody is signed in with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Mode, OrganizationId, PersonId, Timestamp};
use crate::opaque::TokenHash;

/// A session unused for this long ends: a working day with its breaks, but not the night at an open machine.
pub const IDLE_MAX: Duration = Duration::from_hours(12);
/// A session ends this long after the log-in, however busy: a stolen one does not last for ever.
pub const LIFETIME_MAX: Duration = Duration::from_hours(14 * 24);
/// How often its use is written down: not with every request.
pub const TOUCH_EVERY: Duration = Duration::from_mins(1);
/// For this long after the log-in the ways to sign in may be changed without proving oneself again.
pub const FRESH_MAX: Duration = Duration::from_mins(15);
/// At most this many sessions of a person; the oldest gives way.
pub const SESSIONS_MAX: usize = 50;
/// Longest text of a browser that is kept, in characters.
pub const USER_AGENT_CHARS_MAX: usize = 200;

/// A session as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Keyed hash of the token that the browser holds.
    #[serde(rename = "_id")]
    pub id: TokenHash,
    /// Whose.
    pub person: PersonId,
    /// The organization that is shown; none is chosen where there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub org: Option<OrganizationId>,
    /// Live or test.
    pub mode: Mode,
    /// What forms must hold. Worth nothing without the token.
    pub csrf: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used, to about [`TOUCH_EVERY`].
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used until then. Indexed: the database takes it away.
    pub expires_at: Timestamp,
    /// The browser, as it called itself.
    #[serde(default)]
    pub user_agent: String,
    /// Where they signed in from.
    #[serde(default)]
    pub address: String,
}

impl Session {
    /// When it ends if it was last used at `seen`.
    pub fn end_if_seen(created_at: Timestamp, seen: Timestamp) -> Timestamp {
        (seen + IDLE_MAX).min(created_at + LIFETIME_MAX)
    }

    /// Whether it is still good.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }

    /// Whether its use is to be written down.
    pub fn wants_touch(&self, now: Timestamp) -> bool {
        now.since(self.last_seen_at) >= TOUCH_EVERY
    }

    /// Whether somebody proved who they are just now.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.created_at) < FRESH_MAX
    }

    /// What names it in a list and in the request to end it. Tells nothing of the token.
    pub fn handle(&self) -> String {
        hex::encode(&self.id.digest()[..12])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_sessions_end_as_well() {
        let start = Timestamp::from_seconds(1_000_000);
        assert_eq!(Session::end_if_seen(start, start), start + IDLE_MAX);
        let late = start + LIFETIME_MAX - Duration::from_mins(1);
        assert_eq!(Session::end_if_seen(start, late), start + LIFETIME_MAX);
    }
}
