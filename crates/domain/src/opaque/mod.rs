//! What the core makes with its keys and the domain only carries: sealed fields, keyed hashes, the links of the audit
//! log. They are stored, compared and passed on here; making and opening them takes keys, which the domain has not.

pub mod bytes;
mod digests;
mod private_text;
mod sealed;

pub use digests::{ChainHash, ChainMac, Fingerprint, KeyHash, SearchHash, TokenHash, Vouch};
pub use private_text::PrivateText;
pub use sealed::{NONCE_LENGTH, Sealed};

/// Stored bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedBytes {
    /// They are too short, or of the wrong length.
    #[error("the stored bytes are malformed")]
    Length,
    /// The format byte is one that this build does not know.
    #[error("format {0} is not supported")]
    Format(u8),
}
