use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::*;
use crate::counts::{Accumulator, Counts};
use crate::flow::Partition;
use crate::pipeline::{Compiled, LetterWriter, Now, Options, Outcome, Rejected, Spec};
use crate::record::{Outgoing, OutgoingRecord, Records};

/// With a hash key only where it is needed: most people's `masked` has none.
fn compile(preset: &Preset) -> Compiled {
    let options = |hash_key: Option<&[u8]>| Options {
        hash_key: hash_key.map(|key| key.to_vec().into()),
        hash_key_id: None,
        timezone: Tz::UTC,
    };
    let spec = Spec::parse(preset.toml, preset.name).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(spec.name(), preset.name);
    let keyless = spec.clone().compile(&options(None));
    keyless.unwrap_or_else(|_| {
        let key = b"0123456789abcdef0123456789abcdef";
        let keyed = spec.compile(&options(Some(key)));
        keyed.unwrap_or_else(|errors| panic!("{errors:#?}"))
    })
}

#[test]
fn every_presets_sample_gives_what_is_expected() {
    for preset in PRESETS {
        let (found, counts) = check(preset);
        for (found, expected) in found.lines().zip(preset.expected.lines()) {
            assert_eq!(found, expected, "{}", preset.name);
        }
        assert_eq!(found.lines().count(), preset.expected.lines().count());
        let expected: Value = serde_json::from_str(preset.counts).unwrap();
        assert_eq!(counts, expected, "{}", preset.name);
    }
}

#[test]
fn reports_show_the_samples_counts_as_people_know_them() {
    let shown = |name: &str| {
        let preset = preset(name).unwrap();
        let counts: Counts = serde_json::from_str(preset.counts).unwrap();
        compile(preset).layout().render(&counts).join("\n")
    };
    let california = "Locale: CA\n\
                      Device Type Counts:\niOS: 1\n\
                      App Version Counts:\n2.3.0: 1\n\
                      Login Frequency (Hourly):\n2023-09-12 00:00:00: 1\n\
                      Locale: NY\n";
    let insights = shown("insights");
    assert!(insights.starts_with(california), "{insights}");
    assert_eq!(
        shown("android"),
        r#"Aggregations - Message count per app_version: {"": 1, "1": 1, "2.3.0": 2, "2.30": 1, "false": 1, "null": 1}"#
    );
    assert_eq!(shown("validated"), "Android: 4, iOS: 3");
}

#[test]
fn a_preset_beside_its_sample_is_still_the_preset() {
    for preset in PRESETS {
        let shown = preset.with_sample();
        assert!(shown.starts_with(preset.toml));
        for line in preset.sample.lines().chain(preset.expected.lines()) {
            assert!(shown.contains(&format!("\n# {line}\n")), "{line}");
        }
        let spec = Spec::parse(&shown, preset.name).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let alone = Spec::parse(preset.toml, preset.name).unwrap();
        assert_eq!(format!("{spec:?}"), format!("{alone:?}"));
    }
}

#[test]
fn presets_are_found_by_name_and_explain_themselves() {
    for each in PRESETS {
        assert_eq!(preset(each.name).map(|found| found.toml), Some(each.toml));
        let explained = compile(each).explain().join("\n");
        assert!(explained.contains("write what is rejected"), "{explained}");
    }
    assert!(preset("login").is_none());
}

/// What `greenroom check --input` prints for the sample, and what was counted of it.
fn check(preset: &Preset) -> (String, Value) {
    let compiled = compile(preset);
    let mut records = Records::default();
    for (offset, line) in (0..).zip(preset.sample.lines()) {
        push_line(&mut records, offset, line);
    }
    let mut worker = compiled.worker();
    let mut letters = LetterWriter::new(compiled.clone(), 1 << 20);
    let mut out = Outgoing::default();
    let mut accumulator = Accumulator::default();
    let now = Now::from_unix_nanos(1_704_164_645_678_901_234);
    for (index, record) in records.iter().enumerate() {
        let counted = Some(&mut accumulator);
        if let Outcome::Rejected(rejection) = worker.process(record, index, now, &mut out, counted)
        {
            let rejected = Rejected {
                partition: Partition { topic: 0, id: 0 },
                index,
                rejection: &rejection,
                attempts: 1,
                omit_value: false,
            };
            letters.write(record, &rejected, "2024-01-02T03:04:05.678Z", &mut out);
        }
    }
    let mut counts = Counts::default();
    counts.merge(&accumulator.take());
    let lines = (0..out.len()).map(|index| printed(&compiled, out.get(index, &records)));
    (lines.collect(), json!(counts))
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
