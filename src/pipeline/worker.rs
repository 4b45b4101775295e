//! The work on one record.

use std::sync::Arc;

use super::compiled::{Inner, OUTPUT};
use super::count::Of;
use super::event::{Event, Unreadable};
use super::outcome::{ErrorRecord, ErrorType, FilterReason, Outcome, Refusal, Rejection, Stop};
use super::spec::{Others, Stage, Tombstones};
use super::steps::Context;
use super::time::{Now, Stamp};
use crate::counts::Accumulator;
use crate::record::{Outgoing, Record};
use crate::trace::Stopwatch;

/// What stands for a step in the errors of values that cannot be read.
const READING: &str = "read";

/// Works on records, one at a time, in buffers that it keeps: the usual record allocates nothing.
#[derive(Debug)]
pub struct Worker {
    pipeline: Arc<Inner>,
    event: Event,
    stopwatch: Stopwatch,
    stamp: Stamp,
}

/// A record at work.
struct Work<'a> {
    pipeline: &'a Inner,
    context: Context<'a>,
    event: &'a mut Event,
    stopwatch: &'a mut Stopwatch,
    value: Option<&'a [u8]>,
    /// The record's place in its batch.
    index: usize,
    out: &'a mut Outgoing,
}

/// The end of a record's way before it was written: at a step, or, where there is none, at reading.
struct End {
    stage: Option<usize>,
    stop: Stop,
}

impl Worker {
    pub(super) fn new(pipeline: Arc<Inner>) -> Self {
        Worker {
            pipeline,
            event: Event::default(),
            stopwatch: Stopwatch::default(),
            stamp: Stamp::default(),
        }
    }

    /// Takes the times of the next record's steps, where it is given a clock.
    pub fn stopwatch(&mut self) -> &mut Stopwatch {
        &mut self.stopwatch
    }

    /// Works on a record, the `index`th of its batch, and appends to `out` what it becomes: its
    /// result, or, where it is filtered and the pipeline has a topic for that, the record of it.
    /// Without `counts` the record is not counted (it was before: P11).
    pub fn process(
        &mut self,
        record: Record<'_>,
        index: usize,
        now: Now,
        out: &mut Outgoing,
        counts: Option<&mut Accumulator>,
    ) -> Outcome {
        let work = Work {
            context: self.pipeline.context(now, &self.stamp),
            pipeline: &self.pipeline,
            event: &mut self.event,
            stopwatch: &mut self.stopwatch,
            value: record.value(),
            index,
            out,
        };
        let outcome = work.run();
        if let Some(counts) = counts {
            self.count(&outcome, counts);
        }
        outcome
    }

    /// Counts a record that something other than the pipeline rejected.
    pub fn count_rejected(&self, error_type: ErrorType, counts: &mut Accumulator) {
        for count in self.pipeline.counts(Of::Rejected) {
            counts.add(&[&count.name, error_type.as_str()]);
        }
    }

    fn count(&self, outcome: &Outcome, counts: &mut Accumulator) {
        match outcome {
            Outcome::Emitted => {
                for count in self.pipeline.counts(Of::Emitted) {
                    count.add(&self.event, self.pipeline.zone, counts);
                }
            }
            Outcome::Filtered(_) => {
                for count in self.pipeline.counts(Of::Filtered) {
                    counts.add(&[&count.name]);
                }
            }
            Outcome::Rejected(rejection) => self.count_rejected(rejection.error_type, counts),
        }
    }
}

