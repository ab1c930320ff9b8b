//! Calls to Stripe's API: form bodies, a pinned version, idempotency keys, errors.

use gateway_core::{
    domain::{Timestamp, transaction::Failure},
    provider::{Account, ProviderError},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;

use super::{
    Stripe, facts,
    objects::{ErrorBody, PaymentError},
};
use crate::http::{Answer, Request, endpoint};

const IDEMPOTENCY_ERROR: &str = "idempotency_error";
/// Parameters that only fill in the page.
const CUSTOMER_PARAMS: &[&str] = &["customer_email", "email"];

/// Parameters of a form, in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn put(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    #[cfg(test)]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn encode(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// A refusal of our own, before Stripe is asked.
pub(super) fn rejected(code: &str, message: &str) -> ProviderError {
    ProviderError::Rejected(Failure::new(code, message))
}

pub(super) fn malformed(problem: impl Into<String>) -> ProviderError {
    ProviderError::Malformed(problem.into())
}

impl Stripe {
    /// Reads an object; with Stripe's time of the answer.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        account: &Account,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(T, Option<Timestamp>), ProviderError> {
        let mut url = endpoint(&self.base_url, path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = Request {
            method: Method::GET,
            url,
            headers: self.headers(account)?,
            body: bytes::Bytes::new(),
            conflict_means_running: true,
            keep_server_errors: false,
        };
        let answer = refuse_errors(self.http.send(&request).await?)?;
        Ok((answer.json()?, answer.at))
    }

    /// Does something, once per key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        account: &Account,
        path: &[&str],
        form: &Form,
        idempotency_key: &str,
    ) -> Result<T, ProviderError> {
        refuse_errors(self.send(account, path, form, idempotency_key, false).await?)?.json()
    }

    /// Starts something whose loss costs nothing: where the key leads nowhere any more, another may be used.
    ///
    /// Source: Stripe's reference of idempotent requests. It keeps the first answer under a key for at least a day,
    /// "including 500 errors", and refuses a key that comes with other parameters.
    pub(super) async fn start_post<T: DeserializeOwned>(
        &self,
        account: &Account,
        path: &[&str],
        form: &Form,
        idempotency_key: &str,
    ) -> Result<T, ProviderError> {
        let answer = self.send(account, path, form, idempotency_key, true).await?;
        if answer.status.is_server_error() {
            return Err(ProviderError::KeySpent(format!("HTTP {}", answer.status)));
        }
        let spent = is_idempotency_error(&answer);
        match refuse_errors(answer) {
            Err(ProviderError::Unknown(problem)) if spent => Err(ProviderError::KeySpent(problem)),
            outcome => outcome?.json(),
        }
    }

    async fn send(
        &self,
        account: &Account,
        path: &[&str],
        form: &Form,
        idempotency_key: &str,
        keep_server_errors: bool,
    ) -> Result<Answer, ProviderError> {
        let mut headers = self.headers(account)?;
        let key = HeaderValue::from_str(idempotency_key)
            .map_err(|_| rejected("idempotency_key", "the idempotency key is no header value"))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
        let request = Request {
            method: Method::POST,
            url: endpoint(&self.base_url, path)?,
            headers,
            body: form.encode().into(),
            conflict_means_running: true,
            keep_server_errors,
        };
        self.http.send(&request).await
    }

    fn headers(&self, account: &Account) -> Result<HeaderMap, ProviderError> {
        let key = account.credentials.api_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| ProviderError::Unauthorized("no secret key is set".to_owned()))?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| ProviderError::Unauthorized("the secret key is malformed".to_owned()))?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization);
        headers.insert(HeaderName::from_static("stripe-version"), self.version.clone());
        Ok(headers)
    }
}

fn refuse_errors(answer: Answer) -> Result<Answer, ProviderError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let Ok(body) = answer.json::<ErrorBody>() else {
        return Err(rejected("error", &format!("HTTP {}", answer.status)));
    };
    // The key was used with other parameters: something was done under it, but not this.
    if is_idempotency_error(&answer) {
        return Err(ProviderError::Unknown(IDEMPOTENCY_ERROR.to_owned()));
    }
    let failure = facts::failure(&body.error);
    if points_at_customer(&body.error) {
        return Err(ProviderError::CustomerData(failure));
    }
    Err(ProviderError::Rejected(failure))
}

fn is_idempotency_error(answer: &Answer) -> bool {
    let kind = answer.json::<ErrorBody>().ok().and_then(|body| body.error.kind);
    answer.status == StatusCode::BAD_REQUEST && kind.as_deref() == Some(IDEMPOTENCY_ERROR)
}

/// Whether Stripe refused what was filled in of the customer.
fn points_at_customer(error: &PaymentError) -> bool {
    let names_customer = |param: &str| CUSTOMER_PARAMS.contains(&param);
    error.param.as_deref().is_some_and(names_customer) || error.code.as_deref() == Some("email_invalid")
}
