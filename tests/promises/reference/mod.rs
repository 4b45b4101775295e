//! The six presets, and a user's own pipeline, written a second time, from their description alone:
//! slow, plain, and sharing nothing with the product. What a pipeline makes of a record is compared
//! with what these say.

mod android;
mod check;
mod comparison;
mod counts;
mod edges;
mod expected;
mod insights;
mod json;
mod logins;
mod masked;
mod mobile;
mod projection;
mod results;
mod stage;
mod tests;
mod time;
mod validated;

use expected::Expected;
use json::{Broken, Object};
use rdkafka::Message;
use rdkafka::message::OwnedMessage;

use crate::harness::Settings;

pub use counts::Counts;

/// A preset, as those who read its topics know it.
pub struct Preset {
    name: &'static str,
    /// What `run` is told to run.
    pipeline: &'static str,
    group: &'static str,
    /// Where records come out, each for one of its outcomes.
    topics: &'static [&'static str],
    summary: Option<&'static str>,
    /// Names of its counts.
    counts: &'static [&'static str],
    rules: Rules,
}

/// What becomes of a value (None is a tombstone), and what is counted of it.
type Rules = fn(Option<&[u8]>, &mut Counts) -> Outcome;

#[derive(Clone, Debug)]
enum Outcome {
    /// Done, and written to this topic; a tombstone without a value.
    Done(&'static str, Option<Expected>),
    /// Filtered, and written nowhere or to this topic.
    Filtered(Option<(&'static str, Expected)>),
    Rejected(Rejection),
}

#[derive(Clone, Debug)]
struct Rejection {
    error_type: &'static str,
    /// The members that the detail names.
    names: Vec<&'static str>,
    /// An error record in its own topic; None is the record as it came, among the dead letters.
    record: Option<(&'static str, Expected)>,
}

impl Preset {
    fn settings(&self) -> Settings {
        let settings = Settings::pipeline(self.pipeline);
        match self.name {
            "logins" => settings.with("GREENROOM_HASH_KEY", logins::KEY),
            _ => settings,
        }
    }
}

/// What `logins` counts of these records, each once.
pub fn counts_of_logins(inputs: &[OwnedMessage]) -> Counts {
    let mut counts = Counts::default();
    for input in inputs {
        let _ = (logins::PRESET.rules)(input.payload(), &mut counts);
    }
    counts
}

const INPUT: &str = "user-login";
const DEAD_LETTERS: &str = "user-login-dead-letters";

fn reject(error_type: &'static str) -> Outcome {
    reject_for(error_type, Vec::new())
}

fn reject_for(error_type: &'static str, names: Vec<&'static str>) -> Outcome {
    Outcome::Rejected(Rejection {
        error_type,
        names,
        record: None,
    })
}

/// What every preset but `logins` begins with: a record that is no object is a dead letter.
fn object(value: Option<&[u8]>) -> Result<Object, Outcome> {
    let value = value.ok_or_else(|| reject("tombstone"))?;
    match json::read(value) {
        Ok(Some(event)) => Ok(event),
        Ok(None) => Err(reject("not_an_object")),
        Err(Broken::Encoding | Broken::Grammar) => Err(reject("invalid_json")),
    }
}
