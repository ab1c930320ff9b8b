//! An encrypted value as it is stored.

use std::fmt;

use super::{MalformedBytes, bytes::serde_as_bytes};

/// The only format there is: version (4 bytes, big-endian), nonce (12), ciphertext with its tag (16).
const FORMAT: u8 = 1;
/// Bytes of a nonce.
pub const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;

/// An encrypted value. Stored as one byte string: format, key version, nonce, ciphertext with tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    key_version: u32,
    nonce: [u8; NONCE_LENGTH],
    ciphertext: Vec<u8>,
}

impl Sealed {
    /// From the version of the data key, the nonce, and the ciphertext with its tag.
    pub const fn new(key_version: u32, nonce: [u8; NONCE_LENGTH], ciphertext: Vec<u8>) -> Self {
        Self { key_version, nonce, ciphertext }
    }

    /// The nonce.
    pub const fn nonce(&self) -> &[u8; NONCE_LENGTH] {
        &self.nonce
    }

    /// The ciphertext with its tag.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// The version of the organization's data key that it was sealed with.
    pub fn key_version(&self) -> u32 {
        self.key_version
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + 4 + NONCE_LENGTH + self.ciphertext.len());
        out.push(FORMAT);
        out.extend_from_slice(&self.key_version.to_be_bytes());
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.ciphertext);
        out
    }

    /// Reads the stored form. Says only whether the shape is right: whoever opens it authenticates.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedBytes> {
        let (&format, rest) = bytes.split_first().ok_or(MalformedBytes::Length)?;
        if format != FORMAT {
            return Err(MalformedBytes::Format(format));
        }
        let (version, rest) = rest.split_first_chunk().ok_or(MalformedBytes::Length)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(MalformedBytes::Length)?;
        if ciphertext.len() < TAG_LENGTH {
            return Err(MalformedBytes::Length);
        }
        Ok(Self { key_version: u32::from_be_bytes(*version), nonce: *nonce, ciphertext: ciphertext.to_vec() })
    }
}

/// Shows how long the stored form is, nothing else.
impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sealed({} bytes)", 1 + 4 + NONCE_LENGTH + self.ciphertext.len())
    }
}

serde_as_bytes!(Sealed);
