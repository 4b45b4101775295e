//! `logins`: checked, with keyed hashes for who it was, with category, anomaly and times.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::android::is_anomalous;
use super::counts::Counts;
use super::expected::Hole;
use super::json::{self, Object};
use super::{DEAD_LETTERS, Outcome, Preset, reject, reject_for, time, validated};

pub const PRESET: Preset = Preset {
    name: "logins",
    pipeline: "logins",
    group: "greenroom-logins",
    topics: &[OUTPUT, DEAD_LETTERS],
    summary: Some("login-summaries"),
    counts: &[
        "processed_count",
        "device_type",
        "device_category",
        "locale",
        "app_version",
        "hour",
        "anomalies",
        "rejects",
    ],
    rules,
};

const OUTPUT: &str = "processed-logins";
const FIELDS: [&str; 6] = [
    "user_id",
    "app_version",
    "ip",
    "locale",
    "device_id",
    "timestamp",
];
const TEXTS: [&str; 4] = ["user_id", "app_version", "locale", "device_id"];

/// What the test's service is started with.
pub const KEY: &str = "the key of the reference: 32 byte";

fn rules(value: Option<&[u8]>, counts: &mut Counts) -> Outcome {
    let outcome = judge(value, counts);
    if let Outcome::Rejected(rejection) = &outcome {
        counts.add(&["rejects", rejection.error_type]);
    }
    outcome
}

fn judge(value: Option<&[u8]>, counts: &mut Counts) -> Outcome {
    let Some(value) = value else {
        counts.add(&["processed_count"]);
        return Outcome::Done(OUTPUT, None);
    };
    match json::read(value) {
        Ok(Some(event)) => work(event, counts),
        Ok(None) => reject("not_an_object"),
        Err(_) => reject("invalid_json"),
    }
}

fn work(mut event: Object, counts: &mut Counts) -> Outcome {
    let missing: Vec<_> = FIELDS
        .into_iter()
        .filter(|name| event.is_absent_or_null(name))
        .collect();
    if !missing.is_empty() {
        return reject_for("missing_field", missing);
    }
    let Some(ip) = event.text("ip").and_then(|ip| validated::canonical(&ip)) else {
        return reject_for("invalid_ip", vec!["ip"]);
    };
    let Some(time) = time::time(&event, "timestamp") else {
        return reject_for("invalid_timestamp", vec!["timestamp"]);
    };
    if let Some(name) = TEXTS.into_iter().find(|name| event.text(name).is_none()) {
        return reject_for("transformation_error", vec![name]);
    }
    if event.text("device_type").is_none() {
        event.set("device_type", "\"unknown\"");
    }
    let device = event.text("device_type").expect("it is text by now");
    let category = category(&device);
    let anomaly = is_anomalous(&event);
    count(&event, &device, category, counts);
    counts.add(&["hour", &time.format("%Y-%m-%d %H:00:00").to_string()]);
    if anomaly {
        counts.add(&["anomalies", "locale"]);
    }
    let id = event.text("device_id").expect("it is text");
    event.set("ip", hash("ip", &ip));
    event.set("device_id", hash("device_id", &id));
    event.set("device_category", format!("{category:?}"));
    event.set("anomaly", anomaly.to_string());
    event.set(
        "anomaly_reason",
        if anomaly { "\"locale\"" } else { "null" },
    );
    event.set(
        "event_time",
        time.format("\"%Y-%m-%dT%H:%M:%SZ\"").to_string(),
    );
    event.set("processed_at", Hole::Rfc3339Millis);
    event.set("hash_key_id", format!("{:?}", &keyed(b"key-id")[..8]));
    Outcome::Done(OUTPUT, Some(event.write()))
}

fn count(event: &Object, device: &str, category: &str, counts: &mut Counts) {
    let text = |name| event.text(name).expect("it is text");
    counts.add(&["processed_count"]);
    counts.add(&["device_type", device]);
    counts.add(&["device_category", category]);
    counts.add(&["locale", &text("locale")]);
    counts.add(&["app_version", &text("app_version")]);
}

fn category(device: &str) -> &'static str {
    match device.to_lowercase().as_str() {
        "android" | "ios" => "Mobile",
        "ipad" => "Tablet",
        "windows" | "macos" | "linux" => "Desktop",
        _ => "Unknown",
    }
}

/// A text's hash, in quotes; the same text in two members has two.
fn hash(name: &str, text: &str) -> String {
    format!(
        "{:?}",
        keyed(&[name.as_bytes(), b"\0", text.as_bytes()].concat())
    )
}

fn keyed(message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any key will do");
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}
