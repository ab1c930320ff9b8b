//! Who may: an API key with the scope that an operation asks for, or a person whose role grants it, as the type of
//! an argument. A handler without one does not compile into a closed door by itself, so a test walks every operation
//! of the OpenAPI document without a key, with every scope but the right one, and as every role.
//!
//! Cookies are not looked at: no page of a foreign site can make a browser call this API in somebody's name.

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use gateway_core::{
    app::{
        audit,
        authenticate::authenticate,
        people::{
            Authority,
            tokens::{self, Bearer},
        },
    },
    crypto::jwt,
    domain::{Tenant, actor::Actor, person::Person, scope::Scope},
};
use http::{HeaderMap, header, request};
use web_kit::{ApiError, ClientIp};

use crate::{
    api::query::refuse_unknown,
    proofs::{self, HoldsProofs},
    state::AppState,
};

/// A scope as a type.
pub trait RequiredScope: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
}

macro_rules! markers {
    ($($name:ident),* $(,)?) => {$(
        #[doc = concat!("Asks for [`Scope::", stringify!($name), "`].")]
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}

        impl RequiredScope for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}

markers!(
    CheckoutCreate,
    CheckoutRead,
    CheckoutUpdate,
    TransactionRead,
    TransactionUpdate,
    TransactionCapture,
    TransactionCancel,
    TransactionConfirm,
    RefundCreate,
    SiteRead,
    SiteWrite,
    ProviderRead,
    ProviderWrite,
    ApiKeyRead,
    ApiKeyWrite,
    EndpointRead,
    EndpointWrite,
    DeliveryRead,
    DeliveryWrite,
    EventRead,
    EventWrite,
    ProductRead,
    ProductWrite,
    DiscountRead,
    DiscountWrite,
    ClientRead,
    ClientCreate,
    ClientUpdate,
    ClientDelete,
    ClientExport,
    InvoiceRead,
    InvoiceCreate,
    InvoiceWrite,
    InvoiceSettingsRead,
    InvoiceSettingsWrite,
    DomainRead,
    DomainWrite,
    OrganizationRead,
    OrganizationWrite,
    PersonRead,
    PersonWrite,
    AuditRead,
);

/// A caller who may do what `S` asks for: a key that holds the scope, or a person whose role grants it. It names the
/// tenant that all which follows is limited to.
#[derive(Debug, Clone)]
pub struct Caller<S> {
    authority: Authority,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// The tenant that the caller speaks for.
    pub fn tenant(&self) -> Tenant {
        self.authority.tenant()
    }

    /// Who it is, for the audit log.
    pub fn actor(&self) -> Actor {
        self.authority.actor()
    }

    /// What is shown, without proofs that the caller could not use themselves.
    pub(crate) fn shown<T: HoldsProofs>(&self, one: T) -> T {
        proofs::shown(&self.authority, one)
    }

    /// All that the caller may do.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

impl<S: RequiredScope> FromRequestParts<AppState> for Caller<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, state: &AppState) -> Result<Self, ApiError> {
        let address = ClientIp::from_request_parts(parts, state).await?;
        state.limits.check_address(address)?;
        let bearer = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let authority = if jwt::looks_like(bearer) {
            let Bearer { person, tenant } = tokens::authenticate(&state.app, &state.jwt, bearer).await?;
            state.limits.check_key(&person.id.to_string())?;
            // Whoever has left an organization is told nothing of it, not even that it is there.
            let tenant = tenant.ok_or_else(ApiError::no_organization)?;
            Authority::Person { person, tenant }
        } else {
            let key = authenticate(&state.app, bearer, address.0).await?;
            state.limits.check_key(&key.id.to_string())?;
            Authority::Key(key)
        };
        state.limits.check_organization(&authority.tenant().organization.to_string())?;
        audit::known(&authority);
        if !authority.grants(S::SCOPE) {
            return Err(match authority {
                Authority::Key(_) => ApiError::forbidden_scope(S::SCOPE.as_str()),
                Authority::Person { .. } => ApiError::forbidden_role(S::SCOPE.as_str()),
            });
        }
        // From here on it may be done: not without a word in the audit log.
        audit::by(&state.app, &authority).await?;
        refuse_unknown(parts)?;
        Ok(Self { authority, scope: PhantomData })
    }
}

/// A person, whatever their role: for what is their own.
#[derive(Debug, Clone)]
pub struct SomePerson {
    /// Who.
    pub person: Arc<Person>,
    /// The organization and mode of their token.
    pub tenant: Option<Tenant>,
}

impl FromRequestParts<AppState> for SomePerson {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, state: &AppState) -> Result<Self, ApiError> {
        let address = ClientIp::from_request_parts(parts, state).await?;
        state.limits.check_address(address)?;
        let bearer = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let Bearer { person, tenant } = tokens::authenticate(&state.app, &state.jwt, bearer).await?;
        state.limits.check_key(&person.id.to_string())?;
        audit::by_one_of_the_installation(&state.app, &person).await?;
        Ok(Self { person, tenant })
    }
}

/// The token of the only `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn only_one_bearer_token_counts() {
        assert_eq!(token(&["Bearer a.b"]).as_deref(), Some("a.b"));
        assert_eq!(token(&["bearer  a.b "]).as_deref(), Some("a.b"));
        for none in [&[][..], &["Basic eA=="], &["Bearer"], &["Bearer a", "Bearer b"]] {
            assert_eq!(token(none), None, "{none:?}");
        }
    }
}
