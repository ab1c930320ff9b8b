//! The audit log: who did what, when, from where, and how it ended. Per organization a chain of hashes, so that
//! whatever is changed, taken out, put in or moved afterwards is found.
//!
//! An entry names things by their ids and fields by their names. It never holds a value: neither a secret, nor what
//! a person typed, nor anybody's name or address of mail.

use serde::{Deserialize, Serialize};

use super::{AuditEntryId, Mode, OrganizationId, Tenant, Timestamp, actor::Actor};
use crate::opaque::{ChainHash, ChainMac, Vouch};

/// Most names of fields that are kept of one act.
pub const FIELDS_MAX: usize = 64;
/// What an entry's hash is made for; another shape of entries gets another number.
const ENTRY: &str = "tollgate audit entry 1";
/// What a MAC of an entry is made for.
const ENTRY_MAC: &str = "tollgate audit entry";
/// What a MAC of a head is made for.
const HEAD_MAC: &str = "tollgate audit head";

/// Through which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The Admin API.
    Api,
    /// The Admin Panel.
    Panel,
    /// The command line of the operator.
    Command,
}

impl Channel {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Api, Self::Panel, Self::Command];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Panel => "panel",
            Self::Command => "command",
        }
    }
}

super::text_words!(Channel, "a channel");

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was done.
    Done,
    /// It was not done: not allowed, not valid, not possible.
    Refused,
    /// Something on our side went wrong. It may have been done in part.
    Failed,
    /// Nobody knows: the process ended, or the caller went away, before the answer was there.
    Unknown,
}

impl Ending {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Done, Self::Refused, Self::Failed, Self::Unknown];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

super::text_words!(Ending, "an ending");

/// How an act ended, and why where it was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// How.
    pub ending: Ending,
    /// The stable code of the refusal, such as `LAST_ADMIN`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

impl Outcome {
    /// It was done.
    pub const DONE: Self = Self { ending: Ending::Done, code: None };
    /// Nobody knows.
    pub const UNKNOWN: Self = Self { ending: Ending::Unknown, code: None };
}

/// A thing that an act was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it is, as the API's paths call it: `sites`.
    pub kind: String,
    /// Its id in hex.
    pub id: String,
}

/// What somebody set out to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// The operation's name: `refundTransaction`.
    pub operation: String,
    /// Through which door.
    pub channel: Channel,
    /// Who; absent where nobody has proven who they are, such as at a failed log-in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actor: Option<Actor>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<String>,
    /// Live or test; absent for what has no mode, such as a log-in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<Mode>,
    /// On what.
    #[serde(default)]
    pub on: Vec<Target>,
    /// Names of the fields that were sent.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// An entry as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its id: the draft's that it was before.
    #[serde(rename = "_id")]
    pub id: AuditEntryId,
    /// Whose log.
    pub org: OrganizationId,
    /// One chain for both modes, which stands under live; [`Act::mode`] is where it was done.
    pub mode: Mode,
    /// Its place in the chain, from 1.
    pub sequence: i64,
    /// Hash of the entry before it.
    pub previous: ChainHash,
    /// When it was begun. Entries stand in the order in which they ended.
    pub created_at: Timestamp,
    /// What was done.
    pub act: Act,
    /// How it ended.
    pub outcome: Outcome,
    /// Hash over all of the above.
    pub hash: ChainHash,
    /// Vouches for the hash.
    pub mac: ChainMac,
}

impl AuditEntry {
    /// Where the log of an organization stands.
    pub const fn tenant_of(organization: OrganizationId) -> Tenant {
        Tenant::new(organization, Mode::Live)
    }

    /// The tenant that it belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// The entry that follows `last`, for a draft that has ended.
    pub fn after(last: Option<&Self>, draft: AuditDraft, outcome: Outcome, keys: &impl Vouch) -> Self {
        let mut entry = Self {
            id: draft.id,
            org: draft.org,
            mode: draft.mode,
            sequence: last.map_or(0, |last| last.sequence) + 1,
            previous: last.map_or(ChainHash::START, |last| last.hash),
            created_at: draft.created_at,
            act: draft.act,
            outcome,
            hash: ChainHash::START,
            mac: keys.vouch(ENTRY_MAC, &[]),
        };
        entry.hash = entry.true_hash();
        entry.mac = keys.vouch(ENTRY_MAC, &[&entry.hash.to_bytes()]);
        entry
    }

