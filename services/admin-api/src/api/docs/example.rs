//! Example values: what the document gives, else what a field's name suggests.

use serde_json::{Map, Value, json};

use super::model::{Field, referred, variants};

/// Deeper than this nothing is shown.
const DEPTH_MAX: usize = 5;

/// Makes examples from a document's schemas.
pub(super) struct Examples<'a> {
    schemas: &'a Value,
    responses: &'a Value,
}

impl<'a> Examples<'a> {
    pub(super) fn of(document: &'a Value) -> Self {
        let components = &document["components"];
        Self { schemas: &components["schemas"], responses: &components["responses"] }
    }

    /// A response, where it stands.
    pub(super) fn response<'s>(&'s self, response: &'s Value) -> &'s Value {
        referred(response).map_or(response, |name| &self.responses[name])
    }

    /// An example as indented text.
    pub(super) fn pretty(&self, schema: &Value) -> String {
        let example = self.value("", schema, 0).unwrap_or(Value::Null);
        serde_json::to_string_pretty(&example).unwrap_or_default()
    }

    /// The fields of an object, those of joined schemas included.
    pub(super) fn fields(&self, schema: &Value) -> Vec<Field> {
        let schema = self.resolve(schema);
        let mut fields = Vec::new();
        if let Some(joined) = schema["allOf"].as_array() {
            // What is joined by name is a link; only what is added is listed.
            for part in joined.iter().filter(|part| part["$ref"].is_null()) {
                fields.extend(self.fields(part));
            }
        }
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            fields.push(Field::of_property(name, property, required.iter().any(|one| one == name)));
        }
        fields
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        // A reference that may be null, too.
        let inner = variants(schema).into_iter().find(|one| one["$ref"].is_string());
        let target = if schema["allOf"].is_array() { schema } else { inner.unwrap_or(schema) };
        referred(target).map_or(target, |name| &self.schemas[name])
    }

    fn value(&self, name: &str, schema: &Value, depth: usize) -> Option<Value> {
        let given = schema.get("example").or_else(|| schema["examples"].as_array()?.first());
        if let Some(given) = given {
            return Some(given.clone());
        }
        if depth > DEPTH_MAX {
            return None;
        }
        if let Some(target) = referred(schema) {
            let described = schema["description"].as_str();
            let target = &self.schemas[target];
            return self.value(name, target, depth).map(|value| specific(name, described, value));
        }
        if let Some(joined) = schema["allOf"].as_array() {
            let parts = joined.iter().filter_map(|part| self.value(name, part, depth));
            let objects = parts.filter_map(|part| part.as_object().cloned());
            return Some(Value::Object(objects.flatten().collect()));
        }
        if let Some(first) = variants(schema).into_iter().find(|one| one["type"] != "null") {
            return self.value(name, first, depth);
        }
        if let Some(word) = schema["enum"].get(0) {
            return Some(word.clone());
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null"),
            kind => Some(kind),
        };
        Some(match kind?.as_str()? {
            "object" => self.object(schema, depth),
            "array" => {
                let singular = name.strip_suffix('s').unwrap_or(name);
                Value::Array(self.value(singular, &schema["items"], depth + 1).into_iter().collect())
            }
            "integer" | "number" => number(name),
            "boolean" => false.into(),
            _ => string(name, schema["description"].as_str().unwrap_or_default()).into(),
        })
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        if schema["additionalProperties"].is_object() {
            return json!({ "order": "1001" });
        }
        let properties = schema["properties"].as_object().into_iter().flatten();
        let shown = properties
            .filter_map(|(name, schema)| Some((name.clone(), self.value(name, schema, depth + 1)?)));
        Value::Object(shown.collect::<Map<_, _>>())
    }
}

/// A shared type (text, a number) takes the value that the field's own name suggests.
fn specific(name: &str, description: Option<&str>, value: Value) -> Value {
    match value {
        Value::String(_) => string(name, description.unwrap_or_default()).into(),
        Value::Number(_) => number(name),
        other => other,
    }
}

fn number(name: &str) -> Value {
    match name {
        "quantity" | "page" | "statusVersion" | "eventVersion" | "number" | "ipnStatus" | "total" => 1,
        "limit" => 50,
        "ipnVersion" => 2,
        "overlapSeconds" | "expiresIn" => 3600,
        "status" => 200,
        "durationMs" => 42,
        _ if name.to_lowercase().contains("amount") || name.contains("rice") => 4900,
        _ => 0,
    }
    .into()
}

fn string(name: &str, description: &str) -> String {
    let known = match name {
        "currency" => "EUR",
        "externalReference" => "ORD-1001",
        "invoiceNumber" => "2030-0001",
        "sessionPublicId" => "cs_1v8m0t5k2qx9",
        "shortCode" => "h7Kq2mZx9PvT4w",
        "requestId" => "5f2b9c0d1e3a4b5c6d7e8f9012345678",
        "name" => "Example Shop",
        "brandColor" => "#0a7d5c",
        "email" => "customer@example.com",
        "vatRate" => "19",
        "locale" => "en",
        "origin" => "https://shop.example.com",
        "field" => "amount",
        "problem" => "must be a whole number: 4900 and 4900.0 are fine, 4900.5 is not",
        "error" | "message" => "amount: must be a whole number: 4900 and 4900.0 are fine, 4900.5 is not",
        "scope" => "checkout:create",
        "eventType" => "session.completed",
        _ if name.ends_with("Url") || name == "url" => "https://shop.example.com/",
        _ if name == "id" || name.ends_with("Id") || name == "paidBy" => "665f1d6a0c9b8a7f6e5d4c3b",
        _ if name.ends_with("At") || name.ends_with("Until") || matches!(name, "at" | "due" | "since") => {
            "2030-01-01T12:00:00.000Z"
        }
        _ => return first_word(description).unwrap_or_else(|| "…".to_owned()),
    };
    known.to_owned()
}

/// Descriptions of closed sets begin with their first word: "pending, sending, delivered", "`live` or `test`".
fn first_word(description: &str) -> Option<String> {
    let word = description.split([',', ' ']).next()?.trim_end_matches('.').trim_matches('`');
    let rest = &description[description.find(word)? + word.len()..];
    let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b"_.".contains(&b));
    let in_a_list = ["`, ", ", ", "` or ", " or ", "`."].iter().any(|glue| rest.starts_with(glue));
    (is_word && in_a_list).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_sets_show_their_first_word() {
        assert_eq!(first_word("pending, sending or failed.").as_deref(), Some("pending"));
        assert_eq!(first_word("`live` or `test`.").as_deref(), Some("live"));
        assert_eq!(first_word("`open`.").as_deref(), Some("open"));
        assert_eq!(first_word("What it is called."), None);
        assert_eq!(first_word(""), None);
    }

    #[test]
    fn joined_and_nested_schemas_show_all_their_fields() {
        let document = json!({ "components": { "schemas": {
            "A": { "type": "object", "properties": { "id": { "type": "string" } } },
            "B": { "allOf": [{ "$ref": "#/components/schemas/A" }, { "type": "object",
                "properties": { "amount": { "type": "integer" } } }] },
        } } });
        let examples = Examples::of(&document);
        let value = examples.value("", &json!({ "$ref": "#/components/schemas/B" }), 0).unwrap();
        assert_eq!(value, json!({ "id": "665f1d6a0c9b8a7f6e5d4c3b", "amount": 4900 }));
    }
}
