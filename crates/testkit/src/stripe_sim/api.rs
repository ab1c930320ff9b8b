//! Authentication, idempotency, routes and expansion.

use serde_json::{Value, json};

use super::error::ApiError;
use super::form::{Params, bracketed};
use super::objects::list;
use super::state::{Cause, Remembered, Stripe};
use crate::sim::{ApiRequest, Reply};

/// The longest idempotency key.
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// How deep an expansion may go.
const EXPAND_DEPTH_MAX: usize = 4;

impl Stripe {
    pub(super) fn handle(&mut self, request: &ApiRequest) -> Reply {
        let request_id = self.next_id("req_");
        let key = request.header("idempotency-key").map(str::to_owned);
        let mut reply = self.keyed(request, &request_id, key.clone());
        reply.headers.push(("request-id", request_id));
        reply.headers.push(("stripe-version", self.config.api_version.clone()));
        if let Some(key) = key {
            reply.headers.push(("idempotency-key", key));
        }
        reply
    }

    fn keyed(&mut self, request: &ApiRequest, request_id: &str, key: Option<String>) -> Reply {
        if let Err(error) = self.authenticate(request) {
            return refused(&error);
        }
        let route = format!("{} {}", request.method, request.path);
        if self.config.forbidden.iter().any(|forbidden| route.starts_with(forbidden)) {
            return refused(&ApiError::forbidden());
        }
        let params = match read_params(request) {
            Ok(params) => params,
            Err(error) => return refused(&error),
        };
        let key = key.filter(|_| request.method == "POST");
        let fingerprint = format!("{} {} {params:?}", request.method, request.path);
        if let Some(key) = &key {
            if key.len() > IDEMPOTENCY_KEY_MAX {
                let message = "Idempotency keys have up to 255 characters.".to_owned();
                return refused(&ApiError::invalid(None, message, "idempotency_key".to_owned()));
            }
            if let Some(known) = self.idempotency.get(key) {
                return replay(known, &fingerprint);
            }
        }
        self.cause = Some(Cause { request_id: request_id.to_owned(), idempotency_key: key.clone() });
        let outcome = self.route(request, &params).and_then(|found| self.expanded(found, &params));
        self.cause = None;
        let (reply, remember) = match outcome {
            Ok(body) => (Reply::new(200, body), true),
            Err(error) => (refused(&error), error.remembered),
        };
        if let Some(key) = key.filter(|_| remember) {
            let remembered =
                Remembered { fingerprint, request_id: request_id.to_owned(), reply: reply.clone() };
            self.idempotency.insert(key, remembered);
        }
        reply
    }

    fn authenticate(&self, request: &ApiRequest) -> Result<(), ApiError> {
        let given = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match given {
            None => {
                Err(ApiError::unauthorized("You did not provide an API key in the Authorization header."))
            }
            Some(key) if key == self.config.api_key => Ok(()),
            Some(_) => Err(ApiError::unauthorized("Invalid API Key provided")),
        }
    }

