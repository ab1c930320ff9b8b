//! Stripe's form parameters: names with brackets, strict about names it does not know.

use std::collections::BTreeMap;

use super::error::ApiError;

/// Parameters under dotted names: `line_items[0][quantity]` is `line_items.0.quantity`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let mut params = BTreeMap::new();
        let mut appended: BTreeMap<String, usize> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            let mut dotted = dotted(&name);
            if let Some(list) = dotted.strip_suffix('.') {
                // `expand[]=…`: each one is a further element.
                let index = appended.entry(list.to_owned()).or_default();
                dotted = format!("{list}.{index}");
                *index += 1;
            }
            params.insert(dotted, value.into_owned());
        }
        Self(params)
    }

    /// The value; an empty one counts as not given, as Stripe takes it to unset a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| {
            let name = bracketed(name);
            ApiError::invalid(Some("parameter_missing"), format!("Missing required param: {name}."), name)
        })
    }

    /// An integer, if given.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let message = format!("Invalid integer: {text}");
            ApiError::invalid(Some("parameter_invalid_integer"), message, bracketed(name))
        })
    }

    /// One of these values, if given.
    pub(super) fn one_of(
        &self,
        name: &str,
        values: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        values.iter().find(|value| **value == text).map(|value| Some(*value)).ok_or_else(|| {
            let message = format!("Invalid {}: must be one of {}", bracketed(name), values.join(", "));
            ApiError::invalid(None, message, bracketed(name))
        })
    }

    /// Everything under `name.`, names without it.
    pub(super) fn under(&self, name: &str) -> BTreeMap<String, String> {
        let prefix = format!("{name}.");
        self.0
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())))
            .collect()
    }

    /// The elements of a list, in order.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let mut elements: Vec<(usize, String)> = self
            .under(name)
            .into_iter()
            .filter_map(|(index, value)| Some((index.parse().ok()?, value)))
            .collect();
        elements.sort();
        elements.into_iter().map(|(_, value)| value).collect()
    }

    /// How many elements a list of objects has; its indices must run from 0 without gaps.
    pub(super) fn count(&self, name: &str) -> Result<usize, ApiError> {
        let mut indices: Vec<usize> = Vec::new();
        for key in self.under(name).into_keys() {
            let index = key.split('.').next().and_then(|part| part.parse().ok());
            indices.push(
                index.ok_or_else(|| ApiError::invalid(None, "Invalid array".to_owned(), name.to_owned()))?,
            );
        }
        indices.sort_unstable();
        indices.dedup();
        if indices.iter().enumerate().any(|(expected, index)| expected != *index) {
            return Err(ApiError::invalid(None, "Invalid array".to_owned(), name.to_owned()));
        }
        Ok(indices.len())
    }

    /// Refuses every name that no pattern knows. In a pattern `*` is one part, `**` any rest.
    pub(super) fn only(&self, patterns: &[&str]) -> Result<(), ApiError> {
        let unknown = self.0.keys().find(|name| !patterns.iter().any(|pattern| matches(pattern, name)));
        match unknown {
            None => Ok(()),
            Some(name) => {
                let name = bracketed(name);
                let message = format!("Received unknown parameter: {name}");
                Err(ApiError::invalid(Some("parameter_unknown"), message, name))
            }
        }
    }

    /// Metadata within Stripe's limits: 50 keys, names of 40 characters, values of 500.
    pub(super) fn metadata(&self, name: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let mut metadata = self.under(name);
        metadata.retain(|_, value| !value.is_empty());
        if metadata.len() > 50 {
            return Err(ApiError::invalid(
                None,
                "Metadata can have up to 50 keys.".to_owned(),
                bracketed(name),
            ));
        }
        for (key, value) in &metadata {
            if key.chars().count() > 40 || value.chars().count() > 500 {
                let message = "Metadata names have up to 40 characters and values up to 500.".to_owned();
                return Err(ApiError::invalid(None, message, bracketed(&format!("{name}.{key}"))));
            }
        }
        Ok(metadata)
    }
}

fn dotted(name: &str) -> String {
    name.replace("][", ".").replacen('[', ".", 1).replace(']', "")
}

pub(super) fn bracketed(name: &str) -> String {
    match name.split_once('.') {
        None => name.to_owned(),
        Some((head, rest)) => format!("{head}[{}]", rest.replace('.', "][")),
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = name.split('.');
    for wanted in pattern.split('.') {
        match (wanted, parts.next()) {
            ("**", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}
