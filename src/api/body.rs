//! Reads the JSON object in an answer's body, leniently.
//!
//! Servers send numbers as texts and omit fields (FACTS.md section 1, no. 2), so a field of a wrong
//! type counts as missing, and is never an error. `verdict` decides what the fields mean.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Fields of an answer that a decision or a report uses.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Body<'a> {
    /// Missing unless it is a boolean.
    pub result: Option<bool>,
    /// A number or a text, kept as text.
    pub code: Option<Cow<'a, str>>,
    /// Empty unless it is a text.
    pub message: Cow<'a, str>,
    /// At the top level or in `data`.
    pub task_url: Cow<'a, str>,
    /// Id that the ESB made.
    pub request_id: Cow<'a, str>,
    /// Id that bk-sops made.
    pub trace_id: Cow<'a, str>,
}

impl<'a> Body<'a> {
    /// Reads a body; returns `None` if it is no JSON object.
    #[must_use]
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        // Checking the whole body for UTF-8 is faster than checking each string. A body that fails
        // is read all the same: the bad bytes may be where nobody looks.
        match str::from_utf8(bytes) {
            Ok(text) => serde_json::from_str(text).ok(),
            Err(_) => serde_json::from_slice(bytes).ok(),
        }
    }

    #[must_use]
    pub(crate) fn code_number(&self) -> Option<i64> {
        self.code.as_ref()?.parse().ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<'de>, A::Error> {
        let mut body = Body::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match &*key.0 {
                "result" => body.result = map.next_value::<Value<'de>>()?.boolean(),
                "code" => body.code = map.next_value::<Value<'de>>()?.code(),
                "message" => body.message = map.next_value::<Value<'de>>()?.text(),
                "request_id" => body.request_id = map.next_value::<Value<'de>>()?.text(),
                "trace_id" => body.trace_id = map.next_value::<Value<'de>>()?.text(),
                "task_url" | "data" => {
                    let url = map.next_value::<Value<'de>>()?.task_url();
                    if body.task_url.is_empty() {
                        body.task_url = url;
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(body)
    }
}

/// A key, borrowed if it holds no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value, with only what is used of it.
enum Value<'a> {
    Boolean(bool),
    Number(String),
    Text(Cow<'a, str>),
    /// `task_url` of an object; its other members are ignored.
    Object(Cow<'a, str>),
    Other,
}

impl<'a> Value<'a> {
    fn boolean(self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }

    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            _ => Cow::default(),
        }
    }

    fn code(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Number(number) => Some(number.into()),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn task_url(self) -> Cow<'a, str> {
        match self {
            Self::Text(url) | Self::Object(url) => url,
            _ => Cow::default(),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(value.to_owned().into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut task_url = Cow::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if key.0 == "task_url" {
                task_url = map.next_value::<Value<'de>>()?.text();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(task_url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_whatever_their_order_and_company() {
        let body = Body::read(
            br#"{"data":{"a":[1,{}],"task_url":"u2"},"x":null,"code":3545000,"result":false,
                "message":"a \"b\" \u4e2d","request_id":"r","trace_id":"t","task_url":"u1"}"#,
        )
        .unwrap();
        assert_eq!(body.result, Some(false));
        assert_eq!(body.code_number(), Some(3_545_000));
        assert_eq!(body.message, "a \"b\" 中");
        assert_eq!((&*body.request_id, &*body.trace_id, &*body.task_url), ("r", "t", "u2"));
    }

    #[test]
    fn a_field_of_a_wrong_type_is_as_good_as_none() {
        for (json, expected) in [
            (r#"{"result":"true"}"#, Body::default()),
            (r#"{"result":1,"message":{"a":1},"code":[1]}"#, Body::default()),
            (r#"{"result":null,"code":null,"data":null,"task_url":false}"#, Body::default()),
            (r#"{"code":"50000"}"#, Body { code: Some("50000".into()), ..Body::default() }),
            (r#"{"code":1e3}"#, Body { code: Some("1000".into()), ..Body::default() }),
            ("{}", Body::default()),
        ] {
            assert_eq!(Body::read(json.as_bytes()), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_none() {
        for text in ["", "null", "[]", "\"a\"", "1", "<html>", "{", "{\"result\":tru", "{} {}"] {
            assert_eq!(Body::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Body::read(b"{\"message\":\"\xff\"}"), None);
        let deep = "[".repeat(100_000);
        assert_eq!(Body::read(format!("{{\"data\":{deep}").as_bytes()), None);
    }
}
