//! Who did something.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

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

/// `key:<id>`, `person:<id>` or `system`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Person(id) => write!(f, "person:{id}"),
            Self::System => f.write_str("system"),
        }
    }
}

impl FromStr for Actor {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.split_once(':') {
            Some(("key", id)) => id.parse().ok().map(Self::Key),
            Some(("person", id)) => id.parse().ok().map(Self::Person),
            _ => (text == "system").then_some(Self::System),
        };
        read.ok_or_else(|| "must be person:<id>, key:<id> or system".to_owned())
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_written_as_one_word() {
        let id = "650000000000000000000001";
        for text in [format!("person:{id}"), format!("key:{id}"), "system".to_owned()] {
            assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
        }
        for wrong in ["", "person", "person:7", "robot:650000000000000000000001", "system:1"] {
            assert!(wrong.parse::<Actor>().is_err(), "{wrong}");
        }
    }
}
