//! The pure domain: what a checkout, a transaction and a refund are, and how they may change.
//!
//! Nothing here does I/O, reads a clock or knows MongoDB; a test in `tests/` scans the imports.

macro_rules! text_serde {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
use text_serde;

/// What a set of words has in common: `ALL` and `as_str` are the type's own, `what` stands in the error.
macro_rules! text_words {
    ($name:ty, $what:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let known = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                known.ok_or_else(|| format!(concat!("`{}` is not ", $what), text))
            }
        }
        crate::domain::text_serde!($name);
    };
}
use text_words;

pub mod actor;
pub mod api_key;
pub mod audit;
pub mod bank;
pub mod checkout;
pub mod client;
pub mod country;
pub mod custom_domain;
pub mod delivery;
pub mod discount;
pub mod endpoint;
pub mod erasure;
pub mod form_submission;
pub mod image;
pub mod invitation;
pub mod invoice;
pub mod ipn;
pub mod lane;
pub mod link;
pub mod metadata;
pub mod mode;
pub mod money;
mod network;
pub mod order;
pub mod organization;
pub mod outbox;
pub mod password;
pub mod person;
pub mod picture;
pub mod product;
pub mod provider_account;
pub mod provider_event;
pub mod provider_health;
pub mod role;
pub mod scope;
pub mod session;
pub mod site;
pub mod time;
pub mod trail;
pub mod transaction;

pub use gateway_domain::*;
pub use metadata::Metadata;
pub use mode::{Mode, Tenant};
pub use money::{Currency, KnownCurrency, Money, MoneyError};
pub use network::network_of;
pub use time::SystemClock;
pub use trail::Trail;
