//! What every operation of the OpenAPI document has in common is written here, once: how to authenticate, what
//! scope it takes, and how it may fail.

use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema, openapi::OpenApi};
use web_kit::ErrorBody;

/// The extension of an operation that names its scope.
pub const SCOPE: &str = "x-required-scope";
/// The extension of an operation that asks for no key.
pub const PUBLIC: &str = "x-public";

const ABOUT: &str = "Create checkouts, follow their payments, and manage what they need. Amounts are integers \
    in minor units, times are ISO 8601 in UTC. Every path is answered under `/v1` too.";

/// Fills in what all operations share.
pub fn complete(open_api: OpenApi) -> Value {
    // A document of plain text and numbers.
    let mut document = serde_json::to_value(open_api).expect("an OpenAPI document is JSON");
    document["info"] = json!({
        "title": "Tollgate Admin API",
        "description": ABOUT,
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only" },
    });
    let components = &mut document["components"];
    components["securitySchemes"]["bearer"] = json!({
        "type": "http", "scheme": "bearer",
        "description": "An API key: `sk_live_<keyId>.<secret>` or `sk_test_<keyId>.<secret>`.",
    });
    components["schemas"][ErrorBody::name().as_ref()] = schema::<ErrorBody>();
    components["schemas"]["FieldProblem"] = schema::<web_kit::FieldProblem>();
    let paths = document["paths"].as_object_mut().expect("utoipa writes paths as an object");
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        for (method, operation) in item {
            if ["get", "post", "patch", "put", "delete"].contains(&method.as_str()) {
                complete_operation(operation);
            }
        }
    }
    document
}

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).expect("a schema is JSON")
}

fn complete_operation(operation: &mut Value) {
    let is_public = operation[PUBLIC] == true;
    operation["security"] = if is_public { json!([]) } else { json!([{ "bearer": [] }]) };
    if let Some(scope) = operation[SCOPE].as_str() {
        let described = operation["description"].as_str().unwrap_or_default();
        let needs = format!("Needs the scope `{scope}`.");
        let text = if described.is_empty() { needs } else { format!("{described}\n\n{needs}") };
        operation["description"] = text.into();
    }
    let takes_body = !operation["requestBody"].is_null();
    for (status, meaning, with_body_only) in [
        ("400", "Something in the request is wrong; `details` names the fields.", false),
        ("401", "No valid API key.", false),
        ("403", "The key lacks the scope, or may not be used from this address.", false),
        ("404", "There is no such thing in the key's organization and mode.", false),
        ("409", "The state of things does not allow it.", false),
        ("413", "The body is larger than 1 MiB.", true),
        ("415", "The body is not said to be JSON.", true),
        ("422", "Well-formed, but not possible; or an Idempotency-Key used with another request.", false),
        ("429", "Too many requests: see `Retry-After`.", false),
        ("500", "An error on our side; quote the request id.", false),
        ("503", "Busy: see `Retry-After`, then send the same again.", false),
    ] {
        let asks_for_a_key = ["401", "403", "404", "409", "422"].contains(&status);
        if (with_body_only && !takes_body) || (is_public && asks_for_a_key) {
            continue;
        }
        let reference = format!("#/components/schemas/{}", ErrorBody::name());
        operation["responses"][status] = json!({
            "description": meaning,
            "content": { "application/json": { "schema": { "$ref": reference } } },
        });
    }
}
