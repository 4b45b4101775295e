use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::*;
use crate::pipeline::{Compiled, Now, Options, Outcome, Rejection, Spec};
use crate::record::{Outgoing, OutgoingRecord, Records};

fn compile(preset: &Preset) -> Compiled {
    let options = Options {
        hash_key: Some(b"0123456789abcdef0123456789abcdef".to_vec().into()),
        hash_key_id: None,
        timezone: Tz::UTC,
    };
    let spec = Spec::parse(preset.toml, preset.name).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(spec.name(), preset.name);
    spec.compile(&options)
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[test]
fn every_presets_sample_gives_what_is_expected() {
    for preset in PRESETS {
        let found = check(preset);
        for (found, expected) in found.lines().zip(preset.expected.lines()) {
            assert_eq!(found, expected, "{}", preset.name);
        }
        assert_eq!(found.lines().count(), preset.expected.lines().count());
    }
}

#[test]
fn presets_are_found_by_name_and_explain_themselves() {
    for each in PRESETS {
        assert_eq!(preset(each.name).map(|found| found.toml), Some(each.toml));
        let explained = compile(each).explain().join("\n");
        assert!(
            explained.contains("write what is rejected to"),
            "{explained}"
        );
    }
    assert!(preset("login").is_none());
}

/// What `greenroom check --input` prints for the sample.
fn check(preset: &Preset) -> String {
    let compiled = compile(preset);
    let mut records = Records::default();
    for (offset, line) in (0..).zip(preset.sample.lines()) {
        push_line(&mut records, offset, line);
    }
    let mut worker = compiled.worker();
    let mut out = Outgoing::default();
    let now = Now::from_unix_nanos(1_704_164_645_678_901_234);
    for (index, record) in records.iter().enumerate() {
        match worker.process(record, index, now, &mut out, None) {
            Outcome::Emitted | Outcome::Filtered(_) => {}
            Outcome::Rejected(rejection) => {
                out.push_source(index, compiled.dead_letters(0));
                push_dead_letter_headers(&mut out, record.offset(), &compiled, &rejection);
            }
        }
    }
    let lines = (0..out.len()).map(|index| printed(&compiled, out.get(index, &records)));
    lines.collect()
}

fn push_line(records: &mut Records, offset: i64, line: &str) {
    let envelope = serde_json::from_str(line).ok().and_then(envelope);
    let Some(envelope) = envelope else {
        return records.push(offset, None, None, Some(line.as_bytes()));
    };
    let text = |name: &str| envelope.get(name).and_then(Value::as_str);
    let value = match text("value_base64") {
        Some(base64) => Some(BASE64_STANDARD.decode(base64).unwrap()),
        None => text("value").map(|text| text.as_bytes().to_vec()),
    };
    records.push(
        offset,
        None,
        text("key").map(str::as_bytes),
        value.as_deref(),
    );
    let headers = envelope.get("headers").and_then(Value::as_array);
    for header in headers.into_iter().flatten() {
        let name = header[0].as_str().unwrap().as_bytes();
        records.push_header(name, header[1].as_str().map(str::as_bytes));
    }
}

fn envelope(line: Value) -> Option<Map<String, Value>> {
    let Value::Object(members) = line else {
        return None;
    };
    let known = ["value", "value_base64", "key", "headers", "timestamp"];
    let values = members.keys().filter(|name| name.starts_with("value"));
    let is_envelope =
        values.count() == 1 && members.keys().all(|name| known.contains(&name.as_str()));
    is_envelope.then_some(members)
}

fn push_dead_letter_headers(
    out: &mut Outgoing,
    offset: i64,
    compiled: &Compiled,
    rejection: &Rejection,
) {
    for (name, value) in [
        ("greenroom.error.type", rejection.error_type.as_str()),
        ("greenroom.error.detail", &rejection.detail),
        ("greenroom.error.step", &rejection.step),
        ("greenroom.source.topic", &compiled.input_topics()[0]),
        ("greenroom.source.partition", "0"),
        ("greenroom.source.offset", &offset.to_string()),
        ("greenroom.attempts", "1"),
        ("greenroom.pipeline", compiled.name()),
        ("greenroom.failed_at", "2024-01-02T03:04:05.678Z"),
    ] {
        out.push_header(name.as_bytes(), value.as_bytes());
    }
}

fn printed(compiled: &Compiled, record: OutgoingRecord<'_>) -> String {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| str::from_utf8(bytes).unwrap().to_owned());
    let headers = record.headers();
    let headers: Vec<_> = headers
        .map(|(name, value)| json!([text(Some(name)), text(value)]))
        .collect();
    let (value_name, value) = match record.value().map(|value| (value, str::from_utf8(value))) {
        Some((bytes, Err(_))) => ("value_base64", Some(BASE64_STANDARD.encode(bytes))),
        Some((_, Ok(text))) => ("value", Some(text.to_owned())),
        None => ("value", None),
    };
    format!(
        "{{\"topic\":{},\"key\":{},\"{value_name}\":{},\"headers\":{}}}\n",
        json!(compiled.topics()[usize::from(record.topic())]),
        json!(text(record.key())),
        json!(value),
        json!(headers),
    )
}
