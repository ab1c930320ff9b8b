//! Who may: an API key with the scope that an operation asks for, as the type of an argument. A handler
//! without one does not compile into a closed door by itself, so a test walks every operation of the OpenAPI
//! document without a key and with every scope but the right one.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::FromRequestParts;
use gateway_core::{
    app::authenticate::authenticate,
    domain::{api_key, scope::Scope},
};
use http::{HeaderMap, header, request};
use web_kit::{ApiError, ClientIp};

use crate::state::AppState;

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
    InvoiceRead,
    InvoiceCreate,
    InvoiceWrite,
    InvoiceSettingsRead,
    InvoiceSettingsWrite,
    DomainRead,
    DomainWrite,
    OrganizationRead,
);

/// A caller whose key holds the scope `S`. It names the tenant that all which follows is limited to.
#[derive(Debug, Clone)]
pub struct ApiKey<S> {
    key: Arc<api_key::ApiKey>,
    scope: PhantomData<S>,
}

impl<S> Deref for ApiKey<S> {
    type Target = api_key::ApiKey;
    fn deref(&self) -> &api_key::ApiKey {
        &self.key
    }
}

impl<S: RequiredScope> FromRequestParts<AppState> for ApiKey<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, state: &AppState) -> Result<Self, ApiError> {
        let address = ClientIp::from_request_parts(parts, state).await?;
        state.limits.check_address(address)?;
        let bearer = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let key = authenticate(&state.app, bearer, address.0).await?;
        state.limits.check_key(&key.id.to_string())?;
        state.limits.check_organization(&key.org.to_string())?;
        if !key.grants(S::SCOPE) {
            return Err(ApiError::forbidden_scope(S::SCOPE.as_str()));
        }
        Ok(Self { key, scope: PhantomData })
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