    fn route(&mut self, request: &ApiRequest, params: &Params) -> Result<Value, ApiError> {
        let segments = request.segments();
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["v1", "checkout", "sessions"]) => self.create_session(params),
            ("GET", ["v1", "checkout", "sessions"]) => self.list_sessions(params),
            ("GET", ["v1", "checkout", "sessions", id]) => {
                self.show(id, "checkout.session", "session", params)
            }
            ("GET", ["v1", "checkout", "sessions", id, "line_items"]) => {
                Ok(self.session(id)?.line_items_json())
            }
            ("POST", ["v1", "checkout", "sessions", id, "expire"]) => self.expire_open_session(id, params),
            ("POST", ["v1", "payment_intents"]) => self.create_intent(params),
            ("GET", ["v1", "payment_intents"]) => self.list_intents(params),
            ("GET", ["v1", "payment_intents", id]) => self.show(id, "payment_intent", "intent", params),
            ("POST", ["v1", "payment_intents", id, "capture"]) => self.capture_intent(id, params),
            ("POST", ["v1", "payment_intents", id, "cancel"]) => self.cancel_intent(id, params),
            ("GET", ["v1", "charges", id]) => self.show(id, "charge", "id", params),
            ("POST", ["v1", "refunds"]) => self.create_refund(params),
            ("GET", ["v1", "refunds"]) => self.list_refunds(params),
            ("GET", ["v1", "refunds", id]) => self.show(id, "refund", "id", params),
            ("GET", ["v1", "disputes"]) => self.list_disputes(params),
            ("GET", ["v1", "disputes", id]) => self.show(id, "dispute", "id", params),
            ("GET", ["v1", "events"]) => self.list_events(params),
            ("GET", ["v1", "events", id]) => self.show_event(id),
            ("GET", ["v1", "account"]) => Ok(self.account()),
            ("GET", ["v1", "balance"]) => Ok(
                json!({ "object": "balance", "available": [], "livemode": self.config.livemode, "pending": [] }),
            ),
            _ => Err(ApiError::no_route(&request.method, &request.path)),
        }
    }

    fn show(&self, id: &str, what: &str, param: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["expand.*", "client_secret"])?;
        self.object(id)
            .filter(|found| found["object"] == what)
            .ok_or_else(|| ApiError::missing(what, id, param))
    }

    fn show_event(&self, id: &str) -> Result<Value, ApiError> {
        let found = self.events.iter().find(|event| event["id"] == id);
        found.cloned().ok_or_else(|| ApiError::missing("event", id, "id"))
    }

    fn account(&self) -> Value {
        json!({
            "id": self.config.account_id,
            "object": "account",
            "business_profile": { "mcc": null, "name": "Example Shop", "support_email": null, "url": "https://shop.example.com" },
            "business_type": "company",
            "capabilities": { "card_payments": "active", "transfers": "active" },
            "charges_enabled": true,
            "country": "PT",
            "default_currency": "eur",
            "details_submitted": true,
            "email": "shop@example.com",
            "metadata": {},
            "payouts_enabled": true,
            "settings": { "dashboard": { "display_name": "Example Shop", "timezone": "Etc/UTC" } },
            "type": "standard",
        })
    }

    fn list_events(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "type",
            "types.*",
            "created",
            "created.*",
            "delivery_success",
            "limit",
            "starting_after",
            "ending_before",
            "expand.*",
        ])?;
        let types = params.list("types");
        let bounds = [("gte", i64::MIN), ("lte", i64::MAX), ("gt", i64::MIN), ("lt", i64::MAX)]
            .map(|(name, otherwise)| Ok(params.integer(&format!("created.{name}"))?.unwrap_or(otherwise)));
        let [gte, lte, gt, lt] = bounds;
        let (gte, lte, gt, lt) = (gte?, lte?, gt?, lt?);
        let found = self.events.iter().rev().filter(|event| {
            let created = event["created"].as_i64().unwrap_or_default();
            let kind = event["type"].as_str().unwrap_or_default();
            created >= gte
                && created <= lte
                && (created > gt || gt == i64::MIN)
                && (created < lt || lt == i64::MAX)
                && params.get("type").is_none_or(|wanted| kind_matches(wanted, kind))
                && (types.is_empty() || types.iter().any(|wanted| kind_matches(wanted, kind)))
        });
        page(&found.cloned().collect::<Vec<_>>(), params, "/v1/events")
    }

    /// Replaces ids by objects, as `expand[]` asks.
    fn expanded(&mut self, mut found: Value, params: &Params) -> Result<Value, ApiError> {
        for path in params.list("expand") {
            let parts: Vec<&str> = path.split('.').collect();
            if parts.len() > EXPAND_DEPTH_MAX {
                let message = "Properties can be expanded up to 4 levels deep.".to_owned();
                return Err(ApiError::invalid(None, message, "expand".to_owned()));
            }
            self.expand(&mut found, &parts, &path)?;
        }
        Ok(found)
    }

    fn expand(&mut self, target: &mut Value, parts: &[&str], path: &str) -> Result<(), ApiError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        if let (true, Value::Array(elements)) = (*part == "data", &mut target["data"]) {
            return elements.iter_mut().try_for_each(|element| self.expand(element, rest, path));
        }
        let kind = target["object"].as_str().unwrap_or_default().to_owned();
        if !expandable(&kind, part) {
            let message = format!("This property cannot be expanded ({path}).");
            return Err(ApiError::invalid(None, message, bracketed("expand.0")));
        }
        let owner = target["id"].as_str().unwrap_or_default().to_owned();
        match (kind.as_str(), *part) {
            ("checkout.session", "line_items") => target[*part] = self.session(&owner)?.line_items_json(),
            ("charge", "refunds") => target[*part] = self.refunds_of_charge(&owner),
            _ => {
                let id = target[*part].as_str().map(str::to_owned);
                if let Some(object) = id.and_then(|id| self.object(&id)) {
                    target[*part] = object;
                }
            }
        }
        // Null stays null, and whatever lies below it is not there to be expanded.
        if target[*part].is_object() { self.expand(&mut target[*part], rest, path) } else { Ok(()) }
    }
}

