//! The lines that `check` reads.
//!
//! An input line is an envelope if it is an object with exactly one of `value` and `value_base64`
//! and no members besides these, `key`, `headers` and `timestamp`; else it is the event itself.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use crate::record::Records;

const MEMBERS: [&str; 5] = ["key", "value", "value_base64", "headers", "timestamp"];

/// Appends what the line says to `records`.
pub fn read(line: &[u8], offset: i64, records: &mut Records) {
    let Some(envelope) = envelope(line) else {
        return records.push(offset, None, None, Some(line));
    };
    records.push(
        offset,
        envelope.timestamp,
        envelope.key.as_deref(),
        envelope.value.as_deref(),
    );
    for (name, value) in &envelope.headers {
        records.push_header(name.as_bytes(), value.as_deref());
    }
}

#[derive(Default)]
struct Envelope {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp: Option<i64>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// None where the line is no envelope, in whichever way: it is an event then.
fn envelope(line: &[u8]) -> Option<Envelope> {
    let members: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let known = members.keys().all(|name| MEMBERS.contains(&name.as_str()));
    let has = |name| members.contains_key(name);
    if !known || has("value") == has("value_base64") {
        return None;
    }
    Some(Envelope {
        key: bytes(members.get("key"))?,
        value: match members.get("value_base64") {
            Some(encoded) => Some(BASE64_STANDARD.decode(encoded.as_str()?).ok()?),
            None => bytes(members.get("value"))?,
        },
        timestamp: match members.get("timestamp") {
            None | Some(Value::Null) => None,
            Some(timestamp) => Some(timestamp.as_i64()?),
        },
        headers: headers(members.get("headers"))?,
    })
}

/// Text, null, or `{"base64": …}`.
fn bytes(value: Option<&Value>) -> Option<Option<Vec<u8>>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone().into_bytes())),
        Some(other) => {
            let encoded = other.as_object()?.get("base64")?.as_str()?;
            Some(Some(BASE64_STANDARD.decode(encoded).ok()?))
        }
    }
}

fn headers(value: Option<&Value>) -> Option<Vec<(String, Option<Vec<u8>>)>> {
    let Some(headers) = value else {
        return Some(Vec::new());
    };
    let pair = |header: &Value| match header.as_array()?.as_slice() {
        [name, value] => Some((name.as_str()?.to_owned(), bytes(Some(value))?)),
        _ => None,
    };
    headers.as_array()?.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(line: &str) -> Records {
        let mut records = Records::default();
        read(line.as_bytes(), 7, &mut records);
        records
    }

    #[test]
    fn an_envelope_is_opened() {
        let records = read_one(
            r#"{"key":"k","value":"{}","headers":[["a",null],["b",{"base64":"/w=="}]],"timestamp":5}"#,
        );
        let record = records.get(0);
        assert_eq!(record.key(), Some(b"k".as_slice()));
        assert_eq!(record.value(), Some(b"{}".as_slice()));
        assert_eq!(record.timestamp(), Some(5));
        let headers: Vec<_> = record.headers().collect();
        assert_eq!(
            headers,
            [(&b"a"[..], None), (&b"b"[..], Some(&b"\xff"[..]))]
        );
        assert_eq!(read_one(r#"{"value":null}"#).get(0).value(), None);
        let bytes = read_one(r#"{"value_base64":"/w=="}"#);
        assert_eq!(bytes.get(0).value(), Some(b"\xff".as_slice()));
    }

    #[test]
    fn whatever_else_there_is_is_an_event() {
        for line in [
            r#"{"value":"x","user_id":"u"}"#,
            r#"{"value":"x","value_base64":"eA=="}"#,
            r#"{"key":"k"}"#,
            r#"{"value":5}"#,
            r#"{"value":"x","headers":[["a"]]}"#,
            "not json",
        ] {
            let records = read_one(line);
            assert_eq!(records.get(0).value(), Some(line.as_bytes()));
            assert_eq!(records.get(0).key(), None);
        }
    }
}
