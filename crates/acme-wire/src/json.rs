//! JSON in which no object has a member twice, and nothing lies too deep.
//!
//! RFC 7515 §4 lets a JWS reader either refuse duplicate header members or take
//! the last one. Two readers that choose differently see two messages under one
//! signature, so they are refused, at every depth.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep arrays and objects may lie in each other. Nothing in the protocol needs more than
/// four.
pub const MAX_DEPTH: usize = 16;

/// Why a text is not an object of unique members.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Arrays and objects lie deeper in each other than [`MAX_DEPTH`].
    #[error("JSON that nests deeper than {MAX_DEPTH} arrays and objects")]
    TooDeep,
    /// It is no JSON, or something follows it.
    #[error("no JSON: {0}")]
    Syntax(serde_json::Error),
    /// It is JSON, and no object.
    #[error("no JSON object")]
    NotAnObject,
    /// A member stands twice in one object; its name.
    #[error("the member {0:?} stands twice")]
    Duplicate(String),
}

/// Reads one JSON object; nothing but whitespace may follow it.
///
/// # Errors
/// [`JsonError`].
pub fn unique_object(text: &[u8]) -> Result<Map<String, Value>, JsonError> {
    if is_too_deep(text) {
        return Err(JsonError::TooDeep);
    }
    let Unique { value, duplicate } = serde_json::from_slice(text).map_err(JsonError::Syntax)?;
    if let Some(name) = duplicate {
        return Err(JsonError::Duplicate(name));
    }
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Whether arrays and objects lie deeper in each other than [`MAX_DEPTH`]. Says nothing else
/// about the text, and takes the time to read it once.
#[must_use]
pub fn is_too_deep(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// A value, and the first member name that stood twice in one object of it.
struct Unique {
    value: Value,
    duplicate: Option<String>,
}

impl From<Value> for Unique {
    fn from(value: Value) -> Self {
        Self {
            value,
            duplicate: None,
        }
    }
}

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Unique, E> {
        Ok(Value::Null.into())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Unique, E> {
        Ok(Value::Bool(value).into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Unique, E> {
        Ok(Value::Number(value.into()).into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Unique, E> {
        Ok(Value::Number(value.into()).into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Unique, E> {
        Ok(Number::from_f64(value)
            .map_or(Value::Null, Value::Number)
            .into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Unique, E> {
        Ok(Value::String(value.to_owned()).into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Unique, E> {
        Ok(Value::String(value).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        let mut values = Vec::new();
        let mut duplicate = None;
        while let Some(item) = items.next_element::<Unique>()? {
            values.push(item.value);
            duplicate = duplicate.or(item.duplicate);
        }
        Ok(Unique {
            value: Value::Array(values),
            duplicate,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
        let mut members = Map::new();
        let mut duplicate = None;
        while let Some((name, item)) = entries.next_entry::<String, Unique>()? {
            duplicate = duplicate.or(item.duplicate);
            if members.insert(name.clone(), item.value).is_some() {
                duplicate = duplicate.or(Some(name));
            }
        }
        Ok(Unique {
            value: Value::Object(members),
            duplicate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_found_at_every_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"b":2,"a":null}]}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            let error = unique_object(text.as_bytes()).unwrap_err();
            assert!(
                matches!(error, JsonError::Duplicate(name) if name == "a"),
                "{text}"
            );
        }
        let members = unique_object(br#"{"a":[1,-2,0.5,true,null,"s"],"b":{"a":{}}}"#).unwrap();
        assert_eq!(members["a"].as_array().unwrap().len(), 6);
    }

    #[test]
    fn only_one_object_and_nothing_behind_it() {
        assert!(matches!(unique_object(b"[]"), Err(JsonError::NotAnObject)));
        for bad in [&b"{} {}"[..], b"", b"{", b"\xff", b"{\"a\":1,}"] {
            assert!(matches!(unique_object(bad), Err(JsonError::Syntax(_))));
        }
    }

    #[test]
    fn depth_is_bounded_and_strings_have_none() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let member = |depth: usize| format!("{{\"a\":{}}}", nested(depth));
        assert!(unique_object(member(MAX_DEPTH - 1).as_bytes()).is_ok());
        for deep in [
            member(MAX_DEPTH),
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
        ] {
            let error = unique_object(deep.as_bytes()).unwrap_err();
            assert!(matches!(error, JsonError::TooDeep), "{error}");
        }
        let flat = format!(
            "{{\"{0}\\\"{0}\":[{1}]}}",
            "[{".repeat(99),
            "[],".repeat(99) + "{}"
        );
        assert!(!is_too_deep(flat.as_bytes()));
        assert!(unique_object(flat.as_bytes()).is_ok());
    }
}
