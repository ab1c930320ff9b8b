//! A picture of a product: fetched once, made small, and shown from the page's own origin.

use serde::{Deserialize, Serialize};

use super::{ImageId, Mode, OrganizationId, Tenant, Timestamp};

/// How often fetching is begun before the picture is given up.
pub const ATTEMPTS_MAX: i64 = 3;

/// A picture, or the wish for one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductImage {
    /// A keyed hash of tenant and address: the same address is fetched once, and nobody guesses it.
    #[serde(rename = "_id")]
    pub id: ImageId,
    /// Whose picture it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// Where it is fetched from.
    pub url: String,
    /// How often fetching was begun.
    pub attempts: i64,
    /// When it is to be fetched; absent once it is there or given up. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// The picture: a JPEG of a few kB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jpeg: Option<Jpeg>,
    /// When it was first wished for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl ProductImage {
    /// The tenant that the picture belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }
}

/// The bytes of a JPEG.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jpeg(#[serde(with = "crate::opaque::bytes")] pub Vec<u8>);

impl std::fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jpeg({} bytes)", self.0.len())
    }
}
