//! The pure domain: what a checkout, a payment, an order, a document are, and how they may change.
//!
//! Nothing here does I/O, reads a clock or the environment, draws a random number or knows MongoDB. The feature
//! `bson` says how ids, times and modes are written into it, because the orphan rule asks for that here. What
//! takes keys to make is only carried ([`opaque`]).

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
        crate::text_serde!($name);
    };
}
use text_words;

pub mod actor;
pub mod api_key;
pub mod audit;
pub mod bank;
pub mod breaker;
pub mod checkout;
pub mod client;
pub mod codec;
pub mod country;
pub mod custom_domain;
pub mod delivery;
pub mod discount;
pub mod endpoint;
pub mod erasure;
pub mod form_submission;
pub mod hash;
mod id;
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
pub mod opaque;
pub mod order;
pub mod organization;
pub mod outbox;
pub mod pace;
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
mod time;
pub mod trail;
pub mod transaction;

pub use id::*;
pub use metadata::Metadata;
pub use mode::{Mode, Tenant};
pub use money::{Currency, KnownCurrency, Money, MoneyError};
pub use network::network_of;
pub use time::{Clock, Timestamp};
pub use trail::Trail;
