//! Reading a request's JSON as strictly as `GoCardless` does.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::ApiError;

/// The fields of one resource in a request body.
pub(super) struct Fields<'a> {
    resource: &'static str,
    /// Where these fields stand below the resource: empty, or `links/` and the like.
    prefix: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The object under the resource's name, with no fields but these.
    pub(super) fn of(body: &'a Value, resource: &'static str, known: &[&str]) -> Result<Self, ApiError> {
        let map = body.get(resource).and_then(Value::as_object).ok_or_else(|| {
            ApiError::bad(
                400,
                "invalid_document_structure",
                "The body must be wrapped in the resource's name",
            )
        })?;
        let fields = Self { resource, prefix: String::new(), map };
        fields.only(known)?;
        Ok(fields)
    }

    fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.map.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let message = format!("\"{}{name}\" is not a recognised parameter.", self.prefix);
                Err(ApiError::usage(self.resource, &message))
            }
        }
    }

    /// An object inside, if given.
    pub(super) fn object(&self, name: &str, known: &[&str]) -> Result<Option<Fields<'a>>, ApiError> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => {
                let fields =
                    Fields { resource: self.resource, prefix: format!("{}{name}/", self.prefix), map };
                fields.only(known)?;
                Ok(Some(fields))
            }
            Some(_) => Err(self.mistyped(name, "an object")),
        }
    }

    fn mistyped(&self, name: &str, wanted: &str) -> ApiError {
        ApiError::usage(self.resource, &format!("\"{}{name}\" must be {wanted}.", self.prefix))
    }

    fn absent(&self, name: &str) -> ApiError {
        ApiError::usage(self.resource, &format!("\"{}{name}\" wasn't supplied.", self.prefix))
    }

    /// A field's value is not allowed.
    pub(super) fn wrong(&self, name: &str, message: &str) -> ApiError {
        ApiError::field(self.resource, &format!("{}{name}", self.prefix), message)
    }

    /// A text, if given.
    pub(super) fn text(&self, name: &str, length_max: usize) -> Result<Option<String>, ApiError> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.chars().count() <= length_max => Ok(Some(text.clone())),
            Some(Value::String(_)) => {
                Err(self.wrong(name, &format!("is too long (maximum is {length_max} characters)")))
            }
            Some(_) => Err(self.mistyped(name, "a string")),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, name: &str, length_max: usize) -> Result<String, ApiError> {
        self.text(name, length_max)?.ok_or_else(|| self.absent(name))
    }

    /// A whole number above zero; `GoCardless` takes numbers and digits in a string.
    pub(super) fn amount(&self, name: &str) -> Result<i64, ApiError> {
        let amount = match self.map.get(name) {
            None | Some(Value::Null) => return Err(self.absent(name)),
            Some(Value::String(digits)) => digits.parse().ok(),
            Some(value) => value.as_i64(),
        };
        let amount = amount.ok_or_else(|| self.mistyped(name, "an integer"))?;
        if amount < 1 {
            return Err(self.wrong(name, "must be greater than 0"));
        }
        Ok(amount)
    }

    /// One of these currencies.
    pub(super) fn currency(&self, name: &str, known: &[&str]) -> Result<String, ApiError> {
        let currency = self.required_text(name, 3)?;
        if known.contains(&currency.as_str()) {
            Ok(currency)
        } else {
            Err(self.wrong(name, "is not included in the list"))
        }
    }

    /// Metadata: up to 3 keys of 50 characters with texts of up to 500.
    pub(super) fn metadata(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let map = match self.map.get("metadata") {
            None | Some(Value::Null) => return Ok(BTreeMap::new()),
            Some(Value::Object(map)) => map,
            Some(_) => return Err(self.mistyped("metadata", "an object")),
        };
        if map.len() > 3 {
            return Err(self.wrong("metadata", "must have no more than 3 keys"));
        }
        let mut metadata = BTreeMap::new();
        for (key, value) in map {
            let Value::String(text) = value else { return Err(self.mistyped("metadata", "made of strings")) };
            if key.chars().count() > 50 || text.chars().count() > 500 {
                return Err(self.wrong("metadata", "has a key or a value that is too long"));
            }
            metadata.insert(key.clone(), text.clone());
        }
        Ok(metadata)
    }

    /// A whole object as it is, for what is only echoed.
    pub(super) fn raw(&self, name: &str) -> Value {
        self.map.get(name).cloned().unwrap_or(Value::Null)
    }
}
