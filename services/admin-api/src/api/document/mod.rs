//! What every operation of the OpenAPI document has in common is written here, once: how to authenticate, what
//! scope it takes, and how it may fail.

mod shapes;
mod webhooks;
mod words;

use gateway_core::domain::{role::Role, scope::Scope};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema, openapi::OpenApi};
use web_kit::ErrorBody;

/// The extension of an operation that names its scope.
pub const SCOPE: &str = "x-required-scope";
/// The extension of an operation that asks for no key.
pub const PUBLIC: &str = "x-public";
/// The extension of a public operation that judges what it is given, and may refuse it.
const MAY_REFUSE: &str = "x-may-refuse";

const ABOUT: &str = "Create checkouts, follow their payments, and manage what they need. Amounts are integers \
    in minor units, times are ISO 8601 in UTC. Every path is answered under `/v1` too. Sets of words may grow, and so \
    may answers: take what you do not know for something new.";

/// Resources, in the order of their importance to a shop.
const TAGS: [(&str, &str); 23] = [
    ("checkouts", "What a customer is asked to pay."),
    ("transactions", "Payments, and what is done with them."),
    ("orders", "What is sold under one reference: its payments, and what its shop was told."),
    ("sites", "Shops: their look, their addresses, their secrets."),
    ("providers", "Who takes the money."),
    ("webhook-endpoints", "Addresses that are told of events."),
    ("deliveries", "Messages to shops, and every try to deliver them."),
    ("events", "What payment providers sent."),
    ("products", "The library of products."),
    ("discounts", "Discount codes."),
    ("clients", "Customers, and their personal data."),
    ("invoices", "Invoices and receipts."),
    ("credit-notes", "What corrects them."),
    ("invoice-series", "Series of numbers."),
    ("invoice-settings", "The seller, and how they invoice."),
    ("dashboard", "Figures."),
    ("domains", "Domains of a shop's own for its checkouts."),
    ("organizations", "Organizations."),
    ("api-keys", "Keys for servers."),
    ("people", "Who works with the panel."),
    ("auth", "Access tokens of people."),
    ("audit-log", "Who did what."),
    ("webhooks", "What is sent to webhook endpoints."),
];

/// Errors that operations share: status, name, meaning.
const ERRORS: [(&str, &str, &str); 12] = [
    ("400", "BadRequest", "Something in the request is wrong; `details` names the fields."),
    ("401", "Unauthorized", "No valid API key or token."),
    (
        "403",
        "Forbidden",
        "The key lacks the scope, or the person's role does not grant it; or not from this address.",
    ),
    ("404", "NotFound", "There is no such thing in the caller's organization and mode."),
    ("409", "Conflict", "The state of things does not allow it."),
    ("412", "PreconditionFailed", "It has changed since the version that `If-Match` names: read it again."),
    ("413", "PayloadTooLarge", "The body is larger than 1 MiB."),
    ("415", "UnsupportedMediaType", "The body is not said to be JSON, or is compressed."),
    (
        "422",
        "Unprocessable",
        "Well-formed, but not possible; or an Idempotency-Key used with another request.",
    ),
    ("429", "TooManyRequests", "Too many requests: see `Retry-After`."),
    ("500", "InternalError", "An error on our side; quote the request id."),
    ("503", "Unavailable", "Busy: see `Retry-After`, then send the same again."),
];

/// Bodies that work, by operation.
const EXAMPLES: &str = include_str!("../examples.json");

/// Fills in what all operations share; `server` is where they are answered.
pub fn complete(open_api: OpenApi, server: &str) -> Value {
    // A document of plain text and numbers.
    let mut document = serde_json::to_value(open_api).expect("an OpenAPI document is JSON");
    document["info"] = json!({
        "title": "Tollgate Admin API",
        "description": ABOUT,
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only" },
    });
    document["servers"] =
        json!([{ "url": server.trim_end_matches('/'), "description": "This installation." }]);
    document["tags"] =
        TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect();
    let components = &mut document["components"];
    components["securitySchemes"]["bearer"] = json!({
        "type": "http", "scheme": "bearer",
        "description": "An API key, `sk_live_<keyId>.<secret>` or `sk_test_<keyId>.<secret>`; or a person's access token.",
    });
    components["schemas"][ErrorBody::name().as_ref()] = schema::<ErrorBody>();
    components["schemas"]["FieldProblem"] = schema::<web_kit::FieldProblem>();
    for (_, name, meaning) in ERRORS {
        let reference = format!("#/components/schemas/{}", ErrorBody::name());
        components["responses"][name] = json!({
            "description": meaning,
            "content": { "application/json": { "schema": { "$ref": reference } } },
        });
    }
    name_rows(components);
    let examples: Value = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    let paths = document["paths"].as_object_mut().expect("utoipa writes paths as an object");
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        name_versions(item);
        for (method, operation) in item {
            if ["get", "post", "patch", "put", "delete"].contains(&method.as_str()) {
                complete_operation(operation);
                let example = operation["operationId"].as_str().and_then(|id| examples.get(id));
                if let Some(example) = example {
                    operation["requestBody"]["content"]["application/json"]["example"] = example.clone();
                }
            }
        }
    }
    webhooks::add(&mut document);
    shapes::mend(&mut document);
    words::close(&mut document);
    document
}

