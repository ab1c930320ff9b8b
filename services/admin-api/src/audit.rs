//! What the audit log learns of requests: here, once, around every route of the API; the panel's guard does the same
//! around every screen. A new operation is recorded by being there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, to_bytes},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use futures::TryStreamExt;
use gateway_core::{
    app::{
        App,
        audit::{self, What},
    },
    crypto::jwt,
    domain::{
        AuditEntryId,
        audit::{Channel, Ending, Outcome, Target},
    },
};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use utoipa::openapi::OpenApi;
use web_kit::{ClientIp, ErrorBody};

use crate::api::query::operations;

/// Operations that leave no entry, and why. The test that walks the document names the same.
pub const NOT_RECORDED: &[(&str, &str)] = &[
    ("beginPasskeyLogin", "a challenge for nobody in particular; what it is answered with is recorded"),
    ("refreshTokens", "a log-in goes on, every quarter of an hour; its begin and its end are recorded"),
];
/// Business and no administration, and a hot path, unless a person does it by hand.
const BUSINESS: &str = "createCheckout";
/// Largest answer that is looked into for the id of what was made.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The names of operations, by method and path.
#[derive(Debug)]
pub struct Operations(HashMap<(Method, String), String>);

impl Operations {
    /// From the document, in which every route stands.
    pub fn of(document: &OpenApi) -> Self {
        let mut all = HashMap::new();
        for (method, path, operation) in operations(document) {
            if let Some(id) = operation.operation_id.clone() {
                all.insert((method, path.to_owned()), id);
            }
        }
        Self(all)
    }

    /// A route that no name is known of is called by its path.
    fn name(&self, method: &Method, path: &str) -> String {
        let found = self.0.get(&(method.clone(), path.to_owned()));
        found.cloned().unwrap_or_else(|| format!("{method} {path}"))
    }
}

/// Around every route of the API.
pub(crate) async fn layer(
    State((app, operations)): State<(App, Arc<Operations>)>,
    request: Request,
    next: Next,
) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let template = matched.unwrap_or_default();
    let path = template.strip_prefix("/api/v1").or_else(|| template.strip_prefix("/v1")).unwrap_or(&template);
    let operation = operations.name(request.method(), path);
    if operation == BUSINESS && !is_person(request.headers()) {
        return next.run(request).await;
    }
    let writes = !request.method().is_safe();
    let always = writes && !NOT_RECORDED.iter().any(|(name, _)| *name == operation);
    let what = What {
        operation,
        channel: Channel::Api,
        address: address(&request),
        on: targets(path, request.uri().path()),
        always,
    };
    let kind = path.split('/').rfind(|part| !part.is_empty() && !part.starts_with('{')).unwrap_or_default();
    let kind = kind.to_owned();
    let run = async {
        if !always {
            return next.run(request).await;
        }
        let (request, seen) = overheard(request);
        let response = next.run(request).await;
        let names = names_of(&seen.lock().unwrap_or_else(PoisonError::into_inner));
        audit::fields(names.iter().map(String::as_str));
        note_made(&kind, response).await
    };
    audit::recorded(&app, what, run, outcome).await
}

fn is_person(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|text| text.split_once(' ')).is_some_and(|(_, token)| jwt::looks_like(token.trim()))
}

/// Where a request comes from.
pub(crate) fn address(request: &Request) -> Option<String> {
    request.extensions().get::<ClientIp>().map(|address| address.0.to_string())
}

/// The ids in a path. What is no id, such as the token of a link, is left out.
pub(crate) fn targets(template: &str, path: &str) -> Vec<Target> {
    let given: Vec<&str> = path.split('/').collect();
    let named: Vec<&str> = template.split('/').collect();
    // The path may have more in front of it: they are compared from their ends.
    let pairs = named.iter().rev().zip(given.iter().rev()).enumerate();
    let mut found: Vec<Target> = Vec::new();
    for (from_end, (name, value)) in pairs {
        let is_id = name.starts_with('{') && value.parse::<AuditEntryId>().is_ok();
        let place = named.len() - 1 - from_end;
        let before = named.get(place.wrapping_sub(1)).copied().unwrap_or_default();
        let kind = match *name {
            "{siteId}" => "sites",
            "{domain}" => "domains",
            "{delivery}" => "notifications",
            _ => before,
        };
        // Whose it is, says the log that it stands in.
        if is_id && !["organizations", "o"].contains(&kind) {
            found.push(Target { kind: kind.to_owned(), id: (*value).to_owned() });
        }
    }
    found.reverse();
    found
}

/// A body that is kept as it goes by, for the names of its fields. It is read no further than its handler reads it.
fn overheard(request: Request) -> (Request, Arc<Mutex<Vec<u8>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let copy = Arc::clone(&seen);
    let (parts, body) = request.into_parts();
    let body = body.into_data_stream().inspect_ok(move |chunk| {
        copy.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(chunk);
    });
    (Request::from_parts(parts, Body::from_stream(body)), seen)
}

fn names_of(json: &[u8]) -> Vec<String> {
    let read = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(json);
    read.map(|fields| fields.into_iter().map(|(name, _)| name).collect()).unwrap_or_default()
}

/// Notes the id of what was made.
async fn note_made(kind: &str, response: Response) -> Response {
    #[derive(Deserialize)]
    struct Made {
        id: String,
    }
    if response.status() != StatusCode::CREATED {
        return response;
    }
    let (parts, body) = response.into_parts();
    // A body of a handler is in memory already: this copies nothing and cannot fail.
    let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap_or_default();
    if let Ok(made) = serde_json::from_slice::<Made>(&bytes)
        && made.id.parse::<AuditEntryId>().is_ok()
    {
        audit::target(kind, &made.id);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// How an answer says that it ended.
pub(crate) fn outcome(response: &Response) -> Outcome {
    let ending = match response.status().as_u16() {
        ..400 => Ending::Done,
        400..500 => Ending::Refused,
        _ => Ending::Failed,
    };
    let code = response.extensions().get::<ErrorBody>().map(|body| body.code.clone());
    Outcome { ending, code: code.filter(|_| ending != Ending::Done) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_path_are_named_and_tokens_are_not() {
        let id = "650000000000000000000001";
        let found = targets(
            "/sites/{id}/domains/{domain}/check",
            &format!("/o/{id}/test/sites/{id}/domains/{id}/check"),
        );
        let kinds: Vec<&str> = found.iter().map(|target| target.kind.as_str()).collect();
        assert_eq!(kinds, ["sites", "domains"]);
        let of = |template: &str, path: &str| targets(template, path).len();
        assert_eq!(
            of("/organizations/{id}/people/{personId}", &format!("/v1/organizations/{id}/people/{id}")),
            1
        );
        assert_eq!(of("/invitation/{token}", "/invitation/secret"), 0);
        assert_eq!(of("/o/{org}/{mode}/people", &format!("/o/{id}/test/people")), 0);
        let found = targets("/checkouts/{siteId}/create", &format!("/v1/checkouts/{id}/create"));
        assert_eq!(found[0].kind, "sites");
    }

    #[test]
    fn names_of_fields_and_no_values_are_kept() {
        let mut names = names_of(br#"{"name": "Ana", "credentials": {"apiKey": "sk"}}"#);
        names.sort();
        assert_eq!(names, ["credentials", "name"]);
        assert!(names_of(b"[1]").is_empty() && names_of(b"{").is_empty() && names_of(b"").is_empty());
    }
}
