//! The OpenAPI document, taken apart for the page. Whatever ends in `_html` is ready to print.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

use super::example::Examples;
use crate::api::document::SCOPE;

/// Methods in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "patch", "put", "delete"];

/// Everything on the page.
pub(super) struct Reference {
    pub(super) title: String,
    pub(super) version: String,
    pub(super) about_html: String,
    pub(super) groups: Vec<Group>,
    pub(super) schemas: Vec<Schema>,
    /// Status and meaning of every error.
    pub(super) errors: Vec<(String, String)>,
    pub(super) error_example: String,
}

/// The operations of one resource.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) operations: Vec<Operation>,
}

/// One operation.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) description_html: String,
    /// Absent where no key is needed.
    pub(super) scope: Option<String>,
    pub(super) parameters: Vec<Field>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    /// Statuses of errors.
    pub(super) errors: Vec<String>,
    pub(super) curl: String,
}

/// What an operation takes.
pub(super) struct Body {
    pub(super) required: bool,
    pub(super) type_html: String,
    pub(super) fields: Vec<Field>,
}

/// A success.
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) description_html: String,
    pub(super) type_html: Option<String>,
    pub(super) example: Option<String>,
}

/// A field or parameter.
pub(super) struct Field {
    pub(super) name: String,
    /// Where a parameter stands.
    pub(super) place: Option<String>,
    pub(super) type_html: String,
    pub(super) required: bool,
    pub(super) description_html: String,
}

/// A named schema.
pub(super) struct Schema {
    pub(super) name: String,
    pub(super) description_html: String,
    pub(super) type_html: String,
    pub(super) fields: Vec<Field>,
}

impl Reference {
    pub(super) fn of(document: &Value) -> Self {
        let info = &document["info"];
        let examples = Examples::of(document);
        let mut groups: Vec<Group> = Vec::new();
        let mut errors = BTreeMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let tag = operation["tags"][0].as_str().unwrap_or("other");
                let read = Operation::of(method, path, operation, &examples, &mut errors);
                match groups.iter_mut().find(|group| group.name == tag) {
                    Some(group) => group.operations.push(read),
                    None => groups.push(Group { name: tag.to_owned(), operations: vec![read] }),
                }
            }
        }
        let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
        Self {
            title: text(&info["title"]),
            version: text(&info["version"]),
            about_html: rich(&text(&info["description"])),
            groups,
            schemas: schemas
                .filter(|(name, _)| !name.starts_with("Page_"))
                .map(|(name, schema)| Schema::of(name, schema, &examples))
                .collect(),
            errors: errors.into_iter().collect(),
            error_example: examples.pretty(&serde_json::json!({ "$ref": "#/components/schemas/ErrorBody" })),
        }
    }

    pub(super) fn operations(&self) -> usize {
        self.groups.iter().map(|group| group.operations.len()).sum()
    }
}

impl Operation {
    fn of(
        method: &str,
        path: &str,
        operation: &Value,
        examples: &Examples<'_>,
        all_errors: &mut BTreeMap<String, String>,
    ) -> Self {
        let content = |part: &Value| part["content"]["application/json"]["schema"].clone();
        let body = operation.get("requestBody").filter(|body| !body.is_null()).map(|body| {
            let schema = content(body);
            let required = body["required"].as_bool().unwrap_or(false);
            let type_html = type_html(&schema);
            (Body { required, type_html, fields: examples.fields(&schema) }, schema)
        });
        let mut answers = Vec::new();
        let mut errors = Vec::new();
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let response = examples.response(response);
            let meaning = text(&response["description"]);
            if status.starts_with(['4', '5']) {
                errors.push(status.clone());
                all_errors.entry(status.clone()).or_insert(rich(&meaning));
                continue;
            }
            let schema = content(response);
            let has_body = !schema.is_null();
            answers.push(Answer {
                status: status.clone(),
                description_html: rich(&meaning),
                type_html: has_body.then(|| type_html(&schema)),
                example: has_body.then(|| examples.pretty(&schema)),
            });
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(Field::of_parameter);
        let given = operation["requestBody"]["content"]["application/json"].get("example");
        let example = body.as_ref().map(|(_, schema)| match given {
            Some(given) => serde_json::to_string_pretty(given).unwrap_or_default(),
            None => examples.pretty(schema),
        });
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]).trim_end_matches('.').to_owned(),
            description_html: rich(
                text(&operation["description"]).split("Needs the scope").next().unwrap_or(""),
            ),
            scope: operation[SCOPE].as_str().map(str::to_owned),
            parameters: parameters.collect(),
            curl: curl(method, path, operation, example),
            body: body.map(|(body, _)| body),
            answers,
            errors,
        }
    }
}