fn expandable(kind: &str, property: &str) -> bool {
    match kind {
        "checkout.session" => {
            matches!(property, "payment_intent" | "line_items" | "customer" | "setup_intent")
        }
        "payment_intent" => matches!(property, "latest_charge" | "payment_method" | "customer" | "review"),
        "charge" => matches!(property, "payment_intent" | "refunds" | "balance_transaction" | "customer"),
        "refund" | "dispute" => matches!(property, "charge" | "payment_intent" | "balance_transaction"),
        _ => false,
    }
}

/// `charge.*` stands for all kinds that start so.
fn kind_matches(wanted: &str, kind: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => wanted == kind,
    }
}

fn refused(error: &ApiError) -> Reply {
    let mut reply = Reply::new(error.status, error.body());
    if error.status == 409 {
        reply.headers.push(("stripe-should-retry", "true".to_owned()));
    }
    reply
}

fn replay(known: &Remembered, fingerprint: &str) -> Reply {
    if known.fingerprint != fingerprint {
        return refused(&ApiError::idempotency());
    }
    let mut reply = known.reply.clone();
    reply.replayed = true;
    reply.headers.push(("idempotent-replayed", "true".to_owned()));
    reply.headers.push(("original-request", known.request_id.clone()));
    reply
}

fn read_params(request: &ApiRequest) -> Result<Params, ApiError> {
    if request.method != "POST" {
        return Ok(Params::parse(request.query.as_bytes()));
    }
    if !request.body.is_empty() && !request.has_content_type("application/x-www-form-urlencoded") {
        let message = "POST bodies must be application/x-www-form-urlencoded.".to_owned();
        return Err(ApiError::invalid(None, message, "content_type".to_owned()));
    }
    Ok(Params::parse(&request.body))
}

/// A page of `found`, which is sorted from new to old.
pub(super) fn page(found: &[Value], params: &Params, url: &str) -> Result<Value, ApiError> {
    let limit = params.integer("limit")?.unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return Err(ApiError::invalid(None, "Limits are between 1 and 100.".to_owned(), "limit".to_owned()));
    }
    let limit = usize::try_from(limit).unwrap_or(10);
    let position = |name: &str| -> Result<Option<usize>, ApiError> {
        let Some(id) = params.get(name) else { return Ok(None) };
        let at = found.iter().position(|object| object["id"] == id);
        at.map(Some).ok_or_else(|| ApiError::missing("object", id, name))
    };
    let (data, has_more) = match (position("starting_after")?, position("ending_before")?) {
        (Some(after), _) => window(&found[after + 1..], limit),
        (None, Some(before)) => {
            let first = before.saturating_sub(limit);
            (found[first..before].to_vec(), first > 0)
        }
        (None, None) => window(found, limit),
    };
    Ok(list(&data, has_more, url))
}

fn window(rest: &[Value], limit: usize) -> (Vec<Value>, bool) {
    (rest.iter().take(limit).cloned().collect(), rest.len() > limit)
}
