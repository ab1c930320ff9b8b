//! What every operation of the OpenAPI document has in common is written here, once: how to authenticate, what
//! scope it takes, and how it may fail.

use gateway_core::domain::{role::Role, scope::Scope};
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema, openapi::OpenApi};
use web_kit::ErrorBody;

/// The extension of an operation that names its scope.
pub const SCOPE: &str = "x-required-scope";
/// The extension of an operation that asks for no key.
pub const PUBLIC: &str = "x-public";
/// The extension of a public operation that judges what it is given, and may refuse it.
const MAY_REFUSE: &str = "x-may-refuse";

const ABOUT: &str = "Create checkouts, follow their payments, and manage what they need. Amounts are integers \
    in minor units, times are ISO 8601 in UTC. Every path is answered under `/v1` too.";

/// Bodies that work, by operation.
const EXAMPLES: &str = include_str!("examples.json");

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
        "description": "An API key, `sk_live_<keyId>.<secret>` or `sk_test_<keyId>.<secret>`; or a person's access token.",
    });
    components["schemas"][ErrorBody::name().as_ref()] = schema::<ErrorBody>();
    components["schemas"]["FieldProblem"] = schema::<web_kit::FieldProblem>();
    name_rows(components);
    let examples: Value = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    let paths = document["paths"].as_object_mut().expect("utoipa writes paths as an object");
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
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
    document
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
    for (status, meaning, with_body_only) in [
        ("400", "Something in the request is wrong; `details` names the fields.", false),
        ("401", "No valid API key or token.", false),
        (
            "403",
            "The key lacks the scope, or the person's role does not grant it; or not from this address.",
            false,
        ),
        ("404", "There is no such thing in the caller's organization and mode.", false),
        ("409", "The state of things does not allow it.", false),
        ("413", "The body is larger than 1 MiB.", true),
        ("415", "The body is not said to be JSON.", true),
        ("422", "Well-formed, but not possible; or an Idempotency-Key used with another request.", false),
        ("429", "Too many requests: see `Retry-After`.", false),
        ("500", "An error on our side; quote the request id.", false),
        ("503", "Busy: see `Retry-After`, then send the same again.", false),
    ] {
        let asks_for_a_key = ["401", "403", "404", "409", "422"].contains(&status);
        let is_judged = may_refuse && ["401", "404", "409"].contains(&status);
        if (with_body_only && !takes_body) || (is_public && asks_for_a_key && !is_judged) {
            continue;
        }
        let reference = format!("#/components/schemas/{}", ErrorBody::name());
        operation["responses"][status] = json!({
            "description": meaning,
            "content": { "application/json": { "schema": { "$ref": reference } } },
        });
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
