//! The aggregator: applies what batches count, in offset order, publishes summaries and logs
//! reports.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message};

use super::Producer;
use super::messages::{Counted, Restore, Summary};
use super::reports::Reports;
use super::sabotage::Sabotage;
use crate::counts::{Applied, Counts, Tally};
use crate::flow::Report;
use crate::pipeline::{self, Compiled, Summary as Rule};
use crate::supervision::{Handle, Pulse};

/// The memory store: it lives outside the actor, so that a restart loses no count. It ends with
/// the process.
#[derive(Clone, Default)]
pub struct Store(Arc<Mutex<Tally>>);

impl Store {
    /// All counts of this instance.
    pub fn counts(&self) -> Counts {
        self.with(|tally| tally.counts())
    }

    /// How far each partition is counted, and what.
    pub fn tally(&self) -> Tally {
        self.with(|tally| tally.clone())
    }

    /// A batch is applied whole or not at all, so a panic elsewhere leaves nothing half done.
    fn with<T>(&self, act: impl FnOnce(&mut Tally) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What an aggregator is born with.
#[derive(Clone)]
pub struct Wiring {
    pub store: Store,
    pub pipeline: Compiled,
    pub producer: Handle<Producer>,
    pub reports: Reports,
}

/// Publish the last summary, if anything came since the one before, log the reports that are due
/// at shutdown, and end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PublishLast;

/// Applies whole batches only.
pub struct Aggregator {
    pulse: Pulse,
    wiring: Wiring,
    /// Records since the last summary.
    unpublished: u64,
    /// Those of them that were written to the output.
    emitted: u64,
}

impl Aggregator {
    pub fn new(pulse: Pulse, wiring: Wiring) -> Self {
        Aggregator {
            // What the one before had not published is not known: let it be published once more.
            unpublished: u64::from(pulse.incarnation().number() > 1),
            emitted: 0,
            pulse,
            wiring,
        }
    }

    fn rule(&self) -> Option<Rule> {
        self.wiring.pipeline.summary()
    }

    fn publish(&mut self) {
        let Some(rule) = self.rule() else {
            return;
        };
        if self.unpublished > 0 {
            self.unpublished = 0;
            self.emitted = 0;
            let counts = self.wiring.store.counts();
            // Where the producer is being replaced, the next summary says all of this too.
            let _ = self.wiring.producer.send(Summary {
                topic: rule.topic,
                value: self.wiring.pipeline.summarise(&counts).into_bytes(),
            });
        }
    }

    fn publish_when_due(&mut self, records: u64, emitted: u64) {
        self.unpublished += records;
        self.emitted += emitted;
        let is_due = |rule: Rule| rule.is_due(self.unpublished, self.emitted);
        if self.rule().is_some_and(is_due) {
            self.publish();
        }
    }

    /// A report may show what stands in records, which no other line of the log does (P10): the
    /// pipeline's file asks for it, and [the report](crate::pipeline::Report) makes it harmless.
    fn log(&self, report: &pipeline::Report) {
        for line in report.render_for_log(&self.wiring.store.counts()) {
            tracing::info!("{line}");
        }
    }

    fn log_last(&self) {
        let reports = self.wiring.pipeline.layout().reports().iter();
        for report in reports.filter(|report| report.at_shutdown()) {
            self.log(report);
        }
    }
}

impl Actor for Aggregator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let every = self.rule().and_then(|rule| rule.every_seconds);
        if let Some(seconds) = every {
            ctx.run_interval(Duration::from_secs(seconds), |actor, _| actor.publish());
        }
        for report in self.wiring.pipeline.layout().reports() {
            let report = report.clone();
            if let Some(seconds) = report.every_seconds() {
                // Also where nothing came: that a line says the same again is news.
                let every = Duration::from_secs(seconds);
                ctx.run_interval(every, move |actor, _| actor.log(&report));
            }
        }
    }
}

impl Handler<Counted> for Aggregator {
    type Result = ();

    /// An old generation's counts are void: its records are read again (P3).
    fn handle(&mut self, counted: Counted, _: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        let batch = counted.batch;
        if !batch.is_current() {
            return;
        }
        let range = batch.range();
        let apply = |tally: &mut Tally| {
            tally.apply(
                batch.partition(),
                range.base,
                range.next,
                range.count_from,
                &counted.delta,
            )
        };
        match self.wiring.store.with(apply) {
            Applied::Counted => {
                self.wiring.reports.send(Report::Counted(batch.id()));
                self.publish_when_due(batch.records().len() as u64, counted.emitted);
            }
            Applied::AlreadyCounted => self.wiring.reports.send(Report::Counted(batch.id())),
            Applied::Gap => self.wiring.reports.send(Report::Gap(batch.id())),
        }
    }
}

impl Handler<Restore> for Aggregator {
    type Result = ();

    /// Counts of older generations are void from here on, so the answer holds until the partition
    /// is read.
    fn handle(&mut self, restore: Restore, _: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        let next_offset = self
            .wiring
            .store
            .with(|tally| tally.begin(restore.partition, restore.start));
        self.wiring.reports.send(Report::Restored {
            partition: restore.partition,
            generation: restore.lease.generation(),
            next_offset,
        });
    }
}

impl Handler<PublishLast> for Aggregator {
    type Result = ();

    fn handle(&mut self, _: PublishLast, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.publish();
        self.log_last();
        ctx.stop();
    }
}

impl Handler<Sabotage> for Aggregator {
    type Result = ();

    fn handle(&mut self, order: Sabotage, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        if order.strike() {
            ctx.stop();
        }
    }
}