    /// The hash that what it says has.
    pub fn true_hash(&self) -> ChainHash {
        let act = &self.act;
        let mut parts = Parts::default();
        parts.text(&self.id.to_string());
        parts.text(&self.org.to_string());
        parts.text(self.mode.as_str());
        parts.number(self.sequence);
        parts.0.push(self.previous.to_bytes().to_vec());
        parts.number(self.created_at.millis());
        parts.text(&act.operation);
        parts.text(act.channel.as_str());
        parts.maybe(act.actor.map(|actor| actor.to_string()).as_deref());
        parts.maybe(act.address.as_deref());
        parts.maybe(act.request.as_deref());
        parts.maybe(act.mode.map(Mode::as_str));
        parts.count(act.on.len());
        for target in &act.on {
            parts.text(&target.kind);
            parts.text(&target.id);
        }
        parts.count(act.fields.len());
        for field in &act.fields {
            parts.text(field);
        }
        parts.text(self.outcome.ending.as_str());
        parts.maybe(self.outcome.code.as_deref());
        ChainHash::of(ENTRY, &parts.0)
    }

    /// Whether the MAC vouches for the hash; `None` where its key is not loaded any more.
    pub fn is_vouched_for(&self, keys: &impl Vouch) -> Option<bool> {
        keys.check(ENTRY_MAC, &[&self.hash.to_bytes()], &self.mac)
    }
}

/// The canonical form: every value in its place, each with its length, lists and absent values with their count.
#[derive(Default)]
struct Parts(Vec<Vec<u8>>);

impl Parts {
    fn text(&mut self, text: &str) {
        self.0.push(text.as_bytes().to_vec());
    }

    fn number(&mut self, number: i64) {
        self.0.push(number.to_be_bytes().to_vec());
    }

    fn count(&mut self, count: usize) {
        self.number(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.count(usize::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }
}

/// An act that has begun: written before it is done, so that nothing is done that the log does not know of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditDraft {
    /// The id of the entry that it becomes.
    #[serde(rename = "_id")]
    pub id: AuditEntryId,
    /// Whose log.
    pub org: OrganizationId,
    /// As of the entry.
    pub mode: Mode,
    /// When it was begun.
    pub created_at: Timestamp,
    /// What is to be done.
    pub act: Act,
    /// How it ended, where only the entry could not be written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// When somebody else makes an entry of it.
    pub due: Timestamp,
}

impl AuditDraft {
    /// The tenant that it belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }
}

/// How far a chain has come, kept apart from it: by this a chain whose end was cut off is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditHead {
    /// Whose log.
    #[serde(rename = "_id")]
    pub id: OrganizationId,
    /// Whose log.
    pub org: OrganizationId,
    /// As of the entries.
    pub mode: Mode,
    /// The place of the newest entry: how many there are.
    pub sequence: i64,
    /// Its hash.
    pub hash: ChainHash,
    /// Vouches for both.
    pub mac: ChainMac,
}

impl AuditHead {
    /// The head of a chain that ends with `entry`.
    pub fn at(entry: &AuditEntry, keys: &impl Vouch) -> Self {
        let (id, sequence, hash) = (entry.org, entry.sequence, entry.hash);
        let mac = keys.vouch(HEAD_MAC, &head_parts(&id.bytes(), &sequence.to_be_bytes(), &hash.to_bytes()));
        Self { id, org: id, mode: entry.mode, sequence, hash, mac }
    }

    /// The tenant that it belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Whether the MAC vouches for it; `None` where its key is not loaded any more.
    pub fn is_vouched_for(&self, keys: &impl Vouch) -> Option<bool> {
        let parts = (self.id.bytes(), self.sequence.to_be_bytes(), self.hash.to_bytes());
        keys.check(HEAD_MAC, &head_parts(&parts.0, &parts.1, &parts.2), &self.mac)
    }
}

fn head_parts<'a>(organization: &'a [u8], sequence: &'a [u8], hash: &'a [u8]) -> [&'a [u8]; 3] {
    [organization, sequence, hash]
}

