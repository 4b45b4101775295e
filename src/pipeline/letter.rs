//! Dead letters: the record as it came (format `raw`), or as the pipeline's errors topic wants it,
//! and headers that say what was wrong.

use std::io::Write as _;

use super::{Compiled, ErrorRecord, Rejection};
use crate::flow::Partition;
use crate::record::{Outgoing, Record};

/// What key, headers and Kafka's own framing may add to a value, before it is called too large.
const HEADROOM: usize = 16 * 1024;

/// A record that was rejected.
#[derive(Clone, Copy, Debug)]
pub struct Rejected<'a> {
    pub partition: Partition,
    /// Its place in the batch that the letters are for.
    pub index: usize,
    pub rejection: &'a Rejection,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// Leave its value out: the dead letter did not fit its topic.
    pub omit_value: bool,
}

/// Writes dead letters; keeps its buffer.
#[derive(Debug)]
pub struct LetterWriter {
    pipeline: Compiled,
    /// What the topics for dead letters and errors take at most, in bytes.
    max_bytes: usize,
    text: Vec<u8>,
}

impl LetterWriter {
    pub fn new(pipeline: Compiled, max_bytes: usize) -> Self {
        LetterWriter {
            pipeline,
            max_bytes,
            text: Vec::new(),
        }
    }

    /// Appends the dead letter of `source`. `failed_at` is RFC 3339.
    ///
    /// An error too large for its topic becomes a dead letter of format `raw`; one of these that is
    /// too large goes without its value and says how many bytes that had.
    pub fn write(
        &mut self,
        source: Record<'_>,
        rejected: &Rejected<'_>,
        failed_at: &str,
        letters: &mut Outgoing,
    ) {
        let pipeline = self.pipeline.clone();
        let Rejected {
            partition,
            rejection,
            ..
        } = *rejected;
        let omitted = self.write_value(source, rejected, letters);
        let input = &pipeline.input_topics()[usize::from(partition.topic)];
        self.text("error.type", rejection.error_type.as_str(), letters);
        self.text("error.detail", &rejection.detail, letters);
        self.text("error.step", &rejection.step, letters);
        self.text("source.topic", input, letters);
        self.text("source.partition", partition.id, letters);
        self.text("source.offset", source.offset(), letters);
        self.text("attempts", rejected.attempts, letters);
        self.text("pipeline", pipeline.name(), letters);
        self.text("failed_at", failed_at, letters);
        if let Some(bytes) = omitted {
            self.text("value.omitted", bytes, letters);
        }
    }

    /// The bytes of the value, where it had to be left out.
    fn write_value(
        &self,
        source: Record<'_>,
        rejected: &Rejected<'_>,
        letters: &mut Outgoing,
    ) -> Option<usize> {
        let fits = |bytes: usize| !rejected.omit_value && bytes + HEADROOM <= self.max_bytes;
        let error = rejected.rejection.record.as_ref();
        if let Some((ErrorRecord(record), topic)) = error.zip(self.pipeline.errors())
            && fits(record.len())
        {
            let start = letters.buffer().len();
            letters.buffer().extend_from_slice(record);
            letters.push_written(rejected.index, topic, start);
            return None;
        }
        let topic = self.pipeline.dead_letters(rejected.partition.topic);
        let bytes = source.value().map_or(0, <[u8]>::len);
        if fits(bytes) {
            letters.push_source(rejected.index, topic);
            return None;
        }
        letters.push_null(rejected.index, topic);
        Some(bytes)
    }

