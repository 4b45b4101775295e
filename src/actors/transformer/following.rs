//! What a transformer notes of traced records as it works through a batch.

use std::iter::Peekable;
use std::vec;

use crate::flow::intake::Dispatch;
use crate::pipeline::{ErrorType, Worker};
use crate::record::Outgoing;
use crate::supervision::unix_nanos;
use crate::telemetry::traces::Tracer;
use crate::trace::{End, Journey};

/// Follows the traced records of one part of a batch. The others cost a comparison each.
pub struct Following<'a> {
    tracer: &'a Tracer,
    dispatch: &'a Dispatch,
    /// The places of the traced records that are still to come.
    to_come: Peekable<vec::IntoIter<usize>>,
    /// The record at hand is traced.
    traced: bool,
}

impl<'a> Following<'a> {
    pub fn new(tracer: &'a Tracer, dispatch: &'a Dispatch) -> Self {
        let mut to_come = dispatch.batch.log().indices();
        to_come.retain(|index| dispatch.part().places().hold(*index));
        Following {
            tracer,
            dispatch,
            to_come: to_come.into_iter().peekable(),
            traced: false,
        }
    }

    /// The worker comes to the record at `index`.
    pub fn begin(&mut self, index: usize, worker: &mut Worker) {
        self.traced = self.to_come.next_if_eq(&index).is_some();
        let clock: Option<fn() -> u64> = self.traced.then_some(unix_nanos);
        worker.stopwatch().start(clock);
        if self.traced {
            let now = unix_nanos();
            self.note(index, |journey, by| {
                journey.begin(by.worker(), by.incarnation, now);
            });
        }
    }

    /// The worker has written the record's result, where it has one: the last of `outputs`.
    pub fn finish(
        &mut self,
        index: usize,
        worker: &mut Worker,
        outputs: &mut Outgoing,
        written: bool,
    ) {
        if !self.traced {
            return;
        }
        let now = unix_nanos();
        let end = match outputs.last_topic().filter(|_| written) {
            Some(topic) => End::Output(topic),
            None => End::Filtered,
        };
        self.note(index, |journey, by| {
            journey.finish(by.incarnation, now, worker.stopwatch().laps(), end);
        });
        let onward = self.dispatch.batch.log().onward(index);
        if let Some(context) = onward.filter(|_| written) {
            outputs.set_traceparent(&context.to_header());
        }
    }

    /// The record was rejected: that is always traced, unless too many are. What was not timed is
    /// taken to have begun with the batch.
    pub fn reject(&self, index: usize, error_type: ErrorType) {
        if !self.tracer.is_on() {
            return;
        }
        let (batch, now) = (&self.dispatch.batch, unix_nanos());
        self.tracer.insist(batch, index, now);
        let begun = self.dispatch.part().begun();
        self.note(index, |journey, by| {
            journey.begin_unless_begun(by.worker(), by.incarnation, begun);
            let end = End::Rejected {
                error_type: error_type.as_str(),
                letter: None,
            };
            journey.finish(by.incarnation, now, &[], end);
            journey.end = end;
        });
    }

    fn note(&self, index: usize, write: impl FnOnce(&mut Journey, &Dispatch)) {
        let log = self.dispatch.batch.log();
        log.note(index, |journey| write(journey, self.dispatch));
    }
}
