//! JSON as a tree that keeps the order of members and refuses a name that comes twice: nothing may be ignored.

use std::fmt;

use serde::de::{self, Deserialize, MapAccess, SeqAccess, Visitor};

/// Largest JSON text of a search.
const MAX_BYTES: usize = 1 << 20;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Long(i64),
    /// Numbers with a fraction or beyond 64 bits.
    Double(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("the JSON has {} bytes, at most {MAX_BYTES} are allowed", text.len()));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// What it is, in words.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Long(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// A scalar as the text that it would have in a query string.
    pub(super) fn as_text(&self) -> Option<String> {
        Some(match self {
            Self::Bool(value) => value.to_string(),
            Self::Long(value) => value.to_string(),
            Self::Double(value) => serde_json::Number::from_f64(*value)?.to_string(),
            Self::Text(text) => text.clone(),
            Self::Null | Self::List(_) | Self::Object(_) => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: de::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Long(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 64 bits a double is all that is left")]
        Ok(i64::try_from(value).map_or(Json::Double(value as f64), Json::Long))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom(format!("the name {name:?} comes twice in an object")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Json::Object(members))
    }
}
