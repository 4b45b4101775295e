//! A pipeline that is ready to run: topics numbered, steps complete, key in place.

use std::sync::Arc;

use chrono_tz::Tz;
use secrecy::SecretSlice;

use super::count::{Count, Of};
use super::json;
use super::masking::Masking;
use super::names::Slot;
use super::outcome::FilterReason;
use super::reason::Reason;
use super::report::{Layout, Report};
use super::section::SpecError;
use super::side_topic::SideTopic;
use super::spec::{Counted, Others, Spec, Stage, Tombstones};
use super::steps::Context;
use super::time::{Now, Stamp};
use super::worker::Worker;
use crate::counts::{Counts, PlainKeys};

/// What a pipeline needs that its file does not say.
#[derive(Debug)]
pub struct Options {
    pub hash_key: Option<SecretSlice<u8>>,
    /// Which key it is, in the records; by default a hash of the key itself.
    pub hash_key_id: Option<String>,
    /// The zone in which times are written.
    pub timezone: Tz,
}

/// A pipeline that is ready to run, shared by all its workers.
#[derive(Clone, Debug)]
pub struct Compiled(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub spec: Spec,
    pub masking: Option<Masking>,
    pub zone: Tz,
    topics: Vec<String>,
    dead_letters: Vec<u16>,
    errors: Option<u16>,
    filtered: Option<u16>,
    summary: Option<Summary>,
}

/// When the counts are published, and where: what comes first of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The index of its topic among [`Compiled::topics`].
    pub topic: u16,
    every_records: Option<u64>,
    of: Counted,
    /// Of seconds in which something came.
    pub every_seconds: Option<u64>,
}

/// More input topics than this are refused, so that topics can be numbered in 16 bits.
const MAX_INPUTS: usize = 1000;

/// Why what is no object is filtered.
const SKIPPED: &str = "skipped";
const SKIPPED_JSON: &str = "\"skipped\"";

/// The index of the output topic: it is the first.
pub(super) const OUTPUT: u16 = 0;

impl Summary {
    /// Whether so many records, read and written since the last summary, call for the next.
    pub fn is_due(&self, read: u64, emitted: u64) -> bool {
        let counted = match self.of {
            Counted::Read => read,
            Counted::Emitted => emitted,
        };
        self.every_records.is_some_and(|every| counted >= every)
    }
}

impl Compiled {
    pub(super) fn new(spec: Spec, options: &Options) -> Result<Self, Vec<SpecError>> {
        if spec.input.is_empty() || spec.input.len() > MAX_INPUTS {
            let message = format!("between 1 and {MAX_INPUTS} input topics are needed");
            return Err(vec![mistake(&spec, message)]);
        }
        let mut topics = vec![spec.output.clone()];
        let dead_letters = spec.input.iter().map(|input| {
            let topic = spec.dead_letters.clone();
            number(
                &mut topics,
                topic.unwrap_or(format!("{input}-dead-letters")),
            )
        });
        let dead_letters = dead_letters.collect();
        let errors = spec.errors.as_ref();
        let errors = errors.map(|errors| number(&mut topics, errors.side.topic.clone()));
        let filtered = spec.filtered.as_ref();
        let filtered = filtered.map(|side| number(&mut topics, side.topic.clone()));
        let summary = spec.summary.as_ref().map(|summary| Summary {
            topic: number(&mut topics, summary.topic.clone()),
            every_records: summary.every_records,
            of: summary.of,
            every_seconds: summary.every_seconds,
        });
        let mistakes = mistakes(&spec, &topics, options);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let masking = options.hash_key.as_ref();
        let masking = masking.map(|key| Masking::new(key, options.hash_key_id.as_deref()));
        Ok(Compiled(Arc::new(Inner {
            spec,
            masking,
            zone: options.timezone,
            topics,
            dead_letters,
            errors,
            filtered,
            summary,
        })))
    }

    pub fn name(&self) -> &str {
        &self.0.spec.name
    }

    pub fn group(&self) -> &str {
        &self.0.spec.group
    }

    pub fn input_topics(&self) -> &[String] {
        &self.0.spec.input
    }

    /// All topics that are written to; an outgoing record's topic is an index into these. The
    /// first is the output.
    pub fn topics(&self) -> &[String] {
        &self.0.topics
    }

