//! `examples/mobile-logins.toml`: a user's own pipeline, of steps that several presets have.

use super::android::is_anomalous;
use super::counts::Counts;
use super::expected::Expected;
use super::{DEAD_LETTERS, Outcome, Preset, masked, object, reject_for, time, validated};

pub const PRESET: Preset = Preset {
    name: "mobile-logins",
    pipeline: "examples/mobile-logins.toml",
    group: "mobile-logins",
    topics: &[OUTPUT, DEAD_LETTERS],
    summary: None,
    counts: &["locale"],
    rules,
};

const OUTPUT: &str = "mobile-logins";

fn rules(value: Option<&[u8]>, counts: &mut Counts) -> Outcome {
    let event = match object(value) {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    let device = event.text("device_type").unwrap_or_default();
    let category = match device.to_lowercase().as_str() {
        "android" | "ios" => "Mobile",
        "ipad" => "Tablet",
        _ => return Outcome::Filtered(None),
    };
    let fields = ["user_id", "locale"];
    let missing = fields
        .into_iter()
        .filter(|name| event.is_absent_or_null(name));
    let missing: Vec<_> = missing.collect();
    if !missing.is_empty() {
        return reject_for("missing_field", missing);
    }
    if let Some(name) = fields.into_iter().find(|name| event.text(name).is_none()) {
        return reject_for("transformation_error", vec![name]);
    }
    let address = event
        .text("ip")
        .filter(|ip| validated::canonical(ip).is_some());
    let Some(address) = address else {
        return reject_for("invalid_ip", vec!["ip"]);
    };
    let Some(time) = time::time(&event, "timestamp") else {
        return reject_for("invalid_timestamp", vec!["timestamp"]);
    };
    let locale = event.text("locale").expect("it is text");
    let hour = time.format("%Y-%m-%d %H:00:00").to_string();
    counts.add(&["locale", &locale, "device_category", category]);
    counts.add(&["locale", &locale, "hour", &hour]);
    let raw = |name| Expected::text(event.raw(name).expect("it is there"));
    let members = [
        ("user_id", &raw("user_id")),
        ("ip", &masked::hash(&address).into()),
        ("locale", &raw("locale")),
        ("timestamp", &raw("timestamp")),
        ("device_category", &format!("{category:?}").into()),
        ("anomaly", &is_anomalous(&event).to_string().into()),
    ];
    Outcome::Done(OUTPUT, Some(Expected::object(members.into_iter())))
}
