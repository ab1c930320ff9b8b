//! A merchant's own host name for the checkout pages of a site, such as `pay.shop.example.com`.

use serde::{Deserialize, Serialize};

use super::{DomainId, Mode, OrganizationId, SiteId, Tenant, Timestamp};

/// Whether a host name points to this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// Not seen to point here: no certificate is made for it and no page is served under it.
    Pending,
    /// It points here, and nobody else has it.
    Verified,
}

impl DomainState {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
        }
    }
}

impl std::str::FromStr for DomainState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "pending" => Ok(Self::Pending),
            "verified" => Ok(Self::Verified),
            other => Err(format!("`{other}` is not the state of a domain")),
        }
    }
}

super::text_serde!(DomainState);

/// A host name and the site whose checkouts are shown under it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomDomain {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: DomainId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Live or test, as its site.
    pub mode: Mode,
    /// The site.
    pub site_id: SiteId,
    /// In lower case, international names in Punycode, without a dot at the end.
    pub host: String,
    /// Whether it points here.
    pub state: DomainState,
    /// What the last check found wrong; for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// When it was last checked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checked_at: Option<Timestamp>,
    /// Rises with every change.
    pub version: i64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl CustomDomain {
    /// The tenant that the domain belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }
}

/// The text is no host name that can have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a host name such as pay.example.com, without scheme, port or path")]
pub struct InvalidHost;

/// A public host name in its stored form: two labels at least, of letters, digits and hyphens (RFC 1123),
/// 253 bytes at most.
pub fn normal_host(text: &str) -> Result<String, InvalidHost> {
    let text = text.trim().trim_end_matches('.');
    // The parser folds case and writes international names in Punycode; an address is no name.
    let Ok(url::Host::Domain(host)) = url::Host::parse(text) else { return Err(InvalidHost) };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels = host.split('.').count();
    if labels < 2 || host.len() > 253 || !host.split('.').all(is_label) {
        return Err(InvalidHost);
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        for (given, normal) in [
            ("pay.example.com", "pay.example.com"),
            (" Pay.EXAMPLE.com. ", "pay.example.com"),
            ("zahlung.bücher.example", "zahlung.xn--bcher-kva.example"),
        ] {
            assert_eq!(normal_host(given).as_deref(), Ok(normal), "{given}");
        }
        for wrong in [
            "",
            ".",
            "localhost",
            "192.0.2.1",
            "[2001:db8::1]",
            "https://pay.example.com",
            "pay.example.com:443",
            "pay.example.com/x",
            "*.example.com",
            "pay..example.com",
            "-pay.example.com",
            "pay_1.example.com",
        ] {
            assert_eq!(normal_host(wrong), Err(InvalidHost), "{wrong}");
        }
        assert!(normal_host(&format!("{}.example.com", "a".repeat(64))).is_err());
        assert!(normal_host(&"a.".repeat(130)).is_err());
    }
}