/// A name of a field as it is kept: what callers may name freely (`metadata`) is kept without its inside.
pub fn field_name(name: &str) -> Option<String> {
    let name = name.split(['.', '[']).next().unwrap_or_default();
    let fits = (1..=64).contains(&name.len());
    let clean = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (fits && clean).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PersonId, hash::framed_hash};

    /// Vouches without a secret: what must differ differs all the same.
    struct Keys;

    impl Vouch for Keys {
        fn vouch(&self, purpose: &str, parts: &[&[u8]]) -> ChainMac {
            ChainMac::new(1, framed_hash(purpose, parts))
        }

        fn check(&self, purpose: &str, parts: &[&[u8]], given: &ChainMac) -> Option<bool> {
            (given.version() == 1).then(|| self.vouch(purpose, parts) == *given)
        }
    }

    const fn keys() -> Keys {
        Keys
    }

    fn draft() -> AuditDraft {
        let now = Timestamp::from_seconds(1_700_000_000);
        AuditDraft {
            id: AuditEntryId::from_bytes([1; 12]),
            org: OrganizationId::from_bytes([2; 12]),
            mode: Mode::Live,
            created_at: now,
            act: Act {
                operation: "updateSite".to_owned(),
                channel: Channel::Panel,
                actor: Some(Actor::Person(PersonId::from_bytes([3; 12]))),
                address: Some("192.0.2.1".to_owned()),
                request: Some("r1".to_owned()),
                mode: Some(Mode::Test),
                on: vec![Target { kind: "sites".to_owned(), id: "0".repeat(24) }],
                fields: vec!["name".to_owned()],
            },
            outcome: None,
            due: now,
        }
    }

    /// Every field counts: whoever adds one to the entry adds it to the hash, or this fails to see it changed.
    #[test]
    fn whatever_is_changed_changes_the_hash() {
        let first = AuditEntry::after(None, draft(), Outcome::DONE, &keys());
        assert_eq!((first.sequence, first.previous), (1, ChainHash::START));
        assert_eq!(first.hash, first.true_hash());
        assert_eq!(first.is_vouched_for(&keys()), Some(true));
        let stored = serde_json::to_value(&first).unwrap();
        let mut changed = 0;
        for (path, other) in [
            ("/_id", "650000000000000000000009"),
            ("/org", "650000000000000000000009"),
            ("/mode", "test"),
            ("/createdAt", "2030-01-31T12:00:00.000Z"),
            ("/act/operation", "deleteSite"),
            ("/act/channel", "api"),
            ("/act/actor", "system"),
            ("/act/address", "192.0.2.2"),
            ("/act/request", "r2"),
            ("/act/mode", "live"),
            ("/act/on/0/kind", "providers"),
            ("/act/on/0/id", "1"),
            ("/act/fields/0", "secret"),
            ("/outcome/ending", "refused"),
        ] {
            let mut other_entry = stored.clone();
            *other_entry.pointer_mut(path).unwrap() = other.into();
            let other_entry: AuditEntry = serde_json::from_value(other_entry).unwrap();
            assert_ne!(other_entry.true_hash(), first.hash, "{path}");
            changed += 1;
        }
        let leaves = |value: &serde_json::Value| {
            fn count(value: &serde_json::Value) -> usize {
                match value {
                    serde_json::Value::Object(map) => map.values().map(count).sum(),
                    // Bytes, as JSON without BSON's own form writes them.
                    serde_json::Value::Array(list) if list.iter().all(serde_json::Value::is_number) => 1,
                    serde_json::Value::Array(list) => list.iter().map(count).sum(),
                    _ => 1,
                }
            }
            count(value)
        };
        // Beside these: sequence, previous, hash and mac.
        assert_eq!(leaves(&stored), changed + 4, "{stored}");
        let mut none = first.clone();
        none.act.actor = None;
        assert_ne!(none.true_hash(), first.hash);
        let mut moved = first.clone();
        moved.sequence = 2;
        assert_ne!(moved.true_hash(), first.hash);
    }

    #[test]
    fn a_second_entry_names_the_first() {
        let first = AuditEntry::after(None, draft(), Outcome::DONE, &keys());
        let second = AuditEntry::after(Some(&first), draft(), Outcome::UNKNOWN, &keys());
        assert_eq!((second.sequence, second.previous), (2, first.hash));
        let head = AuditHead::at(&second, &keys());
        assert_eq!(head.is_vouched_for(&keys()), Some(true));
        assert_eq!(AuditHead { sequence: 1, ..head }.is_vouched_for(&keys()), Some(false));
    }

    #[test]
    fn names_of_fields_hold_nothing_else() {
        assert_eq!(field_name("metadata[mail of Ana]").as_deref(), Some("metadata"));
        assert_eq!(field_name("credentials.apiKey").as_deref(), Some("credentials"));
        for none in ["", "a b", "ana@example.com", "é", &"x".repeat(65)] {
            assert_eq!(field_name(none), None, "{none}");
        }
    }
}
