//! A merchant's own host name for the checkout pages of a site, such as `pay.shop.example.com`.
//!
//! It is verified once its DNS points here and holds a text that only its organization was told. Afterwards it is looked
//! at again each day, and stays verified for as long as it points here; somebody's DNS that does not answer changes
//! nothing, and one that points elsewhere is given a few days, for mistakes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DomainId, Mode, OrganizationId, SiteId, Tenant, Timestamp};

/// Whether a host name points to this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// Not seen to point here: no certificate is made for it and no page is served under it.
    Pending,
    /// It points here, was proven to be the organization's, and nobody else has it.
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

/// How often a verified host is looked at again.
pub const LOOK_EVERY: Duration = Duration::from_hours(24);
/// How long a verified host may point elsewhere before it is not verified any more.
pub const ELSEWHERE_MAX: Duration = Duration::from_hours(3 * 24);

/// What a look at the DNS of a host came to. The texts are for people, and name no address that the resolver found:
/// that would read a company's own DNS out to whoever registers its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It points here, and holds its organization's text.
    Proven,
    /// It points here; the text is not there, or was not looked for.
    Here(String),
    /// It points to nothing, or elsewhere.
    Elsewhere(String),
    /// Nobody knows.
    Unanswered,
}

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
    /// Since when a verified host has not pointed here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub elsewhere_since: Option<Timestamp>,
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

    /// Notes what a look came to; answers whether the host has ceased to be verified by it.
    pub fn note(&mut self, found: &Found, now: Timestamp) -> bool {
        (self.checked_at, self.updated_at) = (Some(now), now);
        let is_verified = self.state == DomainState::Verified;
        self.problem = match found {
            Found::Proven => None,
            // Who was verified once need not keep the text.
            Found::Here(_) if is_verified => None,
            Found::Here(problem) | Found::Elsewhere(problem) => Some(problem.clone()),
            Found::Unanswered => {
                Some("the DNS did not answer, so nothing has changed: try again later".to_owned())
            }
        };
        match found {
            Found::Proven => (self.state, self.elsewhere_since) = (DomainState::Verified, None),
            Found::Here(_) => self.elsewhere_since = None,
            Found::Elsewhere(_) if is_verified => {
                let since = *self.elsewhere_since.get_or_insert(now);
                if now.since(since) >= ELSEWHERE_MAX {
                    (self.state, self.elsewhere_since) = (DomainState::Pending, None);
                    return true;
                }
            }
            Found::Elsewhere(_) | Found::Unanswered => {}
        }
        false
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

    fn domain() -> CustomDomain {
        CustomDomain {
            id: DomainId::generate(),
            org: OrganizationId::generate(),
            mode: Mode::Live,
            site_id: SiteId::generate(),
            host: "pay.example.com".to_owned(),
            state: DomainState::Pending,
            problem: None,
            checked_at: None,
            elsewhere_since: None,
            version: 1,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn only_a_proof_verifies_and_only_days_elsewhere_end_it() {
        let (mut domain, start) = (domain(), Timestamp::from_seconds(1_000_000));
        let here = || Found::Here("add the text".to_owned());
        let elsewhere = || Found::Elsewhere("it points elsewhere".to_owned());
        for found in [here(), elsewhere(), Found::Unanswered] {
            assert!(!domain.note(&found, start));
            assert_eq!((domain.state, domain.problem.is_some()), (DomainState::Pending, true));
        }
        assert!(!domain.note(&Found::Proven, start));
        assert_eq!((domain.state, &domain.problem), (DomainState::Verified, &None));
        // The text may go afterwards, and silence says nothing.
        assert!(!domain.note(&here(), start) && domain.problem.is_none());
        let last = start + ELSEWHERE_MAX - Duration::from_secs(1);
        assert!(!domain.note(&elsewhere(), start) && !domain.note(&elsewhere(), last));
        assert!(!domain.note(&Found::Unanswered, start + 2 * ELSEWHERE_MAX));
        assert_eq!((domain.state, domain.elsewhere_since), (DomainState::Verified, Some(start)));
        // It came back in between: the days are counted anew.
        assert!(!domain.note(&here(), last) && !domain.note(&elsewhere(), last));
        assert!(!domain.note(&elsewhere(), start + ELSEWHERE_MAX));
        assert!(domain.note(&elsewhere(), last + ELSEWHERE_MAX), "now it has ended");
        assert_eq!((domain.state, domain.elsewhere_since), (DomainState::Pending, None));
        assert!(!domain.note(&here(), last + ELSEWHERE_MAX) && domain.state == DomainState::Pending);
    }

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
