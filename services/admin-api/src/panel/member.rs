//! Who looks at the panel: the session's cookie, and the membership that the address asks for.

use std::sync::Arc;

use axum::http::HeaderValue;
use gateway_core::{
    app::people::{Authority, SignedIn, session},
    domain::{Mode, OrganizationId, Tenant, person::Person, role::Role, scope::Scope},
};
use http::{HeaderMap, header};
use web_kit::ApiError;

use super::Panel;

/// A member of an organization, in the organization and mode of the address.
#[derive(Debug)]
pub(crate) struct Member {
    /// Whose screens these are.
    pub(crate) tenant: Tenant,
    /// What the member may do there.
    pub(crate) role: Role,
    /// Who it is.
    pub(crate) person: Arc<Person>,
    /// The organization's name.
    pub(crate) organization: String,
    /// What forms must hold.
    pub(crate) csrf: String,
}

impl Member {
    /// The signed-in person as a member. An organization that is not theirs is not there: 404.
    pub(super) async fn of(panel: &Panel, who: &SignedIn, org: &str, mode: &str) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found("page");
        let organization: OrganizationId = org.parse().map_err(|_| missing())?;
        let mode: Mode = mode.parse().map_err(|_| missing())?;
        let role = who.person.role_in(organization).ok_or_else(missing)?;
        let app = &panel.state.app;
        let found = app.organization(organization).await?.ok_or_else(missing)?;
        if who.session.org != Some(organization) || who.session.mode != mode {
            // Where "/" leads the next time.
            session::switch(app, who, organization, mode).await?;
        }
        Ok(Self {
            tenant: Tenant::new(organization, mode),
            role,
            person: Arc::clone(&who.person),
            organization: found.name.clone(),
            csrf: who.session.csrf.clone(),
        })
    }

    /// Who asks, as use cases and the audit log take it.
    pub(crate) fn authority(&self) -> Authority {
        Authority::Person { person: Arc::clone(&self.person), tenant: self.tenant }
    }

    /// 403 unless the role grants it.
    pub(super) fn must(&self, scope: Scope) -> Result<(), ApiError> {
        if self.role.grants(scope) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!(
            "Your role here is {}. Ask an administrator of {} for more.",
            self.role, self.organization
        )))
    }

    /// The address of a screen of this tenant.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("/o/{}/{}{path}", self.tenant.organization, self.tenant.mode.as_str())
    }
}

/// Who holds the session that a request's cookie names.
pub(super) async fn signed_in(panel: &Panel, headers: &HeaderMap) -> Result<Option<SignedIn>, ApiError> {
    let Some(token) = cookie(headers, panel.cookie_name()) else { return Ok(None) };
    Ok(session::lookup(&panel.state.app, &token).await?)
}

/// The value of a cookie. Of two with the same name neither is believed: somebody has planted one.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

/// `Set-Cookie` for a new session, or the end of one (`None`).
///
/// `__Host-` (RFC 6265bis) ties it to this host and to https; on plain http, which only development has, the
/// name goes without. Lax and not Strict: a link in a mail must find its reader signed in, and no GET changes
/// anything.
pub(super) fn set_cookie(panel: &Panel, token: Option<&str>) -> Result<HeaderValue, ApiError> {
    let (name, secure) = (panel.cookie_name(), if panel.https { "; Secure" } else { "" });
    let age = if token.is_some() { "" } else { "; Max-Age=0" };
    let value = token.unwrap_or_default();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    HeaderValue::from_str(&text).map_err(ApiError::internal)
}

/// `Set-Cookie` by which this browser is known at the next log-in: a year, and worth nothing by itself.
pub(super) fn known_cookie(panel: &Panel, known: &str) -> Result<HeaderValue, ApiError> {
    const YEAR_SECONDS: u32 = 365 * 24 * 3600;
    let (name, secure) = (panel.known_cookie_name(), if panel.https { "; Secure" } else { "" });
    let text = format!("{name}={known}; Path=/; HttpOnly; SameSite=Lax; Max-Age={YEAR_SECONDS}{secure}");
    HeaderValue::from_str(&text).map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_cookie_of_a_name_counts() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            cookie(&headers, "s")
        };
        assert_eq!(read(&["a=1; s=x"]).as_deref(), Some("x"));
        assert_eq!(read(&["s=x", "b=2"]).as_deref(), Some("x"));
        for none in [&["s=x; s=y"][..], &["s=x", "s=x"], &["s="], &["ss=x"], &[]] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }
}