    /// The topic for the dead letters of the `input`th input topic.
    pub fn dead_letters(&self, input: u16) -> u16 {
        self.0.dead_letters[usize::from(input)]
    }

    /// The topic for errors in the pipeline's own form.
    pub fn errors(&self) -> Option<u16> {
        self.0.errors
    }

    pub fn summary(&self) -> Option<Summary> {
        self.0.summary
    }

    /// A summary's value: the pipeline's counts in the order of its file, as JSON.
    pub fn summarise(&self, counts: &Counts) -> String {
        let mut json = String::from("{");
        let mut written = Vec::new();
        for count in &self.0.spec.counts {
            let name = count.top();
            // Grouped counts stand together, under the group's name.
            if written.contains(&name) {
                continue;
            }
            if !written.is_empty() {
                json.push(',');
            }
            written.push(name);
            json::quote(name, &mut json);
            json.push(':');
            json.push_str(&summarise_count(count, counts));
        }
        json.push('}');
        json
    }

    /// How its counts are shown.
    pub fn layout(&self) -> &Layout {
        self.0.spec.layout()
    }

    /// The counts that the Redis store holds as plain numbers too, under these keys.
    pub fn redis_keys(&self) -> PlainKeys {
        let counts = self.0.spec.counts.iter();
        counts.filter_map(Count::redis_key).collect()
    }

    /// Why a record was filtered, for metrics.
    pub fn reason(&self, reason: FilterReason) -> &str {
        match reason.0.checked_sub(1) {
            None => SKIPPED,
            Some(step) => &self.0.spec.stages[step as usize].name,
        }
    }

    /// The names of its steps, in their order.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.spec.stages.iter().map(|stage| &*stage.name)
    }

    /// A worker of its own for each transformer.
    pub fn worker(&self) -> Worker {
        Worker::new(self.0.clone())
    }

    /// What it does, line by line, for a person to read.
    pub fn explain(&self) -> Vec<String> {
        let spec = &self.0.spec;
        let mut lines = vec![
            format!("{}: {}", spec.name, spec.description),
            format!("read {} as group {}", spec.input.join(", "), spec.group),
            explain_reading(spec),
        ];
        let stages = (1..).zip(&spec.stages);
        lines.extend(stages.map(|(n, stage)| explain_stage(n, stage, spec)));
        lines.push(format!("write to {}", spec.output));
        let filtered = spec.filtered.as_ref();
        let filtered = filtered.map(|side| side.explain(&spec.names));
        lines.extend(filtered.map(|side| format!("write what is filtered to {side}")));
        let errors = spec.errors.as_ref();
        let errors = errors.map(|errors| errors.side.explain(&spec.names));
        lines.extend(errors.map(|side| format!("write what is rejected for a reason to {side}")));
        lines.push(self.explain_dead_letters());
        lines.extend(spec.counts.iter().map(|count| count.explain(&spec.names)));
        lines.extend(self.0.summary.map(|summary| self.explain_summary(summary)));
        lines.extend(spec.layout.reports().iter().map(Report::explain));
        lines
    }

    fn explain_dead_letters(&self) -> String {
        let mut indices = self.0.dead_letters.clone();
        indices.dedup();
        let topics = indices.iter().map(|index| self.topic(*index));
        let topics: Vec<_> = topics.collect();
        let otherwise = self.0.errors.map_or("", |_| " otherwise");
        format!("write what is rejected{otherwise} to {}", topics.join(", "))
    }

    fn explain_summary(&self, summary: Summary) -> String {
        let of = match summary.of {
            Counted::Read => "records",
            Counted::Emitted => "records written",
        };
        let records = summary.every_records.map(|n| format!("every {n} {of}"));
        let seconds = summary
            .every_seconds
            .map(|n| format!("every {n} s in which some came"));
        let when: Vec<_> = records.into_iter().chain(seconds).collect();
        let topic = self.topic(summary.topic);
        format!("write all counts to {topic} {}", when.join(" and "))
    }

    fn topic(&self, index: u16) -> &str {
        &self.0.topics[usize::from(index)]
    }
}

