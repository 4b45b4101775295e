//! The work on one record.

use std::sync::Arc;

use super::compiled::{Inner, OUTPUT};
use super::count::Of;
use super::event::{Event, Unreadable};
use super::outcome::{ErrorType, FilterReason, Outcome, Rejection, Stop};
use super::spec::{Others, Tombstones};
use super::steps::Context;
use super::time::Now;
use crate::counts::Accumulator;
use crate::record::{Outgoing, Record};

/// What stands for a step in the errors of values that cannot be read.
const READING: &str = "read";

/// Works on records, one at a time, in buffers that it keeps: the usual record allocates nothing.
#[derive(Debug)]
pub struct Worker {
    pipeline: Arc<Inner>,
    reading: Arc<str>,
    event: Event,
}

impl Worker {
    pub(super) fn new(pipeline: Arc<Inner>) -> Self {
        Worker {
            pipeline,
            reading: READING.into(),
            event: Event::default(),
        }
    }

    /// Works on a record, the `index`th of its batch, and appends its result to `out` if it has
    /// one. Without `counts` the record is not counted (it was before: P11).
    pub fn process(
        &mut self,
        record: Record<'_>,
        index: usize,
        now: Now,
        out: &mut Outgoing,
        counts: Option<&mut Accumulator>,
    ) -> Outcome {
        let outcome = match record.value() {
            Some(value) => self.work(value, index, now, out),
            None => self.pass_tombstone(index, out),
        };
        if let Some(counts) = counts {
            self.count(&outcome, record.value().is_some(), counts);
        }
        outcome
    }

    /// Counts a record that something other than the pipeline rejected.
    pub fn count_rejected(&self, error_type: ErrorType, counts: &mut Accumulator) {
        for count in self.pipeline.counts(Of::Rejected) {
            counts.add(&[&count.name, error_type.as_str()]);
        }
    }

    fn pass_tombstone(&self, index: usize, out: &mut Outgoing) -> Outcome {
        match self.pipeline.spec.tombstones {
            Tombstones::Pass => {
                out.push_source(index, OUTPUT);
                Outcome::Emitted
            }
            Tombstones::Reject => {
                self.unreadable(ErrorType::Tombstone, "the value is null".to_owned())
            }
        }
    }

    fn work(&mut self, value: &[u8], index: usize, now: Now, out: &mut Outgoing) -> Outcome {
        let names = &self.pipeline.spec.names;
        if let Err(error) = self.event.read(value, names) {
            return self.refuse(error);
        }
        if let Err((step, stop)) = self.apply_steps(now) {
            return self.stopped(step, stop);
        }
        let buffer = out.buffer();
        let start = buffer.len();
        self.event.write(&self.pipeline.spec.names, buffer);
        out.push_written(index, OUTPUT, start);
        Outcome::Emitted
    }

    fn apply_steps(&mut self, now: Now) -> Result<(), (usize, Stop)> {
        let pipeline = &*self.pipeline;
        let context = Context {
            names: &pipeline.spec.names,
            masking: pipeline.masking.as_ref(),
            zone: pipeline.zone,
            now,
        };
        for (index, stage) in pipeline.spec.stages.iter().enumerate() {
            let applied = stage.step.apply(&mut self.event, &context);
            applied.map_err(|stop| (index, stop))?;
        }
        Ok(())
    }

    fn stopped(&self, step: usize, stop: Stop) -> Outcome {
        match stop {
            Stop::Filtered => {
                let reason = u32::try_from(step + 1).expect("a file is shorter than 4 GiB");
                Outcome::Filtered(FilterReason(reason))
            }
            Stop::Rejected(error_type, detail) => Outcome::Rejected(Rejection {
                error_type,
                step: self.pipeline.spec.stages[step].name.clone(),
                detail,
            }),
        }
    }

    fn refuse(&self, error: Unreadable) -> Outcome {
        match error {
            Unreadable::Malformed(malformed) => {
                let detail = format!("byte {}: {}", malformed.at, malformed.what);
                self.unreadable(ErrorType::InvalidJson, detail)
            }
            Unreadable::NotAnObject(_) if self.pipeline.spec.others == Others::Filter => {
                Outcome::Filtered(FilterReason(0))
            }
            Unreadable::NotAnObject(kind) => {
                let detail = format!("the value is {}, not object", kind.as_str());
                self.unreadable(ErrorType::NotAnObject, detail)
            }
        }
    }

    fn unreadable(&self, error_type: ErrorType, detail: String) -> Outcome {
        let step = self.reading.clone();
        Outcome::Rejected(Rejection {
            error_type,
            step,
            detail,
        })
    }

    fn count(&self, outcome: &Outcome, has_value: bool, counts: &mut Accumulator) {
        match outcome {
            Outcome::Emitted => self.count_emitted(has_value, counts),
            Outcome::Filtered(_) => {
                for count in self.pipeline.counts(Of::Filtered) {
                    counts.add(&[&count.name]);
                }
            }
            Outcome::Rejected(rejection) => self.count_rejected(rejection.error_type, counts),
        }
    }

    /// A tombstone counts in the totals only.
    fn count_emitted(&self, has_value: bool, counts: &mut Accumulator) {
        for count in self.pipeline.counts(Of::Emitted) {
            if has_value || count.is_total() {
                count.add(&self.event, self.pipeline.zone, counts);
            }
        }
    }
}

#[cfg(test)]
mod tests;
