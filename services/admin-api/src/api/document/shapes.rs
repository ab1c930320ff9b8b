//! Schemas as generators of clients read them best: no alias for a text, no default that is nothing, one place for what
//! several operations share, and times that say so.

use serde_json::{Map, Value, json};

/// Types that only say how leniently a value is read: to a client they are what they hold.
const ALIASES: [&str; 4] = ["Text", "Whole", "Percent", "Decimals"];

/// Fields that take a day as well as a time, so that neither format is true of them.
const DAY_OR_TIME: [(&str, &str); 2] = [("ConfirmTransaction", "receivedAt"), ("RecordRefund", "refundedAt")];

/// Days alone.
const DAYS: [&str; 3] = ["date", "dueDate", "supplyDate"];

/// Mends every schema of a document.
pub(super) fn mend(document: &mut Value) {
    let components = document["components"]["schemas"].as_object_mut().expect("schemas are an object");
    let aliases: Vec<(String, Value)> =
        ALIASES.iter().filter_map(|name| components.remove_entry(*name)).collect();
    for (name, schema) in components.iter_mut() {
        name_formats(name, schema);
    }
    walk(document, &mut |schema| {
        inline(schema, &aliases);
        lift_description(schema);
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
    });
    for item in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            may_be_left_out(operation);
        }
    }
}

/// Every object of a document but its examples.
fn walk(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            let inner =
                object.iter_mut().filter(|(name, _)| !["example", "examples"].contains(&name.as_str()));
            inner.for_each(|(_, value)| walk(value, change));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| walk(value, change)),
        _ => {}
    }
}

/// Puts an alias's type in its place; one that may be null stays so.
fn inline(schema: &mut Map<String, Value>, aliases: &[(String, Value)]) {
    let target = |schema: &Map<String, Value>| -> Option<Value> {
        let name = schema.get("$ref")?.as_str()?.rsplit('/').next()?;
        aliases.iter().find(|(alias, _)| alias == name).map(|(_, found)| found.clone())
    };
    let nullable = schema.get("oneOf").and_then(Value::as_array).and_then(|ways| {
        let of = ways.iter().filter_map(Value::as_object);
        let (of_null, of_other): (Vec<_>, Vec<_>) =
            of.partition(|way| way.get("type") == Some(&json!("null")));
        let [one] = of_other.as_slice() else { return None };
        let found = target(one)?;
        (of_null.len() == 1).then(|| ((*one).clone(), found))
    });
    let (given, found, may_be_null) = match nullable {
        Some((one, found)) => (one, found, true),
        None => match target(schema) {
            Some(found) => (schema.clone(), found, false),
            None => return,
        },
    };
    schema.remove("oneOf");
    schema.remove("$ref");
    for (name, value) in found.as_object().into_iter().flatten() {
        schema.insert(name.clone(), value.clone());
    }
    schema.extend(given.into_iter().filter(|(name, _)| name != "$ref"));
    if may_be_null {
        let kind = schema["type"].take();
        schema["type"] = json!([kind, "null"]);
    }
}

/// What a field is stands at the field, and not inside one of its ways.
fn lift_description(schema: &mut Map<String, Value>) {
    let Some(ways) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else { return };
    let found = ways.iter_mut().filter_map(Value::as_object_mut).find_map(|way| way.remove("description"));
    if let Some(text) = found {
        schema.entry("description").or_insert(text);
    }
}

/// A body that may be left out is not one that may be null.
fn may_be_left_out(operation: &mut Value) {
    let Some(schema) = operation.pointer_mut("/requestBody/content/application~1json/schema") else { return };
    let ways = schema["oneOf"].as_array().cloned().unwrap_or_default();
    if let Some(one) = ways.into_iter().find(|way| way["$ref"].is_string()) {
        *schema = one;
        operation["requestBody"]["required"] = false.into();
    }
}

/// Times and days, by the names that all of the API has for them.
fn name_formats(name: &str, schema: &mut Value) {
    for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        name_formats(name, part);
    }
    for (field, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
    {
        if let Some(format) = format_of(name, field) {
            set_format(property, format);
        }
    }
}

/// What a text of this name holds.
pub(super) fn format_of(schema: &str, field: &str) -> Option<&'static str> {
    const TIMES: [&str; 5] = ["at", "since", "due", "timestamp", "from"];
    let is_span = schema == "DashboardBody" && field == "to";
    let is_time = ["At", "Until", "Since"].iter().any(|end| field.ends_with(end));
    let is_time = is_time || TIMES.contains(&field) || is_span;
    match () {
        () if DAY_OR_TIME.contains(&(schema, field)) => None,
        () if DAYS.contains(&field) => Some("date"),
        () if is_time => Some("date-time"),
        () => None,
    }
}

fn set_format(property: &mut Value, format: &str) {
    let is_text = |kind: &Value| {
        kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("string")))
    };
    let alias = |schema: &Value| schema["$ref"].as_str().is_some_and(|to| to.ends_with("/Text"));
    let ways = property["oneOf"].as_array().cloned().unwrap_or_default();
    if is_text(&property["type"]) || alias(property) || ways.iter().any(alias) {
        property["format"] = format.into();
    }
}
