//! The same records through `greenroom check`, which knows no Kafka.

use std::io::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Preset;
use super::comparison::{Headers, Written};
use super::counts::Counts;
use super::results::Results;
use crate::harness::Settings;

/// What `check` makes of these records at this time, and what it counted.
pub fn check(
    preset: &'static Preset,
    settings: &Settings,
    inputs: Vec<Written>,
    now: DateTime<Utc>,
) -> (Results, Counts) {
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    for input in &inputs {
        writeln!(file, "{}", envelope(input)).expect("the file can be written");
    }
    let path = file.path().to_str().expect("the path is text");
    let time = now.to_rfc3339();
    let arguments = ["check", "--input", path, "--now", &time, "--counts"];
    let printed = settings.call(&arguments);
    let mut lines: Vec<Value> = printed
        .iter()
        .map(|line| serde_json::from_str(line).expect("check prints JSON"))
        .collect();
    let counts = lines.pop().expect("the counts come last");
    let written = lines.iter().map(record).collect();
    let results = Results::new(preset, inputs, written, now..=now);
    (results, Counts::read(&counts["counts"]))
}

/// A record as a line of input for `check`.
fn envelope(record: &Written) -> Value {
    let encoded = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
        None => Value::Null,
    };
    let headers = record.headers.iter();
    let headers: Vec<Value> = headers
        .map(|(name, value)| json!([name, encoded(value)]))
        .collect();
    let (key, timestamp) = (encoded(&record.key), record.timestamp);
    match &record.value {
        Some(value) => {
            let value = BASE64_STANDARD.encode(value);
            json!({"key": key, "value_base64": value, "headers": headers, "timestamp": timestamp})
        }
        None => json!({"key": key, "value": null, "headers": headers, "timestamp": timestamp}),
    }
}

/// A record as `check` prints it.
fn record(line: &Value) -> Written {
    let bytes = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        other => Some(decoded(&other["base64"])),
    };
    let header = |header: &Value| {
        let name = header[0].as_str().expect("a header has a name");
        (name.to_owned(), bytes(&header[1]))
    };
    let headers: Headers = line["headers"]
        .as_array()
        .expect("a list")
        .iter()
        .map(header)
        .collect();
    Written {
        topic: line["topic"].as_str().expect("a topic").to_owned(),
        key: bytes(&line["key"]),
        value: match line.get("value_base64") {
            Some(encoded) => Some(decoded(encoded)),
            None => bytes(&line["value"]),
        },
        headers,
        timestamp: None,
    }
}

fn decoded(value: &Value) -> Vec<u8> {
    let encoded = value.as_str().expect("base64 is text");
    BASE64_STANDARD.decode(encoded).expect("it is base64")
}
