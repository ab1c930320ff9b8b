//! Authentication, versions, idempotency, routes and lists.

use serde_json::{Value, json};

use super::error::ApiError;
use super::state::GoCardless;
use crate::sim::{ApiRequest, Reply};

/// The longest idempotency key.
const IDEMPOTENCY_KEY_MAX: usize = 128;

/// A page of a list, when the caller names no limit, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 500;

/// A resource made or found: its wrapping name and its id.
struct Found {
    status: u16,
    resource: &'static str,
    id: String,
}

impl Answer {
    fn one(status: u16, resource: &'static str, id: impl Into<String>) -> Self {
        Self::One(Found { status, resource, id: id.into() })
    }
}

enum Answer {
    One(Found),
    List(Value),
}

type Outcome = Result<Answer, ApiError>;

impl GoCardless {
    pub(super) fn handle(&mut self, request: &ApiRequest) -> Reply {
        let request_id = self.next_id("RQ");
        let outcome = self.checked(request);
        let mut reply = match outcome {
            Ok(Answer::One(found)) => {
                match self.object(&found.id).filter(|_| found.id.starts_with(prefix(found.resource))) {
                    Some(object) => Reply::new(found.status, json!({ found.resource: object })),
                    None => Reply::new(404, ApiError::missing().body(&request_id)),
                }
            }
            Ok(Answer::List(list)) => Reply::new(200, list),
            Err(error) => {
                let mut reply = Reply::new(error.status, error.body(&request_id));
                reply.replayed = error.conflict;
                reply
            }
        };
        reply.headers.push(("x-request-id", request_id));
        reply
    }

    fn checked(&mut self, request: &ApiRequest) -> Outcome {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match token {
            None => {
                return Err(ApiError::bad(
                    401,
                    "missing_authorization_header",
                    "No authorization header was given",
                ));
            }
            Some(token) if token != self.config.access_token => {
                return Err(ApiError::bad(
                    401,
                    "access_token_not_found",
                    "The access token could not be found",
                ));
            }
            Some(_) => {}
        }
        match request.header("gocardless-version") {
            None => return Err(ApiError::bad(400, "missing_version_header", "No version header was given")),
            Some("2015-07-06") => {}
            Some(_) => return Err(ApiError::bad(400, "version_not_found", "There is no such version")),
        }
        let segments = request.segments();
        match request.method.as_str() {
            "GET" => self.read(request, &segments),
            "POST" => self.write(request, &segments),
            _ => Err(ApiError::bad(405, "method_not_allowed", "Method not allowed")),
        }
    }

    fn read(&self, request: &ApiRequest, segments: &[&str]) -> Outcome {
        match segments {
            ["billing_requests", id] => Ok(Answer::one(200, "billing_requests", *id)),
            ["payments", id] => Ok(Answer::one(200, "payments", *id)),
            ["mandates", id] => Ok(Answer::one(200, "mandates", *id)),
            ["refunds", id] => Ok(Answer::one(200, "refunds", *id)),
            ["creditors", id] => Ok(Answer::one(200, "creditors", *id)),
            ["creditors"] => list(request, "creditors", self.shown([&self.config.creditor_id])),
            ["billing_requests"] => {
                list(request, "billing_requests", self.shown(self.billing_requests.keys().rev()))
            }
            ["payments"] => list(request, "payments", self.shown(self.payments.keys().rev())),
            ["mandates"] => list(request, "mandates", self.shown(self.mandates.keys().rev())),
            ["refunds"] => list(request, "refunds", self.shown(self.refunds.keys().rev())),
            ["events"] => list(request, "events", self.events.iter().rev().cloned().collect()),
            ["events", id] => {
                let event = self.events.iter().find(|event| event["id"] == **id);
                event.map(|event| Answer::List(json!({ "events": event }))).ok_or_else(ApiError::missing)
            }
            _ => Err(ApiError::bad(404, "path_not_found", "Path not found")),
        }
    }

    fn shown<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> Vec<Value> {
        ids.into_iter().filter_map(|id| self.object(id)).collect()
    }

    fn write(&mut self, request: &ApiRequest, segments: &[&str]) -> Outcome {
        let body = read_body(request)?;
        match segments {
            ["billing_requests"] => {
                self.create(request, "billing_requests", &body, Self::create_billing_request)
            }
            ["billing_request_flows"] => {
                self.create(request, "billing_request_flows", &body, Self::create_flow)
            }
            ["payments"] => self.create(request, "payments", &body, Self::create_payment),
            ["refunds"] => self.create(request, "refunds", &body, Self::create_refund),
            ["billing_requests", id, "actions", "cancel"] => {
                self.cancel_billing_request(id, "api")?;
                self.effects.billing_requests_cancelled += 1;
                Ok(Answer::one(200, "billing_requests", *id))
            }
            ["payments", id, "actions", "cancel"] => {
                self.cancel_payment_by_request(id)?;
                Ok(Answer::one(200, "payments", *id))
            }
            ["mandates", id, "actions", "cancel"] => {
                self.cancel_mandate_by_request(id)?;
                Ok(Answer::one(200, "mandates", *id))
            }
            _ => Err(ApiError::bad(404, "path_not_found", "Path not found")),
        }
    }

