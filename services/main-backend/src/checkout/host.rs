//! Under which host a page was asked for: the gateway's own, or a site's own domain.

use gateway_core::app::{App, AppError};
use gateway_core::domain::SiteId;
use gateway_core::domain::custom_domain::normal_host;
use http::{HeaderMap, header};
use url::Url;

/// The host of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// The gateway's own, or an address on which only the inside can reach it.
    Own,
    /// A domain that a merchant has verified: it shows this site's checkouts and no other's.
    Custom {
        /// As the browser wrote it, its port included.
        authority: String,
        /// The site.
        site: SiteId,
    },
    /// A name that is nobody's: it was taken out, or never verified.
    Unknown,
}

impl Host {
    /// Looks at the `Host` header.
    pub(crate) async fn of(app: &App, headers: &HeaderMap) -> Result<Self, AppError> {
        let authority = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        if name.eq_ignore_ascii_case(app.urls.main_frontend.host_str().unwrap_or_default()) {
            return Ok(Self::Own);
        }
        // `localhost` and addresses: no certificate is ever made for those, so nobody comes from outside.
        let Ok(host) = normal_host(name) else { return Ok(Self::Own) };
        Ok(app.verified_domain(&host).await?.map_or(Self::Unknown, |domain| Self::Custom {
            authority: authority.to_ascii_lowercase(),
            site: domain.site_id,
        }))
    }

    /// Whether a site's checkout may be seen here.
    pub(crate) fn shows(&self, wanted: SiteId) -> bool {
        match self {
            Self::Own => true,
            Self::Custom { site, .. } => *site == wanted,
            Self::Unknown => false,
        }
    }

    /// The origin that the page's own forms come from.
    pub(crate) fn origin(&self, main_frontend: &Url) -> String {
        match self {
            Self::Custom { authority, .. } => format!("{}://{authority}", main_frontend.scheme()),
            Self::Own | Self::Unknown => main_frontend.origin().ascii_serialization(),
        }
    }
}
