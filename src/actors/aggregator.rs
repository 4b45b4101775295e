//! The aggregator: applies what batches count, in offset order, has the counts stored, publishes
//! summaries and logs reports.
//!
//! It never waits for the store: the keeper's thread does, and answers with a message.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message};

use super::Producer;
use super::books::{Books, lock};
use super::messages::{Counted, Fence, Hurry, Restore, Summary};
use super::reports::Reports;
use super::sabotage::Sabotage;
use crate::counts::{Applied, PartitionCounts, Saved, Tally};
use crate::flow::Report;
use crate::kafka::TopicPartition;
use crate::pipeline::{self, Compiled, Summary as Rule};
use crate::supervision::{Handle, Pulse, unix_nanos};
use crate::trace::Milestone;

/// What an aggregator is born with.
#[derive(Clone)]
pub struct Wiring {
    pub books: Books,
    /// Input topics; a partition's topic is an index into them.
    pub topics: Vec<String>,
    /// Counts are stored so often.
    pub every: Duration,
    pub pipeline: Compiled,
    pub producer: Handle<Producer>,
    pub reports: Reports,
}

/// Publish the last summary, if anything came since the one before, log the reports that are due
/// at shutdown, and end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PublishLast;

/// The store's answer to [`Restore`].
#[derive(Message)]
#[rtype(result = "()")]
struct Loaded {
    asked: Restore,
    stored: Option<PartitionCounts>,
}

/// The store's answers to the changes it was given.
#[derive(Message)]
#[rtype(result = "()")]
struct Stored(Vec<Saved>);

/// Applies whole batches only.
pub struct Aggregator {
    pulse: Pulse,
    wiring: Wiring,
    tally: Arc<Mutex<Tally>>,
    /// Records since the last summary.
    unpublished: u64,
    /// Those of them that were written to the output.
    emitted: u64,
    /// Partitions whose state is being loaded. A summary waits for them: it would fall back.
    restoring: usize,
    /// Counts were due to be stored while others were being stored.
    behind: bool,
    /// Somebody waits for counts to be stored.
    hurry: bool,
}

impl Aggregator {
    /// What the one before had not stored is counted again: nobody waits for its answers.
    pub fn new(pulse: Pulse, wiring: Wiring) -> Self {
        Aggregator {
            tally: wiring.books.begin(),
            // What the one before had not published is not known: let it be published once more.
            unpublished: u64::from(pulse.incarnation().number() > 1),
            emitted: 0,
            restoring: 0,
            behind: false,
            hurry: false,
            pulse,
            wiring,
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
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
            let counts = self.tally().counts();
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
        if self.restoring == 0 && self.rule().is_some_and(is_due) {
            self.publish();
        }
    }

    /// The time to store has come.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        if !self.wiring.books.keeper.is_alive() {
            self.pulse.fail("the counts' store panicked");
            return ctx.stop();
        }
        let behind = self.tally().is_saving();
        self.behind = behind;
        self.store(ctx);
    }

    /// Has stored what is not, unless something is being stored: then that comes first.
    fn store(&mut self, ctx: &mut Context<Self>) {
        let changes = self.tally().changes();
        if let Some(changes) = changes {
            let me = ctx.address();
            self.wiring.books.save(changes, move |saved| {
                // Fails where the actor is gone: its successor loads what was saved.
                let _ = me.try_send(Stored(saved));
            });
        }
    }

    fn report(&mut self) {
        let reports = self.tally().take_reports();
        for report in reports {
            self.wiring.reports.send(report);
        }
    }

    /// A report may show what stands in records, which no other line of the log does (P10): the
    /// pipeline's file asks for it, and [the report](crate::pipeline::Report) makes it harmless.
    fn log(&self, report: &pipeline::Report) {
        for line in report.render_for_log(&self.tally().counts()) {
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
        ctx.run_interval(self.wiring.every, |actor, ctx| actor.tick(ctx));
        let every = self.rule().and_then(|rule| rule.every_seconds);
        if let Some(seconds) = every {
            ctx.run_interval(Duration::from_secs(seconds), |actor, _| {
                if actor.restoring == 0 {
                    actor.publish();
                }
            });
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
    fn handle(&mut self, Counted { batch, delta }: Counted, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        batch.log().pass(Milestone::CountBegun, unix_nanos);
        let (applied, heavy) = {
            let mut tally = self.tally();
            let hold = tally.is_saving() && (self.behind || tally.is_heavy());
            (tally.count(&batch, delta, hold), tally.is_heavy())
        };
        if applied == Applied::Gathered {
            return;
        }
        batch.log().pass(Milestone::Counted, unix_nanos);
        if heavy || self.hurry {
            self.store(ctx);
        }
        self.report();
        if applied == Applied::Counted {
            self.publish_when_due(batch.records().len() as u64, batch.produced());
        }
    }
}

impl Handler<Stored> for Aggregator {
    type Result = ();

    fn handle(&mut self, Stored(saved): Stored, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        let heavy = {
            let mut tally = self.tally();
            tally.saved(&saved);
            tally.is_heavy()
        };
        self.report();
        if std::mem::take(&mut self.behind) || heavy || self.hurry {
            self.store(ctx);
        }
    }
}

impl Handler<Restore> for Aggregator {
    type Result = ();

    fn handle(&mut self, asked: Restore, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.restoring += 1;
        let topic = &self.wiring.topics[usize::from(asked.partition.topic)];
        let named = TopicPartition::new(topic, asked.partition.id);
        let me = ctx.address();
        self.wiring.books.keeper.load(named, move |stored| {
            // Fails where the actor is gone: a rewind asks its successor.
            let _ = me.try_send(Loaded { asked, stored });
        });
    }
}

impl Handler<Loaded> for Aggregator {
    type Result = ();

    fn handle(&mut self, Loaded { asked, stored }: Loaded, _: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.restoring -= 1;
        let Restore {
            partition,
            lease,
            start,
        } = asked;
        if let Some(state) = stored.as_ref().filter(|state| state.next_offset < start) {
            let topic = &self.wiring.topics[usize::from(partition.topic)];
            tracing::error!(
                partition = %TopicPartition::new(topic, partition.id),
                generation = lease.generation().0,
                from = state.next_offset,
                to = start,
                "records that were settled are not in the stored counts: did the store lose its last writes?"
            );
        }
        let generation = lease.generation();
        let restored = self.tally().restore(partition, lease, start, stored);
        if let Some(next_offset) = restored {
            self.wiring.reports.send(Report::Restored {
                partition,
                generation,
                next_offset,
            });
        }
        self.publish_when_due(0, 0);
    }
}

impl Handler<Fence> for Aggregator {
    type Result = ();

    fn handle(&mut self, _: Fence, _: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.hurry = false;
        self.tally().fence();
    }
}

impl Handler<Hurry> for Aggregator {
    type Result = ();

    fn handle(&mut self, _: Hurry, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.hurry = true;
        self.store(ctx);
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