    /// Makes a resource, unless the idempotency key has made one before, whatever its parameters were.
    fn create(
        &mut self,
        request: &ApiRequest,
        resource: &'static str,
        body: &Value,
        make: fn(&mut Self, &Value) -> Result<String, ApiError>,
    ) -> Outcome {
        let key = request.header("idempotency-key").map(|key| (resource.to_owned(), key.to_owned()));
        if key.as_ref().is_some_and(|(_, text)| text.len() > IDEMPOTENCY_KEY_MAX) {
            return Err(ApiError::bad(400, "idempotency_key_too_long", "The idempotency key is too long"));
        }
        if let Some(existing) = key.as_ref().and_then(|key| self.idempotency.get(key)) {
            return Err(ApiError::conflict(existing));
        }
        let id = make(self, body)?;
        if let Some(key) = key {
            self.idempotency.insert(key, id.clone());
        }
        Ok(Answer::one(201, resource, id))
    }
}

fn list(request: &ApiRequest, resource: &'static str, all: Vec<Value>) -> Outcome {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
    let mut limit = LIMIT;
    let (mut after, mut before) = (None, None);
    let mut kept = all;
    for (name, value) in &query {
        match name.as_str() {
            "limit" => {
                let given = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                limit = given.ok_or_else(|| ApiError::bad(422, "invalid_filters", "limit is not allowed"))?;
            }
            "after" => after = Some(value.clone()),
            "before" => before = Some(value.clone()),
            "include" => {}
            name => {
                let filter = Filter::named(resource, name)
                    .ok_or_else(|| ApiError::bad(422, "invalid_filters", "There is no such filter"))?;
                kept.retain(|object| filter.keeps(object, value));
            }
        }
    }
    let at =
        |id: &Option<String>| id.as_ref().and_then(|id| kept.iter().position(|object| object["id"] == **id));
    let range = match (at(&after), at(&before)) {
        (Some(after), _) => after + 1..kept.len().min(after + 1 + limit),
        (None, Some(before)) => before.saturating_sub(limit)..before,
        (None, None) => 0..kept.len().min(limit),
    };
    let page = &kept[range.clone()];
    let older = page.last().filter(|_| range.end < kept.len()).map(|object| object["id"].clone());
    let newer = page.first().filter(|_| range.start > 0).map(|object| object["id"].clone());
    Ok(Answer::List(json!({
        resource: page,
        "meta": { "cursors": { "before": newer, "after": older }, "limit": limit },
    })))
}

/// How the ids of a resource start.
fn prefix(resource: &str) -> &'static str {
    match resource {
        "billing_requests" => "BRQ",
        "billing_request_flows" => "BRF",
        "payments" => "PM",
        "mandates" => "MD",
        "refunds" => "RF",
        _ => "CR",
    }
}

/// A filter of a list, by the name of its query parameter.
enum Filter {
    /// A field, or with `links` a link.
    Equals(Vec<String>),
    /// `created_at[gte]` and so on: times in one format compare as texts.
    Created(&'static str),
}

impl Filter {
    fn named(resource: &str, name: &str) -> Option<Self> {
        let links = match resource {
            "events" => &["billing_request", "payment", "mandate", "refund"][..],
            "refunds" => &["payment", "mandate"],
            "payments" => &["mandate", "creditor"],
            "mandates" | "billing_requests" => &["customer", "creditor"],
            _ => &[],
        };
        if links.contains(&name) {
            return Some(Self::Equals(vec!["links".to_owned(), name.to_owned()]));
        }
        let operator = ["gte", "gt", "lte", "lt"].into_iter().find(|op| name == format!("created_at[{op}]"));
        match (operator, name) {
            (Some(operator), _) => Some(Self::Created(operator)),
            (None, "status" | "currency" | "resource_type" | "action" | "reference") => {
                Some(Self::Equals(vec![name.to_owned()]))
            }
            (None, _) => None,
        }
    }

    fn keeps(&self, object: &Value, wanted: &str) -> bool {
        match self {
            Self::Equals(path) => path.iter().fold(object, |value, part| &value[part.as_str()]) == wanted,
            Self::Created(operator) => {
                let created = object["created_at"].as_str().unwrap_or_default();
                match *operator {
                    "gte" => created >= wanted,
                    "gt" => created > wanted,
                    "lte" => created <= wanted,
                    _ => created < wanted,
                }
            }
        }
    }
}

fn read_body(request: &ApiRequest) -> Result<Value, ApiError> {
    if request.body.is_empty() {
        return Ok(json!({}));
    }
    if !request.has_content_type("application/json") {
        return Err(ApiError::bad(415, "invalid_content_type", "The content type must be application/json"));
    }
    let body: Option<Value> = serde_json::from_slice(&request.body).ok();
    body.filter(Value::is_object)
        .ok_or_else(|| ApiError::bad(400, "invalid_document_structure", "The body must be a JSON object"))
}