fn summarise_count(count: &Count, counts: &Counts) -> String {
    let none = if count.is_total() { "0" } else { "{}" };
    match counts.get(count.top()) {
        Some(node) => serde_json::to_string(node).expect("counts are texts and numbers"),
        None => none.to_owned(),
    }
}

/// The topic's index, a new one where it is new.
fn number(topics: &mut Vec<String>, topic: String) -> u16 {
    let index = topics.iter().position(|known| *known == topic);
    let index = index.unwrap_or_else(|| {
        topics.push(topic);
        topics.len() - 1
    });
    u16::try_from(index)
        .expect("input topics and their dead letters are at most 2000, the others four")
}

fn mistakes(spec: &Spec, topics: &[String], options: &Options) -> Vec<SpecError> {
    let mut messages = Vec::new();
    for topic in spec.input.iter().chain(topics) {
        if !is_topic_name(topic) {
            messages.push(format!("`{topic}` is no name for a topic (allowed: 1 to 249 letters, digits, dots, dashes and underscores)"));
        }
    }
    for (index, topic) in spec.input.iter().enumerate() {
        if spec.input[..index].contains(topic) {
            messages.push(format!("topic `{topic}` is read twice"));
        }
    }
    for topic in topics.iter().filter(|topic| spec.input.contains(topic)) {
        messages.push(format!(
            "topic `{topic}` is read and written: the pipeline would read what it writes, for ever"
        ));
    }
    if options.hash_key.is_none() {
        messages.extend(keyless(spec));
    }
    messages
        .into_iter()
        .map(|message| mistake(spec, message))
        .collect()
}

fn mistake(spec: &Spec, message: String) -> SpecError {
    SpecError {
        file: spec.file.clone(),
        line: None,
        message,
    }
}

fn keyless(spec: &Spec) -> Option<String> {
    let needing = spec.stages.iter().filter(|stage| stage.step.needs_key());
    let needing: Vec<_> = needing.map(|stage| &*stage.name).collect();
    let steps = needing.join(", ");
    (!needing.is_empty()).then(|| {
        format!(
            "a hash key is needed (by {steps}): set GREENROOM_HASH_KEY, for example to what \
             `openssl rand -hex 32` prints, and keep it: another key makes other hashes"
        )
    })
}

/// Kafka's rule.
fn is_topic_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name.bytes().all(plain) && name != "." && name != ".."
}

fn explain_reading(spec: &Spec) -> String {
    let tombstones = match spec.tombstones {
        Tombstones::Pass => "pass null values on as they are",
        Tombstones::Reject => "reject null values",
    };
    let others = match spec.others {
        Others::Reject => "reject what is no object",
        Others::Filter => "drop what is no object",
    };
    format!("{tombstones}; reject what is no JSON; {others}")
}

fn explain_stage(n: usize, stage: &Stage, spec: &Spec) -> String {
    let name = |slot: &Slot| spec.names.name(*slot).to_owned();
    let given = stage.given.as_ref().map(name);
    let given = given.map_or(String::new(), |name| format!(", given {name}"));
    let reason = stage.reason.as_ref().map(Reason::as_str);
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason:?})"));
    let step = stage.step.explain(&spec.names);
    format!("{n}. {}: {step}{given}{reason}", stage.name)
}

impl Inner {
    pub fn context<'a>(&'a self, now: Now, stamp: &'a Stamp) -> Context<'a> {
        Context {
            names: &self.spec.names,
            masking: self.masking.as_ref(),
            zone: self.zone,
            now,
            stamp,
        }
    }

    /// The form and the topic of what is filtered.
    pub fn filtered(&self) -> Option<(&SideTopic, u16)> {
        self.spec.filtered.as_ref().zip(self.filtered)
    }

    /// Why a record was filtered, for its topic, as JSON.
    pub fn said(&self, reason: FilterReason) -> &str {
        match reason.0.checked_sub(1) {
            None => SKIPPED_JSON,
            Some(step) => &self.spec.stages[step as usize].said,
        }
    }

    /// The counts of records that ended in this way.
    pub fn counts(&self, of: Of) -> impl Iterator<Item = &Count> {
        self.spec.counts.iter().filter(move |count| count.of == of)
    }
}

#[cfg(test)]
mod tests;
