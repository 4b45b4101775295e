//! `insights`: every event with the time it was processed; counts by locale.

use super::counts::Counts;
use super::expected::Hole;
use super::json::{Kind, Object};
use super::{DEAD_LETTERS, Outcome, Preset, object, reject, reject_for, time};

pub const PRESET: Preset = Preset {
    name: "insights",
    pipeline: "insights",
    group: "my_consumer_group",
    topics: &[OUTPUT, DEAD_LETTERS],
    summary: None,
    counts: &["locale"],
    rules,
};

const OUTPUT: &str = "processed-user-login";

fn rules(value: Option<&[u8]>, counts: &mut Counts) -> Outcome {
    let mut event = match object(value) {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    if !event.is_falsy("timestamp") && time::time(&event, "timestamp").is_none() {
        return reject_for("invalid_timestamp", vec!["timestamp"]);
    }
    if !event.is_falsy("locale") {
        let keys = ["locale", "device_type", "app_version"];
        if keys.iter().any(|name| is_no_key(&event, name)) {
            return reject("transformation_error");
        }
        count(&event, counts);
    }
    event.set("processed_timestamp", Hole::UnixSeconds);
    Outcome::Done(OUTPUT, Some(event.write()))
}

/// A list or an object with something in it: the original died on counting it.
fn is_no_key(event: &Object, name: &str) -> bool {
    matches!(
        event.kind(name),
        Some(Kind::List { empty: false } | Kind::Object { empty: false })
    )
}

fn count(event: &Object, counts: &mut Counts) {
    let locale = event.count_key("locale").expect("it is a key");
    for name in ["device_type", "app_version"] {
        if !event.is_falsy(name) {
            let key = event.count_key(name).expect("it is a key");
            counts.add(&["locale", &locale, name, &key]);
        }
    }
    if !event.is_falsy("timestamp") {
        let time = time::time(event, "timestamp").expect("it is a time");
        let hour = time.format("%Y-%m-%d %H:00:00").to_string();
        counts.add(&["locale", &locale, "hour", &hour]);
    }
}
