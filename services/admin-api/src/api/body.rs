//! Lenient reading where shops are not strict: empty text, empty lists for empty objects, numbers where text
//! is meant.

use std::{fmt, marker::PhantomData};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use web_kit::{ApiError, FieldProblem, RawJson, json::body_error};

/// Text; whole numbers are taken as their text.
#[derive(Debug, Clone, PartialEq, Eq, Default, ToSchema)]
#[schema(value_type = String)]
pub struct Text(pub String);

impl Text {
    /// The text, unless there is none.
    pub fn given(text: Option<Self>) -> Option<String> {
        text.map(|text| text.0).filter(|text| !text.trim().is_empty())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// An object, or nothing: `null`, `""` and `[]`, which is what PHP writes for an empty array.
pub fn object_or_nothing<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Reads<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Reads<T> {
        type Value = Option<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<T>, A::Error> {
            match list.next_element::<IgnoredAny>()? {
                None => Ok(None),
                Some(_) => Err(A::Error::custom("must be an object, not a list")),
            }
        }
        fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }
        fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
            if text.trim().is_empty() { Ok(None) } else { Err(E::custom("must be an object")) }
        }
    }
    deserializer.deserialize_any(Reads(PhantomData))
}

/// A list of at most `MAX` entries. One more ends the reading, so that no list grows to what a body can hold of it.
pub fn at_most<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Reads<T, const MAX: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Reads<T, MAX> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut entries = Vec::new();
            while entries.len() < MAX {
                let Some(entry) = list.next_element()? else { return Ok(entries) };
                entries.push(entry);
            }
            match list.next_element::<IgnoredAny>()? {
                None => Ok(entries),
                Some(_) => Err(A::Error::custom(format_args!("must have at most {MAX} entries"))),
            }
        }
    }
    deserializer.deserialize_seq(Reads::<T, MAX>(PhantomData))
}

/// The same for a list that may be left out or `null`.
pub fn some_at_most<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Entries<T, const MAX: usize>(Vec<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Entries<T, MAX> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            at_most::<MAX, T, D>(deserializer).map(Self)
        }
    }
    Ok(Option::<Entries<T, MAX>>::deserialize(deserializer)?.map(|entries| entries.0))
}

/// A number, or nothing: `null` and `""`, which is what many shops write for a field without content.
pub fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let is_blank = |text: &str| text.trim_matches('"').trim().is_empty();
    match raw.get() {
        "null" => Ok(None),
        text if text.starts_with('"') && is_blank(text) => Ok(None),
        text => serde_json::from_str(text).map(Some).map_err(|error| D::Error::custom(without_place(&error))),
    }
}

/// What is wrong, without " at line 1 column 5": that counts from the field.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or_else(|| text.clone(), |at| text[..at].to_owned())
}

/// A list of at most `MAX` entries, or nothing: `null` and `""`.
pub fn list_or_nothing<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Reads<T, const MAX: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Reads<T, MAX> {
        type Value = Option<Vec<T>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<Vec<T>>, A::Error> {
            at_most::<MAX, T, _>(SeqAccessDeserializer::new(list)).map(Some)
        }
        fn visit_unit<E: Error>(self) -> Result<Option<Vec<T>>, E> {
            Ok(None)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Option<Vec<T>>, E> {
            if text.trim().is_empty() { Ok(None) } else { Err(E::custom("must be a list")) }
        }
    }
    deserializer.deserialize_any(Reads::<T, MAX>(PhantomData))
}

/// Words of a closed set. Of several that are not in it all are told, not only the first.
pub fn words<T: DeserializeOwned>(field: &str, given: &[String]) -> Result<Vec<T>, ApiError> {
    let (mut read, mut problems) = (Vec::with_capacity(given.len()), Vec::new());
    for (index, word) in given.iter().enumerate() {
        match serde_json::from_value(serde_json::Value::from(word.as_str())) {
            Ok(one) => read.push(one),
            Err(error) => problems.push(FieldProblem::new(format!("{field}[{index}]"), error.to_string())),
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(ApiError::bad_request(problems)) }
}

/// For a `PATCH`: absent is `None`, `null` is `Some(None)`.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
pub fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A JSON body that may be left out.
#[derive(Debug, Clone, Default)]
pub struct OptionalJson<T> {
    /// The body as it came.
    pub bytes: Bytes,
    /// What it says.
    pub value: T,
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let rest = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(rest, state).await.map_err(|error| body_error(&error))?;
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let again = Request::from_parts(parts, Body::from(bytes));
        let RawJson { bytes, value } = RawJson::from_request(again, state).await?;
        Ok(Self { bytes, value })
    }
}
