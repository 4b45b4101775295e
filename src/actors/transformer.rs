//! The transformer: one of the workers among which partitions are shared out.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler};

use super::messages::{Counted, Processed, Rejected, RejectedRecord, Work};
use super::sabotage::{Poison, Sabotage};
use super::{Aggregator, ErrorRouter, Producer};
use crate::counts::{Accumulator, Delta};
use crate::failpoint::{self, Stage};
use crate::flow::batch::Places;
use crate::flow::intake::Dispatch;
use crate::flow::{Batch, Bench, Outcomes, Suspicion};
use crate::pipeline::{Compiled, ErrorType, FilterReason, Now, Outcome, Rejection, Worker};
use crate::record::{Outgoing, Record};
use crate::status::Board;
use crate::supervision::{Clock, Handle, Pulse, SystemClock, unix_nanos};
use crate::telemetry::traces::Tracer;

mod following;

use following::Following;

/// Whom a transformer hands its results to, and how it treats suspects.
#[derive(Clone)]
pub struct Wiring {
    pub pipeline: Compiled,
    pub producer: Handle<Producer>,
    pub error_router: Handle<ErrorRouter>,
    pub aggregator: Handle<Aggregator>,
    pub board: Board,
    pub tracer: Tracer,
    /// So many workers may die at a record before it becomes a dead letter (P5).
    pub max_attempts: u32,
    pub poison: Option<Poison>,
    /// Where the batch in hand lies, for those who look after its death (P5).
    pub bench: Bench,
}

/// Works on its parts of batches, one by one; what it has not handed on when it dies is replayed to
/// its successor.
pub struct Transformer {
    pulse: Pulse,
    worker: Worker,
    counts: Accumulator,
    clock: SystemClock,
    /// Bytes written for each byte of memory that was read, in the part before.
    growth: f64,
    wiring: Wiring,
}

/// What working through a part of a batch has brought, besides the counts.
#[derive(Default)]
struct Results {
    outputs: Outgoing,
    rejected: Vec<RejectedRecord>,
    /// Of those whose outcome is to be told.
    produced: u64,
    filtered: Vec<(FilterReason, u64)>,
}

impl Transformer {
    pub fn new(pulse: Pulse, wiring: Wiring) -> Self {
        Transformer {
            pulse,
            worker: wiring.pipeline.worker(),
            counts: Accumulator::default(),
            clock: SystemClock::new(),
            growth: 0.0,
            wiring,
        }
    }

    /// None where the part was passed to another incarnation meanwhile.
    fn work(&mut self, dispatch: &Dispatch) -> Option<Results> {
        let _suspect = self.pulse.item();
        let records = dispatch.batch.records();
        match dispatch.part().places() {
            Places::All => self.work_through(dispatch, records.iter().enumerate()),
            Places::These(places) => {
                let places = places.iter().map(|place| *place as usize);
                let records = places.map(|place| (place, records.get(place)));
                self.work_through(dispatch, records)
            }
        }
    }

    /// `records` are those of the part, each with its place in the batch.
    fn work_through<'a>(
        &mut self,
        dispatch: &Dispatch,
        records: impl ExactSizeIterator<Item = (usize, Record<'a>)>,
    ) -> Option<Results> {
        let (batch, part) = (&dispatch.batch, dispatch.part());
        // One reading of the clock serves all of them.
        let now = unix_nanos();
        part.begin(now);
        let now = Now::from_unix_nanos(now);
        let tracer = self.wiring.tracer.clone();
        let mut following = Following::new(&tracer, dispatch);
        let share = records.len() as f64 / batch.records().len() as f64;
        let bytes = batch.records().bytes() as f64 * share;
        let mut results = Results {
            outputs: self.room(records.len(), bytes),
            ..Results::default()
        };
        let mut suspects = dispatch.suspects.iter().peekable();
        for (index, record) in records {
            if !part.begin_record(dispatch.incarnation, index) {
                return None;
            }
            let suspect = suspects.next_if(|(offset, _)| *offset == record.offset());
            let suspicion = suspect
                .map(|(_, suspicion)| suspicion.clone())
                .unwrap_or_default();
            let counted = record.offset() >= batch.range().count_from;
            following.begin(index, &mut self.worker);
            let outcome = match self.judge(&suspicion, counted) {
                Some(verdict) => Outcome::Rejected(verdict),
                None => {
                    let outputs = &mut results.outputs;
                    let before = outputs.len();
                    let outcome = self.process(record, index, now, counted, outputs);
                    let written = outputs.len() > before;
                    following.finish(index, &mut self.worker, outputs, written);
                    outcome
                }
            };
            if let Outcome::Rejected(rejection) = &outcome {
                following.reject(index, rejection.error_type);
            }
            let told = record.offset() >= batch.range().told_from;
            results.add(index, &suspicion, outcome, u64::from(told));
        }
        // A part may be empty.
        if bytes > 0.0 {
            self.growth = results.outputs.written() as f64 / bytes;
        }
        Some(results)
    }

    /// A buffer that doubled as it grew would be copied, and its pages touched, twice: room for so
    /// many records of so many bytes as the part before needed it, and an eighth more.
    fn room(&self, records: usize, bytes: f64) -> Outgoing {
        Outgoing::with_capacity(records, (bytes * self.growth * 1.125) as usize)
    }

