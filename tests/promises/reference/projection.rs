//! `projection`: who, where and when, and nothing else.

use super::counts::Counts;
use super::expected::Expected;
use super::{DEAD_LETTERS, Outcome, Preset, object, reject_for};

pub const PRESET: Preset = Preset {
    name: "projection",
    pipeline: "projection",
    group: "greenroom-projection",
    topics: &[OUTPUT, DEAD_LETTERS],
    summary: None,
    counts: &[],
    rules,
};

const OUTPUT: &str = "processed-login";

fn rules(value: Option<&[u8]>, _: &mut Counts) -> Outcome {
    let event = match object(value) {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    let fields = ["user_id", "locale", "timestamp"];
    let missing = fields.into_iter().filter(|name| event.raw(name).is_none());
    let missing: Vec<_> = missing.collect();
    if !missing.is_empty() {
        return reject_for("missing_field", missing);
    }
    let members = fields.map(|name| {
        let value = event.raw(name).expect("none is missing");
        (name, Expected::text(value))
    });
    let members = members.iter().map(|(name, value)| (*name, value));
    Outcome::Done(OUTPUT, Some(Expected::object(members)))
}