impl Work<'_> {
    fn run(mut self) -> Outcome {
        let ended = match self.value {
            None if self.pipeline.spec.tombstones == Tombstones::Pass => {
                self.event.clear(self.context.names);
                self.out.push_source(self.index, OUTPUT);
                return Outcome::Emitted;
            }
            None => Err(self.refuse_tombstone()),
            Some(value) => self.read(value).and_then(|()| self.apply_steps()),
        };
        match ended {
            Ok(()) => self.emit(),
            Err(end) => self.end(end),
        }
    }

    fn refuse_tombstone(&mut self) -> End {
        self.event.clear(self.context.names);
        let detail = "the value is null".to_owned();
        End::at_reading(Stop::rejected(ErrorType::Tombstone, detail))
    }

    fn read(&mut self, value: &[u8]) -> Result<(), End> {
        let read = self.event.read(value, self.context.names);
        read.map_err(|unreadable| {
            End::at_reading(match unreadable {
                Unreadable::Malformed(malformed) => {
                    let detail = format!("byte {}: {}", malformed.at, malformed.what);
                    Stop::rejected(ErrorType::InvalidJson, detail)
                }
                Unreadable::NotAnObject(_) if self.pipeline.spec.others == Others::Filter => {
                    Stop::Filtered
                }
                Unreadable::NotAnObject(kind) => {
                    let detail = format!("the value is {}, not object", kind.as_str());
                    Stop::rejected(ErrorType::NotAnObject, detail)
                }
            })
        })
    }

    fn apply_steps(&mut self) -> Result<(), End> {
        for (index, stage) in self.pipeline.spec.stages.iter().enumerate() {
            if stage.is_left_out(self.event) {
                continue;
            }
            let applied = stage.step.apply(self.event, &self.context);
            self.stopwatch.lap(index);
            applied.map_err(|stop| End {
                stage: Some(index),
                stop,
            })?;
        }
        Ok(())
    }

    fn emit(self) -> Outcome {
        let buffer = self.out.buffer();
        let start = buffer.len();
        self.event.write(self.context.names, buffer);
        self.out.push_written(self.index, OUTPUT, start);
        Outcome::Emitted
    }

    fn end(self, End { stage, stop }: End) -> Outcome {
        match stop {
            Stop::Filtered => {
                let reason = stage.map_or(0, |index| index + 1);
                self.filter(FilterReason(
                    u32::try_from(reason).expect("a file is shorter than 4 GiB"),
                ))
            }
            Stop::Rejected(refusal) => {
                let stage = stage.map(|index| &self.pipeline.spec.stages[index]);
                self.reject(stage, refusal)
            }
        }
    }

    fn filter(self, reason: FilterReason) -> Outcome {
        if let Some((side, topic)) = self.pipeline.filtered() {
            let said = self.pipeline.said(reason);
            let buffer = self.out.buffer();
            let start = buffer.len();
            side.write(self.event, said, &self.context, buffer);
            self.out.push_written(self.index, topic, start);
        }
        Outcome::Filtered(reason)
    }

    fn reject(self, stage: Option<&Stage>, refusal: Refusal) -> Outcome {
        let record = self.error_record(stage, &refusal);
        Outcome::Rejected(Rejection {
            error_type: refusal.error_type,
            step: stage.map_or_else(|| READING.into(), |stage| stage.name.clone()),
            detail: refusal.detail,
            record,
        })
    }

    /// What the errors topic gets, if the pipeline says in which words. Bytes that are no text have
    /// no words.
    fn error_record(self, stage: Option<&Stage>, refusal: &Refusal) -> Option<ErrorRecord> {
        let errors = self.pipeline.spec.errors.as_ref()?;
        let reason = match stage {
            Some(stage) => stage.reason.as_ref(),
            None => errors.reading(refusal.error_type),
        };
        let is_text = || str::from_utf8(self.value.unwrap_or_default()).is_ok();
        let reason = reason.filter(|_| is_text())?;
        let said = reason.fill(refusal, self.context.names);
        let mut record = Vec::new();
        errors
            .side
            .write(self.event, &said, &self.context, &mut record);
        Some(ErrorRecord(record))
    }
}

impl End {
    fn at_reading(stop: Stop) -> Self {
        End { stage: None, stop }
    }
}

#[cfg(test)]
mod tests;