    fn process(
        &mut self,
        record: Record<'_>,
        index: usize,
        now: Now,
        counted: bool,
        outputs: &mut Outgoing,
    ) -> Outcome {
        if let (Some(poison), Some(value)) = (self.wiring.poison, record.value())
            && let Some(order) = poison(value)
        {
            let _ = order.strike();
        }
        let counts = counted.then_some(&mut self.counts);
        self.worker.process(record, index, now, outputs, counts)
    }

    /// What is held against a record may be enough to reject it unseen.
    fn judge(&mut self, suspicion: &Suspicion, counted: bool) -> Option<Rejection> {
        let (error_type, detail) = if suspicion.attempts >= self.wiring.max_attempts {
            (
                ErrorType::Poison,
                suspicion.cause.as_deref().unwrap_or("hung").to_owned(),
            )
        } else if suspicion.too_large {
            let detail = "the output is larger than its topic takes".to_owned();
            (ErrorType::TooLarge, detail)
        } else {
            return None;
        };
        if counted {
            self.worker.count_rejected(error_type, &mut self.counts);
        }
        Some(Rejection {
            error_type,
            step: "deliver".into(),
            detail,
            record: None,
        })
    }

    /// The part is ours to hand on, or it is void (P3).
    fn hand_on(&mut self, dispatch: &Dispatch, mut results: Results) {
        let delta = self.counts.take();
        let (batch, part) = (&dispatch.batch, dispatch.part());
        if !batch.is_current() || !part.hand_on(dispatch.incarnation) {
            return;
        }
        part.close(self.outcomes(batch, &results));
        results.outputs.shrink_to_fit();
        self.send(batch, results, delta);
    }

    /// They are told once the batch is settled, and so once for each record.
    fn outcomes(&self, batch: &Batch, results: &Results) -> Outcomes {
        let mut outcomes = Outcomes {
            produced: results.produced,
            ..Outcomes::default()
        };
        for (reason, records) in &results.filtered {
            let reason = self.wiring.pipeline.reason(*reason);
            tracing::debug!(reason, records, "records were filtered");
            *outcomes.filtered.entry(reason.to_owned()).or_default() += records;
        }
        for record in &results.rejected {
            let offset = batch.records().get(record.index).offset();
            let error_type = record.rejection.error_type.as_str();
            let told = u64::from(offset >= batch.range().told_from);
            *outcomes.rejected.entry(error_type).or_default() += told;
        }
        outcomes
    }

    /// An actor that is gone is being replaced, and a rewind follows: nothing is lost with what
    /// cannot be sent.
    fn send(&self, batch: &Arc<Batch>, results: Results, delta: Delta) {
        let rejected = !results.rejected.is_empty();
        let _ = self.wiring.producer.send(Processed {
            batch: batch.clone(),
            outputs: results.outputs,
            rejected,
        });
        if rejected {
            let _ = self.wiring.error_router.send(Rejected {
                batch: batch.clone(),
                records: results.rejected,
            });
        }
        let _ = self.wiring.aggregator.send(Counted {
            batch: batch.clone(),
            delta,
        });
    }
}

impl Results {
    /// `told` is 1 where the record's outcome is to be told, else 0.
    fn add(&mut self, index: usize, suspicion: &Suspicion, outcome: Outcome, told: u64) {
        match outcome {
            Outcome::Emitted => self.produced += told,
            Outcome::Filtered(reason) => self.filter(reason, told),
            Outcome::Rejected(rejection) => self.reject(index, suspicion, rejection),
        }
    }

    fn filter(&mut self, reason: FilterReason, told: u64) {
        match self.filtered.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, records)) => *records += told,
            None => self.filtered.push((reason, told)),
        }
    }

    fn reject(&mut self, index: usize, suspicion: &Suspicion, rejection: Rejection) {
        let this = u32::from(rejection.error_type != ErrorType::Poison);
        self.rejected.push(RejectedRecord {
            index,
            attempts: suspicion.attempts + this,
            rejection,
            omit_value: suspicion.omit_value,
        });
    }
}

impl Actor for Transformer {
    type Context = Context<Self>;
}

impl Handler<Work> for Transformer {
    type Result = ();

    /// What was meant for an incarnation of before is replayed to this one.
    fn handle(&mut self, work: Work, _: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        let incarnation = self.pulse.incarnation().number();
        let Some(dispatch) = work.take_up() else {
            return;
        };
        if dispatch.incarnation != incarnation || !dispatch.batch.is_current() {
            return;
        }
        let bench = self.wiring.bench.clone();
        bench.take_up(dispatch.clone());
        let begun = self.clock.now();
        failpoint::before(Stage::Transform);
        match self.work(&dispatch) {
            Some(results) => {
                failpoint::after(Stage::Transform);
                self.hand_on(&dispatch, results);
            }
            None => drop(self.counts.take()),
        }
        bench.put_down(incarnation);
        let took = self.clock.now().since(begun);
        self.wiring.board.processed(took);
    }
}

impl Handler<Sabotage> for Transformer {
    type Result = ();

    fn handle(&mut self, order: Sabotage, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        if order.strike() {
            ctx.stop();
        }
    }
}