    fn text(&mut self, name: &str, value: impl std::fmt::Display, letters: &mut Outgoing) {
        self.text.clear();
        // Writing to a Vec cannot fail.
        let _ = write!(self.text, "greenroom.{name}");
        let end = self.text.len();
        let _ = write!(self.text, "{value}");
        let (name, value) = self.text.split_at(end);
        letters.push_header(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Now, Options, Outcome, Spec, preset};
    use crate::record::{OutgoingRecord, Records};

    const MAX: usize = 64 * 1024;

    fn masked() -> Compiled {
        let spec = Spec::parse(preset("masked").unwrap().toml, "masked").unwrap();
        let options = Options {
            hash_key: None,
            hash_key_id: None,
            timezone: chrono_tz::Tz::UTC,
        };
        spec.compile(&options).unwrap()
    }

    /// Hands on the letter of a rejected value.
    fn letter(value: &str, omit_value: bool, then: impl FnOnce(&str, OutgoingRecord<'_>)) {
        let pipeline = masked();
        let mut records = Records::default();
        records.push(7, Some(5), Some(b"key"), Some(value.as_bytes()));
        records.push_header(b"greenroom.attempts", Some(b"3"));
        records.push_header(b"kept", None);
        let (source, now) = (records.get(0), Now::from_unix_nanos(0));
        let mut out = Outgoing::default();
        let outcome = pipeline.worker().process(source, 0, now, &mut out, None);
        let Outcome::Rejected(rejection) = outcome else {
            panic!("{outcome:?}");
        };
        let rejected = Rejected {
            partition: Partition { topic: 0, id: 2 },
            index: 0,
            rejection: &rejection,
            attempts: 1,
            omit_value,
        };
        LetterWriter::new(pipeline.clone(), MAX).write(source, &rejected, "now", &mut out);
        assert_eq!(out.len(), 1);
        let letter = out.get(0, &records);
        then(&pipeline.topics()[usize::from(letter.topic())], letter);
    }

    fn header<'a>(letter: &OutgoingRecord<'a>, name: &str) -> Option<&'a str> {
        let mut headers = letter.headers();
        let (_, value) = headers.find(|(known, _)| *known == name.as_bytes())?;
        value.map(|value| str::from_utf8(value).unwrap())
    }

    fn event(bytes: usize) -> String {
        format!(r#"{{"user_id":"u","pad":"{}"}}"#, "x".repeat(bytes))
    }

    #[test]
    fn an_error_has_the_pipelines_form_and_the_headers_of_all_dead_letters() {
        letter(r#"{"a":1}"#, false, |topic, letter| {
            assert_eq!(topic, "processed-errors");
            let expected = r#"{"user_id":"Unknown","error_type":"Missing user_id","message_content":{"a":1},"timestamp":"1970-01-01 00:00:00"}"#;
            assert_eq!(letter.value(), Some(expected.as_bytes()));
            assert_eq!(
                (letter.key(), letter.timestamp()),
                (Some(&b"key"[..]), Some(5))
            );
            let headers: Vec<_> = letter
                .headers()
                .map(|(name, value)| [name, value.unwrap_or_default()].map(String::from_utf8_lossy))
                .collect();
            assert_eq!(
                headers,
                [
                    ["kept", ""],
                    ["greenroom.error.type", "missing_field"],
                    ["greenroom.error.detail", "missing: user_id"],
                    ["greenroom.error.step", "user"],
                    ["greenroom.source.topic", "user-login"],
                    ["greenroom.source.partition", "2"],
                    ["greenroom.source.offset", "7"],
                    ["greenroom.attempts", "1"],
                    ["greenroom.pipeline", "masked"],
                    ["greenroom.failed_at", "now"],
                ]
            );
        });
    }

    #[test]
    fn p1_an_error_too_large_for_its_topic_is_a_dead_letter_as_it_came() {
        // With room for the value, but not for what the errors' form adds to it.
        let value = event(MAX - HEADROOM - 40);
        letter(&value, false, |topic, letter| {
            assert_eq!(topic, "user-login-dead-letters");
            assert_eq!(letter.value(), Some(value.as_bytes()));
            assert_eq!(header(&letter, "greenroom.value.omitted"), None);
        });
    }

    #[test]
    fn p1_what_fits_no_topic_keeps_its_headers_and_says_how_large_it_was() {
        let value = event(MAX);
        // The broker's word counts too, where it is stricter than its topic's setting said.
        for (value, refused) in [(value.as_str(), false), (r#"{"a":1}"#, true)] {
            letter(value, refused, |topic, letter| {
                assert_eq!(topic, "user-login-dead-letters");
                assert_eq!(letter.value(), None);
                let bytes = value.len().to_string();
                assert_eq!(header(&letter, "greenroom.value.omitted"), Some(&*bytes));
                assert_eq!(
                    header(&letter, "greenroom.error.type"),
                    Some("missing_field")
                );
            });
        }
    }
}
