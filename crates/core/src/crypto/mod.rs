//! Cryptography: the key hierarchy, field encryption, blind indexes, API keys and signatures.
//!
//! Everything here is pure computation over bytes and text; only [`random`] reads the operating system's
//! entropy. Nothing here knows the database or the domain's types.
//!
//! | Key | Made from | Used for |
//! |---|---|---|
//! | system key, versioned | `SYSTEM_ENCRYPTION_KEY` | wraps each organization's data keys ([`keys`]), vouches for the audit log ([`chain`]) |
//! | data key, versioned per organization | random | seals single fields ([`sealed`]) |
//! | search key, versioned | `SYSTEM_SEARCH_HASH_KEY` | blind indexes ([`search`]) |
//! | pepper, versioned | its own variable | hashes of API keys ([`api_key`]) and of people's tokens ([`token`]), tokens between services ([`service_token`]) |
//! | JWT key, versioned | `JWT_KEY` | signs people's access tokens ([`jwt`]) |
//!
//! Every stored value names the version of the key that made it, so that each key rotates online: put a new
//! version first in the list, rewrite what names an old one, then take the old one out.

pub mod api_key;
mod base32;
pub mod chain;
mod error;
pub mod fingerprint;
pub mod jwt;
pub mod keys;
mod mac;
pub mod password;
pub mod random;
pub mod sealed;
pub mod search;
mod secret;
pub mod service_token;
pub mod signature;
pub mod token;
pub mod totp;
pub mod versioned;

pub use gateway_domain::opaque::{
    ChainHash, ChainMac, Fingerprint, KeyHash, PrivateText, Sealed, SearchHash, TokenHash, Vouch,
};

pub use api_key::{ApiKeyParseError, ApiKeySecret, ApiKeyToken, KeyMode, NewApiKey, PresentedKey};
pub use chain::ChainKeys;
pub use error::CryptoError;
pub use fingerprint::{RequestDigest, idempotency_slot};
pub use keys::{KeyWrapper, OrganizationKeys, SystemKeyWrapper, WrappedDataKey, WrappedKey};
pub use sealed::FieldContext;
pub use search::{SearchKeys, normalize_email};
pub use secret::Secret;
pub use service_token::ServiceTokens;
pub use signature::SignatureRejection;
pub use token::{Token, TokenKeys};
pub use versioned::{Key32, KeyListError, VersionedKeys};
