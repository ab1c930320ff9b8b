//! Who did something.

use super::{ApiKeyId, PersonId};

/// Who acts: what the audit log names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A merchant's server.
    Key(ApiKeyId),
    /// A person.
    Person(PersonId),
    /// The gateway itself, or its operator at the command line.
    System,
}
