//! What came out of a record against what is to come out, wherever it was worked on.

use super::expected::{During, Expected, Hole, Misfit, is_millis};
use super::{DEAD_LETTERS, INPUT, Outcome, Preset, Rejection};
use crate::harness::{ID, Id, read_id};

pub type Headers = Vec<(String, Option<Vec<u8>>)>;

/// A record as it is in a topic, or as `check` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub topic: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Headers,
    /// None where it is not told.
    pub timestamp: Option<i64>,
}

/// An input, with what is due.
pub struct Judged {
    pub id: Id,
    pub input: Written,
    pub outcome: Outcome,
}

/// The headers of a rejected record that are Greenroom's own.
const OWN: &str = "greenroom.";

impl Written {
    /// Of the input that it was made from.
    pub fn id(&self) -> Id {
        let id = self.headers.iter().find(|(name, _)| name == ID);
        let id = id.and_then(|(_, value)| read_id(value.as_deref()?));
        id.expect("a header passes through")
    }
}

impl Outcome {
    /// The topic and the value that are due; no [`Expected`] where the value stays as it came.
    fn due(&self) -> Option<(&'static str, Option<&Expected>)> {
        match self {
            Outcome::Done(topic, value) => Some((topic, value.as_ref())),
            Outcome::Filtered(None) => None,
            Outcome::Filtered(Some((topic, value))) => Some((topic, Some(value))),
            Outcome::Rejected(rejection) => match &rejection.record {
                Some((topic, value)) => Some((topic, Some(value))),
                None => Some((DEAD_LETTERS, None)),
            },
        }
    }
}

impl Judged {
    /// Whether anything is due.
    pub fn is_written(&self) -> bool {
        self.outcome.due().is_some()
    }

    /// How a record differs from what is due, if it does.
    pub fn difference(&self, preset: &Preset, got: &Written, during: &During) -> Option<String> {
        let found = self.find(preset, got, during).err()?;
        let (partition, offset) = self.id;
        Some(format!(
            "{} {partition}:{offset}: {found}\n  input {}\n  got {} in {}",
            preset.name,
            shown(self.input.value.as_deref()),
            shown(got.value.as_deref()),
            got.topic
        ))
    }

    fn find(&self, preset: &Preset, got: &Written, during: &During) -> Result<(), String> {
        let Some((topic, value)) = self.outcome.due() else {
            return Err("expected nothing".to_owned());
        };
        same("the topic", topic, got.topic.as_str())?;
        same("the key", &self.input.key, &got.key)?;
        if got.timestamp.is_some() {
            same("the timestamp", self.input.timestamp, got.timestamp)?;
        }
        self.find_in_value(value, got, during)?;
        match &self.outcome {
            Outcome::Rejected(rejection) => self.find_in_letter(preset, rejection, got, during),
            _ => same("the headers", &self.input.headers, &got.headers),
        }
    }

    fn find_in_value(
        &self,
        due: Option<&Expected>,
        got: &Written,
        during: &During,
    ) -> Result<(), String> {
        let Some(due) = due else {
            return same("the value", &self.input.value, &got.value);
        };
        let text = got.value.as_deref().ok_or("there is no value")?;
        let text = std::str::from_utf8(text).map_err(|_| "the value is no UTF-8")?;
        match due.fit(text, during) {
            Ok(_) => Ok(()),
            Err(Misfit::At(at)) => Err(format!("the value differs at {at} from {due:?}")),
            Err(Misfit::Hole(hole, found)) => Err(format!("no {hole:?}: {found}")),
        }
    }

    fn find_in_letter(
        &self,
        preset: &Preset,
        rejection: &Rejection,
        got: &Written,
        during: &During,
    ) -> Result<(), String> {
        let (own, others): (Headers, Headers) = split(&got.headers);
        same("the headers", split(&self.input.headers).1, others)?;
        let names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
        same("its own headers", &OWN_NAMES[..], &names[..])?;
        let text = |name: &str| {
            let (_, value) = own.iter().find(|(own, _)| *own == format!("{OWN}{name}"))?;
            String::from_utf8(value.clone()?).ok()
        };
        let (partition, offset) = self.id;
        for (name, due) in [
            ("error.type", rejection.error_type),
            ("source.topic", INPUT),
            ("source.partition", &partition.to_string()),
            ("source.offset", &offset.to_string()),
            ("attempts", "1"),
            ("pipeline", preset.name),
        ] {
            same(name, Some(due), text(name).as_deref())?;
        }
        let detail = text("error.detail").unwrap_or_default();
        let named = rejection.names.iter().all(|name| detail.contains(name));
        if !named || !(1..=512).contains(&detail.len()) {
            return Err(format!(
                "the detail names not {:?}: {detail}",
                rejection.names
            ));
        }
        if text("error.step").is_none_or(|step| step.is_empty()) {
            return Err("no step is named".to_owned());
        }
        match text("failed_at") {
            Some(time) if is_millis(&time, during) => Ok(()),
            other => Err(format!("no time of failure: {other:?}")),
        }
    }

    /// How two records made of the same input differ in anything but the time of the work.
    pub fn difference_between(&self, one: &Written, other: &Written) -> Option<String> {
        let timeless = |written: &Written| Written {
            value: self.without_now(written.value.clone()),
            headers: without_time(&written.headers),
            timestamp: None,
            ..written.clone()
        };
        let (one, other) = (timeless(one), timeless(other));
        (one != other).then(|| format!("{:?}: {one:?} and {other:?}", self.id))
    }

    /// A value of which all that is not known beforehand, but the time, is left.
    fn without_now(&self, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let Some((_, Some(due))) = self.outcome.due() else {
            return value;
        };
        let text = String::from_utf8(value?).expect("what is written is UTF-8");
        let whole = chrono::DateTime::UNIX_EPOCH..=chrono::DateTime::<chrono::Utc>::MAX_UTC;
        let holes = due.fit(&text, &whole).expect("it was compared before");
        let words = holes
            .into_iter()
            .filter(|(hole, _)| matches!(hole, Hole::Words(_)));
        Some(words.flat_map(|(_, words)| words.bytes()).collect())
    }
}

/// In the order in which they stand.
const OWN_NAMES: [&str; 9] = [
    "greenroom.error.type",
    "greenroom.error.detail",
    "greenroom.error.step",
    "greenroom.source.topic",
    "greenroom.source.partition",
    "greenroom.source.offset",
    "greenroom.attempts",
    "greenroom.pipeline",
    "greenroom.failed_at",
];

/// Greenroom's own headers, and the others.
fn split(headers: &Headers) -> (Headers, Headers) {
    headers
        .iter()
        .cloned()
        .partition(|(name, _)| name.starts_with(OWN))
}

fn without_time(headers: &Headers) -> Headers {
    let mut headers = headers.clone();
    headers.retain(|(name, _)| name != "greenroom.failed_at");
    headers
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, due: T, got: T) -> Result<(), String> {
    match due == got {
        true => Ok(()),
        false => Err(format!("{what}: expected {due:?}, got {got:?}")),
    }
}

/// The beginning of a value, for people.
fn shown(value: Option<&[u8]>) -> String {
    match value {
        None => "null".to_owned(),
        Some(value) => String::from_utf8_lossy(value).chars().take(400).collect(),
    }
}
