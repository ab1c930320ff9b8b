//! What can go wrong when something is sealed, opened, wrapped or unwrapped.

/// A failure of encryption or of the key hierarchy. Never contains key material or plaintext.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The value was made with a key version that is not loaded (rotated out too early, or a foreign value).
    #[error("key version {version} is not available")]
    UnknownKeyVersion {
        /// The version that the value names.
        version: u32,
    },
    /// The authentication tag does not fit: altered bytes, another key, or a value moved to another place.
    #[error("the value does not authenticate in this place")]
    NotAuthentic,
    /// The bytes are too short or of the wrong length to be what they claim to be.
    #[error("the stored bytes are malformed")]
    Malformed,
    /// The format byte is one that this build does not know.
    #[error("format {0} is not supported")]
    UnsupportedFormat(u8),
    /// A set of data keys names one version twice, uses version 0, or lacks its current version.
    #[error("the set of data keys is inconsistent")]
    InconsistentKeys,
    /// A key service that stands in for the system key did not answer.
    #[error("the key service is unavailable: {0}")]
    KeyServiceUnavailable(String),
}

impl From<gateway_domain::opaque::MalformedBytes> for CryptoError {
    fn from(malformed: gateway_domain::opaque::MalformedBytes) -> Self {
        use gateway_domain::opaque::MalformedBytes;
        match malformed {
            MalformedBytes::Length => Self::Malformed,
            MalformedBytes::Format(format) => Self::UnsupportedFormat(format),
        }
    }
}