/// What can be changed has a version: answered as `ETag`, and taken back as `If-Match` (RFC 9110).
fn name_versions(item: &mut Map<String, Value>) {
    const EDITS: [&str; 2] = ["patch", "put"];
    if !EDITS.iter().any(|method| item.contains_key(*method)) {
        return;
    }
    for (method, operation) in
        item.iter_mut().filter(|(method, _)| *method == "get" || EDITS.contains(&method.as_str()))
    {
        operation["responses"]["200"]["headers"]["ETag"] = json!({
            "description": "The version of what is answered.", "schema": { "type": "string" },
        });
        if method == "get" {
            continue;
        }
        let parameter = json!({
            "name": "If-Match", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "The `ETag` that the change was decided on: where somebody else came between, 412. Absent: \
                            whatever stands is changed.",
        });
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(parameter),
            None => operation["parameters"] = json!([parameter]),
        }
    }
}

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).expect("a schema is JSON")
}

/// utoipa copies a page's row type into each page; its name says the same and keeps the document small.
fn name_rows(components: &mut Value) {
    let schemas = components["schemas"].as_object_mut().expect("schemas are an object");
    let names: Vec<String> = schemas.keys().cloned().collect();
    for page in &names {
        let Some(row) = page.strip_prefix("Page_").filter(|row| schemas.contains_key(*row)) else { continue };
        let reference = json!({ "$ref": format!("#/components/schemas/{row}") });
        schemas[page]["properties"]["data"]["items"] = reference;
    }
}

