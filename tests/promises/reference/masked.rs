//! `masked`: events of one version, with hashes for who it was; what is wrong has a topic of its own.

use sha2::{Digest, Sha256};

use super::counts::Counts;
use super::expected::{Expected, Hole};
use super::json::{self, Broken, Kind, Object};
use super::{DEAD_LETTERS, Outcome, Preset, Rejection, reject, time};

pub const PRESET: Preset = Preset {
    name: "masked",
    pipeline: "masked",
    group: "real-time-processor-group",
    topics: &[OUTPUT, ERRORS, FILTERED, DEAD_LETTERS],
    summary: Some("summary-output"),
    counts: &[
        "processed_count",
        "device_type_counts",
        "locale_counts",
        "filtered_record_count",
    ],
    rules,
};

const OUTPUT: &str = "processed-output";
const ERRORS: &str = "processed-errors";
const FILTERED: &str = "cleaned-data";
const VERSION: &str = "2.3.0";
/// The user of an event that names none.
const UNKNOWN: &str = "\"Unknown\"";
const FIELDS: [&str; 6] = [
    "ip",
    "device_id",
    "app_version",
    "device_type",
    "timestamp",
    "locale",
];

fn rules(value: Option<&[u8]>, counts: &mut Counts) -> Outcome {
    let Some(value) = value else {
        return reject("tombstone");
    };
    match json::read(value) {
        Ok(Some(event)) => work(event, counts),
        Ok(None) => reject("not_an_object"),
        // The original died on these before it saw that they are no JSON.
        Err(Broken::Encoding) => reject("invalid_json"),
        Err(Broken::Grammar) => {
            let words = Hole::Words("JSON decoding error: ").into();
            let record = error(UNKNOWN, words, &Object::default());
            rejected("invalid_json", Vec::new(), record)
        }
    }
}

fn work(mut event: Object, counts: &mut Counts) -> Outcome {
    if event.is_absent_or_null("user_id") {
        let record = error(UNKNOWN, "\"Missing user_id\"".into(), &event);
        return rejected("missing_field", vec!["user_id"], record);
    }
    let user = event.raw("user_id").expect("it is there").to_owned();
    let missing: Vec<_> = FIELDS
        .into_iter()
        .filter(|name| event.is_absent_or_null(name))
        .collect();
    if !missing.is_empty() {
        let list: Vec<String> = missing.iter().map(|name| format!("'{name}'")).collect();
        let words = serde_json::json!(format!("Missing fields: [{}]", list.join(", ")));
        return rejected("missing_field", missing, error(&user, words.into(), &event));
    }
    if event.text("app_version").as_deref() != Some(VERSION) {
        counts.add(&["filtered_record_count"]);
        return Outcome::Filtered(Some((FILTERED, cleaned(&user, &event))));
    }
    if let Err(field) = transform(&mut event) {
        let record = error(&user, Hole::Words("Transformation error: ").into(), &event);
        return rejected("transformation_error", vec![field], record);
    }
    let keys = ["device_type", "locale"].map(|name| event.count_key(name));
    let [Some(device), Some(locale)] = keys else {
        return reject("transformation_error");
    };
    counts.add(&["processed_count"]);
    counts.add(&["device_type_counts", &device]);
    counts.add(&["locale_counts", &locale]);
    Outcome::Done(OUTPUT, Some(event.write()))
}

/// Hides who it was; the error is the member that it stopped at.
fn transform(event: &mut Object) -> Result<(), &'static str> {
    for name in ["ip", "device_id"] {
        let Some(Kind::Text(text)) = event.kind(name) else {
            return Err(name);
        };
        event.set(name, hash(&text));
    }
    let time = time::number(event, "timestamp").ok_or("timestamp")?;
    event.set(
        "timestamp",
        time.format("\"%Y-%m-%d %H:%M:%S\"").to_string(),
    );
    Ok(())
}

/// A text's hash, in quotes.
pub fn hash(text: &str) -> String {
    format!("{:?}", hex::encode(Sha256::digest(text)))
}

fn rejected(error_type: &'static str, names: Vec<&'static str>, record: Expected) -> Outcome {
    Outcome::Rejected(Rejection {
        error_type,
        names,
        record: Some((ERRORS, record)),
    })
}

/// `{user_id, error_type, message_content, timestamp}`
fn error(user: &str, error_type: Expected, event: &Object) -> Expected {
    object([
        ("user_id", user.into()),
        ("error_type", error_type),
        ("message_content", event.write()),
        ("timestamp", Hole::DateTime.into()),
    ])
}

/// `{user_id, message_content, cleantype, timestamp}`
fn cleaned(user: &str, event: &Object) -> Expected {
    object([
        ("user_id", user.into()),
        ("message_content", event.write()),
        ("cleantype", Hole::Words("").into()),
        ("timestamp", Hole::DateTime.into()),
    ])
}

fn object<const N: usize>(members: [(&str, Expected); N]) -> Expected {
    Expected::object(members.iter().map(|(name, value)| (*name, value)))
}
