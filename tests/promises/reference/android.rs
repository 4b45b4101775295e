//! `android`: events of Android devices only, with their category and whether they are anomalous.

use super::counts::Counts;
use super::expected::Hole;
use super::json::{self, Kind, Object};
use super::{DEAD_LETTERS, Outcome, Preset, reject};

pub const PRESET: Preset = Preset {
    name: "android",
    pipeline: "android",
    group: "consumer-group-1",
    topics: &[OUTPUT, DEAD_LETTERS],
    summary: None,
    counts: &["app_version"],
    rules,
};

const OUTPUT: &str = "processed-user-login";

fn rules(value: Option<&[u8]>, counts: &mut Counts) -> Outcome {
    let Some(value) = value else {
        return reject("tombstone");
    };
    match json::read(value) {
        Ok(Some(event)) => work(event, counts),
        Ok(None) => Outcome::Filtered(None),
        Err(_) => reject("invalid_json"),
    }
}

fn work(mut event: Object, counts: &mut Counts) -> Outcome {
    let android = event.kind("device_type") == Some(Kind::Text("android".to_owned()));
    let version = event.count_key("app_version");
    let (true, Some(version)) = (android, version) else {
        return Outcome::Filtered(None);
    };
    counts.add(&["app_version", &version]);
    let anomaly = is_anomalous(&event).to_string();
    event.set("processed_timestamp", Hole::UnixFraction);
    event.set("processed_time_human_readable", Hole::DateTime);
    event.set("device_category", "\"Mobile\"");
    event.set("anomaly", anomaly);
    Outcome::Done(OUTPUT, Some(event.write()))
}

pub fn is_anomalous(event: &Object) -> bool {
    let locale = event.text("locale");
    locale.is_some_and(|locale| ["RU", "VA", "MO"].contains(&locale.as_str()))
}