fn complete_operation(operation: &mut Value) {
    let is_public = operation[PUBLIC] == true;
    operation["security"] = if is_public { json!([]) } else { json!([{ "bearer": [] }]) };
    if let Some(scope) = operation[SCOPE].as_str() {
        let described = operation["description"].as_str().unwrap_or_default();
        let needs = format!("Needs the scope `{scope}`{}.", role_of(scope));
        let text = if described.is_empty() { needs } else { format!("{described}\n\n{needs}") };
        operation["description"] = text.into();
    }
    let may_refuse = operation[MAY_REFUSE] == true;
    let takes_body = !operation["requestBody"].is_null();
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_version = parameters.iter().any(|one| one["name"] == "If-Match");
    for (status, name, _) in ERRORS {
        let asks_for_a_key = ["401", "403", "404", "409", "422"].contains(&status);
        let is_judged = may_refuse && ["401", "404", "409"].contains(&status);
        let of_body = ["413", "415"].contains(&status);
        if (of_body && !takes_body)
            || (status == "412" && !has_version)
            || (is_public && asks_for_a_key && !is_judged)
        {
            continue;
        }
        // What an operation says of a status itself stays.
        if operation["responses"][status].is_null() {
            operation["responses"][status] = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    }
}

/// The least role of a person whom a scope is granted to.
fn role_of(scope: &str) -> String {
    let scope = scope.parse::<Scope>().ok();
    let least = scope.and_then(|scope| Role::ALL.iter().find(|role| role.grants(scope)));
    least.map(|role| format!(", or the role {role}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object of the document but its examples, with where it stands.
    fn visit(value: &Value, place: &str, look: &mut impl FnMut(&Map<String, Value>, &str)) {
        match value {
            Value::Object(object) => {
                look(object, place);
                for (name, value) in
                    object.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str()))
                {
                    visit(value, &format!("{place}/{name}"), look);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| visit(value, place, look)),
            _ => {}
        }
    }

    #[test]
    fn generators_of_clients_find_nothing_to_stumble_over() {
        let document = crate::api::document();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in schemas.keys() {
            // A generator of Go calls what makes an `ApiKey` `NewApiKey`.
            let base = name.strip_prefix("New").unwrap_or_default();
            assert!(!schemas.contains_key(base), "{name} is taken by what makes a {base}");
        }
        visit(&document, "", &mut |object, place| {
            assert_ne!(object.get("default"), Some(&Value::Null), "{place}");
            let target = object.get("$ref").and_then(Value::as_str);
            if let Some(target) = target {
                assert!(document.pointer(&target[1..]).is_some(), "{place}: there is no {target}");
            }
            let ways = object.get("oneOf").and_then(Value::as_array).map_or(0, Vec::len);
            let with_null = ways == 2 && object["oneOf"][1] == json!({ "type": "null" });
            assert!(ways == 0 || with_null, "{place} is one of {ways}");
        });
        let tags: Vec<&str> = TAGS.iter().map(|(name, _)| *name).collect();
        let paths = document["paths"].as_object().unwrap().values();
        let webhooks = document["webhooks"].as_object().unwrap().values();
        let mut ids = std::collections::BTreeSet::new();
        for operation in paths.chain(webhooks).flat_map(|item| item.as_object().unwrap().values()) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_lowercase()), "{id} stands there twice");
            assert!(tags.contains(&operation["tags"][0].as_str().unwrap()), "{id}");
            assert!(operation["summary"].is_string(), "{id} has no summary");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if ["page", "limit"].iter().any(|name| parameter["name"] == *name) {
                    let schema = &parameter["schema"];
                    assert_eq!(parameter["required"], false, "{id}");
                    assert!(schema["default"].is_number() && schema["minimum"] == 1, "{id}: {schema}");
                    assert!(parameter["name"] == "page" || schema["maximum"] == 100, "{id}: {schema}");
                }
            }
        }
    }

    /// Fields that hold words and yet are open: others choose them, or they are reasons that may be new tomorrow.
    const OPEN: &[&str] = &[
        "ReviewBody.reason",
        "HistoryBody.source",
        "TargetBody.kind",
        "CreateInvoice.language",
        "MeBody.language",
        "DeliveryBody.event",
        "ExchangeRateBody.source",
        "OrderData.status",
    ];

    #[test]
    fn closed_sets_are_closed_and_times_are_times() {
        const WORDS: &[&str] = &[
            "status",
            "state",
            "kind",
            "mode",
            "role",
            "outcome",
            "channel",
            "type",
            "providerType",
            "captureMethod",
            "amountType",
            "period",
            "cause",
            "format",
            "scopes",
            "eventTypes",
            "language",
            "vatCategory",
            "category",
            "discountEntry",
            "paymentKind",
            "source",
            "event",
        ];
        let document = crate::api::document();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let is_text = |schema: &Value| {
            schema["type"] == "string"
                || schema["type"].as_array().is_some_and(|all| all.contains(&json!("string")))
        };
        let is_open = |schema: &Value| is_text(schema) && schema["enum"].is_null();
        let (mut times, mut open) = (0, Vec::new());
        for (name, schema) in schemas {
            let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
            for (field, property) in
                parts.flat_map(|part| part["properties"].as_object().into_iter().flatten())
            {
                let place = format!("{name}.{field}");
                if WORDS.contains(&field.as_str())
                    && !OPEN.contains(&place.as_str())
                    && (is_open(property) || is_open(&property["items"]))
                {
                    open.push(format!("{place}: {property}"));
                }
                if let Some(format) = shapes::format_of(name, field)
                    && is_text(property)
                {
                    assert_eq!(property["format"], format, "{place}");
                    times += 1;
                }
            }
        }
        assert!(open.is_empty(), "closed sets: {open:#?}");
        assert!(times > 80, "{times}");
    }

    #[test]
    fn every_example_belongs_to_an_operation_that_takes_a_body() {
        let document = crate::api::document();
        let examples: Value = serde_json::from_str(EXAMPLES).unwrap();
        let mut shown = 0;
        for operation in document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
        {
            let Some(example) = examples.get(operation["operationId"].as_str().unwrap()) else { continue };
            let content = &operation["requestBody"]["content"]["application/json"];
            assert!(content["schema"].is_object() && content["example"] == *example, "{operation}");
            shown += 1;
        }
        assert_eq!(shown, examples.as_object().unwrap().len());
    }
}
