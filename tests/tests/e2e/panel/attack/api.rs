//! An attacker's words in every text that the API takes. What there is to fill is read off the OpenAPI document.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::payload::{NEXT, PAYLOADS};
use crate::admin::door::{Door, Shop};

/// What makes no lasting text, or takes the key away that the test works with.
const LEFT_OUT: [&str; 3] = ["/auth/", "/api-keys", "/organizations"];

/// Bodies of each operation: fields beside each other hold different words, and others in the next body.
const ROUNDS: usize = 3;

/// Tries of a field before it gets what the example has, and after that nothing.
const TRIES: usize = 4;

/// Fills the body of every operation that makes something, some times over; answers the names of those that were
/// taken.
pub async fn fill(door: &Door, shop: &Shop) -> Vec<String> {
    let document = door.send(door.request(Method::GET, "/api/v1/openapi.json")).await.ok(200);
    let mut taken = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{siteId}", &shop.site);
        if path.contains('{') || LEFT_OUT.iter().any(|part| path.contains(part)) {
            continue;
        }
        for (method, operation) in operations.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let method: Method = method.to_uppercase().parse().unwrap();
            if schema.is_null() || ![Method::POST, Method::PUT].contains(&method) {
                continue;
            }
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            let taken_of = BTreeMap::new();
            let mut filler =
                Filler { document: &document, shop, example, taken: taken_of, count: 0, round: 0 };
            for round in 0..ROUNDS {
                filler.round = round;
                if filler.send(door, &method, &path, schema).await {
                    taken.push(operation["operationId"].as_str().unwrap().to_owned());
                }
            }
        }
    }
    taken.sort();
    taken.dedup();
    taken
}

struct Filler<'a> {
    document: &'a Value,
    shop: &'a Shop,
    /// A body that is right, where the document has one.
    example: &'a Value,
    /// What a field took, by its path.
    taken: BTreeMap<String, usize>,
    count: usize,
    round: usize,
}

impl Filler<'_> {
    async fn send(&mut self, door: &Door, method: &Method, path: &str, schema: &Value) -> bool {
        // Often one field is complained of at a time.
        for _ in 0..150 {
            self.count = 0;
            let body = self.value(schema, "", 0);
            let request = door.request(method.clone(), path).bearer_auth(&self.shop.key).json(&body);
            let answer = door.send(request).await;
            assert!(answer.status < 500, "{method} {path}: {}", answer.text);
            if answer.status < 300 {
                return true;
            }
            if answer.fields().is_empty() {
                return false;
            }
            for field in answer.fields() {
                *self.taken.entry(field.to_owned()).or_default() += 1;
            }
        }
        false
    }

    /// A value that the schema allows, of an attacker's words wherever it takes words.
    fn value(&mut self, schema: &Value, path: &str, depth: usize) -> Value {
        let schema = self.resolved(schema);
        let tried = self.taken.get(path).copied().unwrap_or_default();
        if depth > 6 || tried > TRIES {
            return Value::Null;
        }
        if tried == TRIES {
            return self.of_example(path);
        }
        if let Some(choices) = schema["enum"].as_array() {
            return choices[tried % choices.len()].clone();
        }
        let kind = schema["type"].as_str().or_else(|| {
            let kinds = schema["type"].as_array()?.iter().filter_map(Value::as_str);
            kinds.into_iter().find(|kind| *kind != "null")
        });
        match kind {
            Some("object") | None if schema["properties"].is_object() => self.object(&schema, path, depth),
            Some("object") => json!({ "note": self.text(tried), "<b>": self.text(tried) }),
            Some("array") => {
                let one = self.value(&schema["items"], &format!("{path}[0]"), depth + 1);
                if one.is_null() { json!([]) } else { json!([one]) }
            }
            Some("integer" | "number") => json!([1000, 1, 10, 0][tried % 4]),
            Some("boolean") => json!(tried % 2 == 0),
            _ if path.ends_with("siteId") && tried == 0 => json!(self.shop.site),
            _ => json!(self.text(tried)),
        }
    }

    /// What the example has there.
    fn of_example(&self, path: &str) -> Value {
        let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
        self.example.pointer(&pointer).cloned().unwrap_or_default()
    }

    fn text(&mut self, tried: usize) -> &'static str {
        self.count += 1;
        if tried == 0 { PAYLOADS[(self.count + self.round) % PAYLOADS.len()] } else { NEXT[tried - 1] }
    }

    fn object(&mut self, schema: &Value, path: &str, depth: usize) -> Value {
        let mut object = Map::new();
        for (name, inner) in schema["properties"].as_object().unwrap() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let value = self.value(inner, &path, depth + 1);
            // Nothing is said by being left out.
            if !value.is_null() && value != "" {
                object.insert(name.clone(), value);
            }
        }
        Value::Object(object)
    }

    /// A schema itself, where it stands elsewhere or among others.
    fn resolved(&self, schema: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let found = self.document.pointer(reference.trim_start_matches('#'));
            return self.resolved(found.unwrap_or_else(|| panic!("{reference} is not there")));
        }
        for many in ["oneOf", "anyOf", "allOf"] {
            let mut of = schema[many].as_array().into_iter().flatten();
            if let Some(first) = of.find(|one| one["type"] != "null") {
                return self.resolved(first);
            }
        }
        schema.clone()
    }
}
