//! Dead letters of format `raw`: the record as it came, and headers that say what was wrong.

use std::io::Write as _;

use super::{Compiled, Rejection};
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
    /// What the dead letters' topics take at most, in bytes.
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
    /// One too large for its topic goes without its value and says how many bytes that had.
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
            index,
            rejection,
            ..
        } = *rejected;
        let topic = pipeline.dead_letters(partition.topic);
        let bytes = source.value().map_or(0, <[u8]>::len);
        let omit = rejected.omit_value || bytes + HEADROOM > self.max_bytes;
        if omit {
            letters.push_null(index, topic);
        } else {
            letters.push_source(index, topic);
        }
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
        if omit {
            self.text("value.omitted", bytes, letters);
        }
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
