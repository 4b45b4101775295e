//! A record as a line of JSON: what `check` prints of a result, and `view` of what it reads.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Serialize, Serializer};

/// `{"topic","key","value","headers"}`, behind the topic its [`Place`] where there is one.
#[derive(Serialize)]
pub struct JsonLine<'a> {
    topic: &'a str,
    #[serde(flatten)]
    place: Option<Place>,
    key: Option<Bytes<'a>>,
    #[serde(flatten)]
    value: Value<'a>,
    headers: Vec<(Cow<'a, str>, Option<Bytes<'a>>)>,
}

/// Where in its topic a record was read.
#[derive(Serialize)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
    /// Unix milliseconds, null where the broker gave none.
    pub timestamp: Option<i64>,
}

/// The member that holds the value: its name says what of.
#[derive(Serialize)]
enum Value<'a> {
    #[serde(rename = "value")]
    Text(Option<&'a str>),
    #[serde(rename = "value_base64")]
    Base64(String),
}

/// Text, or `{"base64": …}` where the bytes are none.
struct Bytes<'a>(&'a [u8]);

impl<'a> JsonLine<'a> {
    pub fn new(
        topic: &'a str,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Self {
        let headers =
            headers.map(|(name, value)| (String::from_utf8_lossy(name), value.map(Bytes)));
        JsonLine {
            topic,
            place: None,
            key: key.map(Bytes),
            value: Value::of(value),
            headers: headers.collect(),
        }
    }

    pub fn at(self, place: Place) -> Self {
        JsonLine {
            place: Some(place),
            ..self
        }
    }

    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

impl<'a> Value<'a> {
    fn of(value: Option<&'a [u8]>) -> Self {
        match value.map(str::from_utf8) {
            None => Value::Text(None),
            Some(Ok(text)) => Value::Text(Some(text)),
            Some(Err(_)) => Value::Base64(BASE64_STANDARD.encode(value.unwrap_or_default())),
        }
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_map([("base64", BASE64_STANDARD.encode(self.0))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &JsonLine<'_>) -> String {
        let mut out = Vec::new();
        line.write(&mut out).expect("a Vec takes everything");
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn a_result_has_topic_key_value_and_headers() {
        let headers = [(&b"a"[..], Some(&b"1"[..])), (b"b", None)];
        let found = JsonLine::new("t", Some(b"k"), Some(b"{\"a\":1}"), headers.into_iter());
        assert_eq!(
            line(&found),
            "{\"topic\":\"t\",\"key\":\"k\",\"value\":\"{\\\"a\\\":1}\",\"headers\":[[\"a\",\"1\"],[\"b\",null]]}\n"
        );
    }

    #[test]
    fn a_record_that_was_read_says_where() {
        let place = Place {
            partition: 3,
            offset: 17,
            timestamp: Some(1_694_479_551_123),
        };
        let found = JsonLine::new("t", None, None, [].into_iter()).at(place);
        assert_eq!(
            line(&found),
            "{\"topic\":\"t\",\"partition\":3,\"offset\":17,\"timestamp\":1694479551123,\"key\":null,\"value\":null,\"headers\":[]}\n"
        );
    }

    #[test]
    fn what_is_no_text_is_base64_and_what_is_hostile_is_escaped() {
        let headers = [(&b"h\xff"[..], Some(&b"\xfe"[..]))];
        let found = JsonLine::new(
            "t",
            Some(b"\x1b[2J\n"),
            Some(b"\xff\x00"),
            headers.into_iter(),
        );
        assert_eq!(
            line(&found),
            "{\"topic\":\"t\",\"key\":\"\\u001b[2J\\n\",\"value_base64\":\"/wA=\",\"headers\":[[\"h\u{fffd}\",{\"base64\":\"/g==\"}]]}\n"
        );
        let key = JsonLine::new("t", Some(b"\xff"), None, [].into_iter());
        assert!(line(&key).contains("\"key\":{\"base64\":\"/w==\"},\"value\":null"));
    }

    #[test]
    fn a_thousand_headers_are_all_there() {
        let headers = (0..1000).map(|_| (&b"name"[..], Some(&b"value"[..])));
        let found = line(&JsonLine::new("t", None, None, headers));
        assert_eq!(found.matches("[\"name\",\"value\"]").count(), 1000);
    }
}
