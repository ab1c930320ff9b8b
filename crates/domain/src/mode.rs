//! Live and test, and the tenant scope that every query starts from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::OrganizationId;

/// Real money or test money. Part of every scope: test money can never sign "paid" for a live order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Real money.
    Live,
    /// No real money moves.
    Test,
}

impl Mode {
    /// `live` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// Whether real money moves.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            other => Err(format!("`{other}` is not a mode: use `live` or `test`")),
        }
    }
}

/// An organization in one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Whose data it is.
    #[serde(rename = "org")]
    pub organization: OrganizationId,
    /// Live or test.
    pub mode: Mode,
}

impl Tenant {
    /// The installation itself: whose people are. No organization has this id, and its data key is kept beside
    /// theirs, so that what people keep secret is sealed, rotated and proven like all else.
    pub const INSTALLATION: Self = Self::new(OrganizationId::from_bytes([0; 12]), Mode::Live);

    /// Names a tenant.
    pub const fn new(organization: OrganizationId, mode: Mode) -> Self {
        Self { organization, mode }
    }
}
