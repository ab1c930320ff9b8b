//! Bodies as large as they may be and as bad as they can be, for every operation of the Admin API: how long the answer
//! takes while the service has nothing else to do, which is how long one caller can hold a core.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::report::{Aim, ms};
use super::{Bench, Section};
use crate::Outcome;

/// Largest body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Microseconds for one body.
const WORST_MOST: u64 = 50_000;

/// An id that nothing has.
const NOBODY: &str = "000000000000000000000001";

/// One way to be as bad as can be.
struct Trial {
    method: String,
    path: String,
    what: String,
    body: String,
}

/// Sends each of them three times; the quickest counts, since the machine does other things, too.
pub async fn run(bench: &Bench) -> Outcome<Section> {
    println!("\nThe worst bodies of a megabyte");
    let gateway = bench.stack.gateway();
    let base = &gateway.direct.urls.admin_api;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(2)).build()?;
    let document: Value = client.get(format!("{base}/api/v1/openapi.json")).send().await?.json().await?;
    let ids = [("organizations", gateway.seed.organization_id.as_str()), ("", gateway.seed.site_id.as_str())];
    let mut found = Vec::new();
    for trial in trials(&document, &ids) {
        let method = trial.method.to_uppercase().parse()?;
        let mut best = Duration::MAX;
        let mut status = 0;
        for _ in 0..3 {
            let request = client.request(reqwest::Method::clone(&method), format!("{base}{}", trial.path));
            let request =
                request.bearer_auth(&gateway.seed.api_key).header("content-type", "application/json");
            let sent = Instant::now();
            let answer = request.body(trial.body.clone()).send().await?;
            status = answer.status().as_u16();
            answer.bytes().await?;
            best = best.min(sent.elapsed());
        }
        if status >= 500 {
            return Err(format!("{} {} with {}: {status}", trial.method, trial.path, trial.what).into());
        }
        found.push((u64::try_from(best.as_micros()).unwrap_or(u64::MAX), status, trial));
    }
    found.sort_by_key(|(us, ..)| std::cmp::Reverse(*us));
    for (us, status, trial) in found.iter().take(8) {
        println!("  {:>10}  {status}  {:<6} {} with {}", ms(*us), trial.method, trial.path, trial.what);
    }
    let worst = found.first().map_or(0, |(us, ..)| *us);
    let all: Vec<Value> = found
        .iter()
        .map(|(us, status, trial)| json!({ "us": us, "status": status, "path": trial.path, "what": trial.what }))
        .collect();
    let aims = vec![Aim::at_most("the worst body of a megabyte", worst, WORST_MOST, ms)];
    Ok(Section { name: "bodies", figures: json!({ "bodies": all }), aims })
}

/// Of each field that a body may have, and of fields that it may not.
fn trials(document: &Value, ids: &[(&str, &str)]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            let mut bodies = vec![("unknown fields".to_owned(), filled("{", |i| format!("\"u{i}\":0"), "}"))];
            let schema = resolved(document, schema);
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                bodies.extend(of_field(document, name, property));
            }
            let path = with_ids(path, ids);
            trials.extend(bodies.into_iter().map(|(what, body)| Trial {
                method: method.clone(),
                path: path.clone(),
                what,
                body,
            }));
        }
    }
    trials
}

fn of_field(document: &Value, name: &str, property: &Value) -> Vec<(String, String)> {
    let whole = |what: &str, open: &str, entry: &dyn Fn(usize) -> String, close: &str| {
        (format!("{what} {name}"), filled(&format!("{{\"{name}\":{open}"), entry, &format!("{close}}}")))
    };
    let schema = resolved(document, property);
    let mut bodies = vec![
        whole("a list of nothing in", "[", &|_| "{}".to_owned(), "]"),
        whole("a list of texts in", "[", &|i| format!("\"{i}\""), "]"),
        whole("keys in", "{", &|i| format!("\"{i:05}\":0"), "}"),
        (
            format!("a long text in {name}"),
            format!("{{\"{name}\":\"{}\"}}", "a".repeat(BODY_BYTES_MAX - name.len() - 8)),
        ),
    ];
    if schema["items"].is_object() {
        let entry = example(document, &schema["items"]).to_string();
        bodies.push(whole("a list of what belongs into", "[", &|_| entry.clone(), "]"));
    }
    // Fields of fields.
    for (inner, property) in schema["properties"].as_object().into_iter().flatten() {
        let list = |what: &str, entry: &dyn Fn(usize) -> String| {
            (
                format!("a list{what} in {name}.{inner}"),
                filled(&format!("{{\"{name}\":{{\"{inner}\":["), entry, "]}}"),
            )
        };
        bodies.push(list("", &|i| format!("\"{i}\"")));
        let property = resolved(document, property);
        if property["items"].is_object() {
            let entry = example(document, &property["items"]).to_string();
            bodies.push(list(" of what belongs there", &|_| entry.clone()));
        }
    }
    bodies
}

/// A small value that a schema may take.
fn example(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    let given = [&schema["example"], &schema["default"], &schema["enum"][0]];
    if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
        return given.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") | None => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(name, property)| (name.clone(), example(document, property))).collect()
        }
        Some(_) => json!("1"),
    }
}

/// As many entries as fit.
fn filled(open: &str, entry: impl Fn(usize) -> String, close: &str) -> String {
    let mut body = open.to_owned();
    for index in 0.. {
        let entry = entry(index);
        if body.len() + entry.len() + close.len() + 1 > BODY_BYTES_MAX {
            break;
        }
        if index > 0 {
            body.push(',');
        }
        body.push_str(&entry);
    }
    body + close
}

/// What a reference, or the one part of a choice that is no `null`, stands for.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return &document["components"]["schemas"][name];
    }
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    choices.into_iter().find(|one| one["$ref"].is_string()).map_or(schema, |one| resolved(document, one))
}

fn with_ids(path: &str, ids: &[(&str, &str)]) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        let before = parts.last().copied().unwrap_or_default();
        let id = match before {
            "organizations" => ids[0].1,
            "sites" | "checkouts" => ids[1].1,
            _ => NOBODY,
        };
        parts.push(if part.starts_with('{') { id } else { part });
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_as_large_as_they_may_be() {
        let document = json!({
            "paths": { "/v1/sites/{id}": { "patch": { "requestBody": { "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Site" } } } } } } },
            "components": { "schemas": { "Site": { "properties": {
                "origins": { "type": "array" }, "rates": { "type": "array", "items": { "$ref": "#/components/schemas/Rate" } },
                "page": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Page" }] }
            } }, "Page": { "properties": { "words": { "type": "array" } } },
            "Rate": { "type": "object", "properties": {
                "currency": { "type": ["string", "null"], "example": "USD" }, "rate": { "type": "number" },
            } } } },
        });
        let trials = trials(&document, &[("organizations", "o"), ("", "s")]);
        assert_eq!(trials.len(), 1 + 4 + 5 + 5);
        for trial in &trials {
            assert!((BODY_BYTES_MAX - 100..=BODY_BYTES_MAX).contains(&trial.body.len()), "{}", trial.what);
            assert_eq!(trial.path, "/v1/sites/s");
            serde_json::from_str::<Value>(&trial.body).unwrap();
        }
        assert!(trials.iter().any(|trial| trial.what == "a list in page.words"));
        let rates = trials.iter().find(|trial| trial.what == "a list of what belongs into rates").unwrap();
        assert!(rates.body.starts_with(r#"{"rates":[{"currency":"USD","rate":1},{"#), "{:.60}", rates.body);
    }
}
