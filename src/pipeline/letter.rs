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