/// The request as a command, its ids as variables of the shell.
fn curl(method: &str, path: &str, operation: &Value, body: Option<String>) -> String {
    let mut address = String::from("$TOLLGATE_API");
    for part in path.split('/').skip(1) {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let part = name.map_or_else(|| part.to_owned(), |name| format!("${{{name}}}"));
        let _ = write!(address, "/{part}");
    }
    let mut text = format!("curl \"{address}\"");
    let method = method.to_uppercase();
    if method != "GET" && !(method == "POST" && body.is_some()) {
        let _ = write!(text, " -X {method}");
    }
    if operation[SCOPE].is_string() {
        text.push_str(" \\\n  -H \"Authorization: Bearer $TOLLGATE_KEY\"");
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    if parameters.into_iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
        text.push_str(" \\\n  -H \"Idempotency-Key: ORD-1001\"");
    }
    if let Some(body) = body {
        let _ = write!(text, " \\\n  --json '{}'", body.replace('\'', "'\\''"));
    }
    text
}

impl Field {
    fn of_parameter(parameter: &Value) -> Self {
        let schema = &parameter["schema"];
        let mut description = rich(&text(&parameter["description"]));
        for (key, word) in [("minimum", "from"), ("maximum", "to"), ("default", "default")] {
            // The smallest of an unsigned number says nothing.
            if let Some(value) = schema.get(key).filter(|value| *value != 0) {
                let _ = write!(description, " <span class=\"muted\">{word} {}</span>", escape(&plain(value)));
            }
        }
        Self {
            name: text(&parameter["name"]),
            place: Some(text(&parameter["in"])),
            type_html: type_html(schema),
            required: parameter["required"].as_bool().unwrap_or(false),
            description_html: description,
        }
    }

    pub(super) fn of_property(name: &str, schema: &Value, required: bool) -> Self {
        let inner = variants(schema).into_iter().find_map(|one| one["description"].as_str());
        let description = schema["description"].as_str().or(inner).unwrap_or_default();
        Self {
            name: name.to_owned(),
            place: None,
            type_html: type_html(schema),
            required,
            description_html: rich(description),
        }
    }
}

impl Schema {
    fn of(name: &str, schema: &Value, examples: &Examples<'_>) -> Self {
        Self {
            name: name.to_owned(),
            description_html: rich(&text(&schema["description"])),
            type_html: type_html(schema),
            fields: examples.fields(schema),
        }
    }
}

/// The schemas that one schema offers or joins.
pub(super) fn variants(schema: &Value) -> Vec<&Value> {
    let lists = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| schema[key].as_array());
    lists.flatten().collect()
}

/// The name of a schema that is referred to.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// A type in words, with links.
fn type_html(schema: &Value) -> String {
    if let Some(name) = referred(schema) {
        return match name.strip_prefix("Page_") {
            Some(row) => format!("page of <a href=\"#schema-{row}\">{row}</a>"),
            None => format!("<a href=\"#schema-{name}\">{name}</a>"),
        };
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> =
            words.iter().map(|word| format!("<code>{}</code>", escape(&plain(word)))).collect();
        return words.join(" or ");
    }
    let several = variants(schema);
    if !several.is_empty() {
        let glue = if schema["allOf"].is_array() { " with " } else { " or " };
        // An object without a name beside one with a name: its fields are listed.
        let shown = several.into_iter().filter(|one| glue == " or " || one["$ref"].is_string());
        return shown.map(type_html).collect::<Vec<_>>().join(glue);
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", type_html(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", type_html(&schema["additionalProperties"]))
        }
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        "string" => "text".to_owned(),
        name => escape(name),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The two things that descriptions use of Markdown: `code` and paragraphs.
fn rich(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    let printed: Vec<String> = paragraphs
        .map(|paragraph| {
            let mut out = String::new();
            for (index, part) in escape(paragraph.trim()).split('`').enumerate() {
                let _ =
                    if index % 2 == 1 { write!(out, "<code>{part}</code>") } else { write!(out, "{part}") };
            }
            out
        })
        .collect();
    // One paragraph stands in its own element of the template.
    printed.join("<br><br>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_told_in_words() {
        for (schema, told) in [
            (json!({ "type": ["string", "null"] }), "text or null"),
            (
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/A" } }),
                "list of <a href=\"#schema-A\">A</a>",
            ),
            (json!({ "$ref": "#/components/schemas/Page_A" }), "page of <a href=\"#schema-A\">A</a>"),
            (json!({ "oneOf": [{ "type": "integer" }, { "type": "null" }] }), "integer or null"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "object of text"),
            (json!({ "enum": ["a", "<b>"] }), "<code>a</code> or <code>&lt;b&gt;</code>"),
        ] {
            assert_eq!(type_html(&schema), told);
        }
    }

    #[test]
    fn descriptions_are_escaped() {
        assert_eq!(rich("a `b<c>` & d\n\ne"), "a <code>b&lt;c&gt;</code> &amp; d<br><br>e");
    }
}
