//! The producer: hands to librdkafka what the workers made, and reports what was acknowledged.

use std::time::Duration;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};

use super::messages::{Allow, Close, DeadLetters, Fence, Processed, Summary};
use super::reports::Reports;
use super::sabotage::Sabotage;
use super::{Complaints, Fences};
use crate::failpoint::{self, Stage};
use crate::flow::outbox::{Outbox, Ticket};
use crate::flow::{Refusal, Report};
use crate::kafka::{self, Class, ClientError, Code, NewRecord, Receipt, SendError, Tag};
use crate::status::{Board, Latch};
use crate::supervision::{Pulse, unix_nanos};
use committer::Progress;
use sending::send_piece;
use summaries::Summaries;

mod committer;
mod exactly_once;
mod receipts;
mod sending;
mod summaries;

pub use committer::{AtLeastOnce, Committer};
pub use exactly_once::{ExactlyOnce, Terms};

/// Where the broker refuses us for good it is asked again so often: somebody may grant the right.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Where the broker was not reached the committer tries again so often.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// The ticket of what belongs to no batch: summaries.
const NO_BATCH: Ticket = 0;

/// What a producer is born with.
#[derive(Clone)]
pub struct Wiring {
    pub kafka: kafka::Settings,
    pub topics: Vec<OutputTopic>,
    pub reports: Reports,
    pub board: Board,
    pub fences: Fences,
    /// For what librdkafka still holds when all others have ended (P8).
    pub flush: Duration,
}

/// A topic that is written to.
#[derive(Clone, Debug)]
pub struct OutputTopic {
    pub name: String,
    pub partitions: i32,
}

impl OutputTopic {
    /// A topic of one partition.
    pub fn log(name: &str) -> Self {
        OutputTopic {
            name: name.to_owned(),
            partitions: 1,
        }
    }
}

/// Sends in the outbox's order; what librdkafka has no room for waits there.
pub struct Producer {
    pulse: Pulse,
    wiring: Wiring,
    outbox: Outbox,
    committer: Box<dyn Committer>,
    client: Option<kafka::Producer>,
    /// The committer waits to try again.
    again: Option<SpawnHandle>,
    /// The broker has refused us; readiness says so until it takes a record.
    refused: bool,
    summaries: Summaries,
    complaints: Complaints,
}

/// What librdkafka's own thread has to say.
#[derive(Message)]
#[rtype(result = "()")]
enum Told {
    Receipts(Vec<Receipt>),
    Error(ClientError),
}

/// Send what is left, then end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Producer {
    pub fn new(pulse: Pulse, wiring: Wiring, committer: Box<dyn Committer>) -> Self {
        Producer {
            pulse,
            wiring,
            outbox: Outbox::default(),
            committer,
            client: None,
            again: None,
            refused: false,
            summaries: Summaries::default(),
            complaints: Complaints::default(),
        }
    }

    fn connect(&mut self, me: Addr<Producer>) -> Result<(), String> {
        let topics: Vec<&str> = self
            .wiring
            .topics
            .iter()
            .map(|topic| topic.name.as_str())
            .collect();
        let tell = move |report: kafka::Report<'_>| {
            let told = match report {
                kafka::Report::Receipts(receipts) => Told::Receipts(receipts.to_vec()),
                kafka::Report::Error(error) => Told::Error(error),
            };
            // Fails where the actor is gone: its successor rewinds.
            let _ = me.try_send(told);
        };
        let client = kafka::Producer::new(&self.wiring.kafka, &topics, tell);
        self.client = Some(client.map_err(|error| error.to_string())?);
        self.committer.renewed();
        if !self.refused {
            self.wiring.board.ready(Latch::Producer);
        }
        Ok(())
    }

    /// Sends as far as librdkafka has room, and commits what is due. What it refuses for good ends
    /// the actor.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        loop {
            let sent = self.send_waiting();
            self.report();
            match sent.and_then(|()| self.advance(ctx)) {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => return self.fail(ctx, reason),
            }
        }
        self.report();
    }

    /// Whether more may be sent now.
    fn advance(&mut self, ctx: &mut Context<Self>) -> Result<bool, String> {
        let (Some(client), None) = (&self.client, self.again) else {
            return Ok(false);
        };
        match self.committer.advance(client, &mut self.outbox) {
            Ok(Progress::Rests) => Ok(false),
            Ok(Progress::Moved) => Ok(true),
            Ok(Progress::Again(error)) => {
                self.complaints.trouble(&error);
                let again = ctx.run_later(TRY_AGAIN, |producer, ctx| {
                    producer.again = None;
                    producer.pump(ctx);
                });
                self.again = Some(again);
                Ok(false)
            }
            Err(error) => self.client_error(error, ctx).map(|()| false),
        }
    }

    fn send_waiting(&mut self) -> Result<(), String> {
        let Some(client) = &self.client else {
            return Ok(());
        };
        let committer = &mut self.committer;
        while let Some(next) = self.outbox.next_piece(|batch| committer.admits(batch)) {
            let ticket = next.ticket;
            let begun = unix_nanos();
            next.batch.log().pass(next.kind.handed(), || begun);
            committer.sending(next.batch);
            failpoint::before(Stage::Produce);
            let (upto, stopped) = send_piece(client, &self.wiring.topics, &next);
            failpoint::after(Stage::Produce);
            self.outbox.begun(ticket, begun);
            self.outbox.handed(ticket, upto);
            match stopped {
                None => {}
                Some(SendError::QueueFull) => return Ok(()),
                // Its error event says why, and what is to be done.
                Some(SendError::Fatal(_)) => return Ok(()),
                Some(SendError::Aborting) => {
                    committer.abort();
                    return Ok(());
                }
                Some(SendError::TooLarge) => self.outbox.refused(ticket, upto, Refusal::TooLarge),
                Some(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    fn report(&mut self) {
        for batch in self.outbox.take_delivered() {
            self.committer.acknowledged(&batch);
        }
        for report in self.outbox.take_reports() {
            self.wiring.reports.send(report);
        }
    }

    /// No trying mends this, and a crash loop neither: the client is given up, readiness says what
    /// is missing, and after a while all that is unsettled is read and sent again (P6).
    fn refused(&mut self, ctx: &mut Context<Self>, missing: &str) {
        self.wiring.board.not_ready(Latch::Producer, missing);
        self.refused = true;
        if self.client.take().is_some() {
            ctx.run_later(ASK_AGAIN, |producer, ctx| {
                match producer.connect(ctx.address()) {
                    Ok(()) => {
                        producer.wiring.reports.send(Report::Rewind);
                        producer.pump(ctx);
                    }
                    Err(reason) => producer.fail(ctx, reason),
                }
            });
        }
    }

    fn fail(&mut self, ctx: &mut Context<Self>, reason: String) {
        self.wiring.board.not_ready(Latch::Producer, &reason);
        self.pulse.fail(reason);
        ctx.stop();
    }
}

impl Actor for Producer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match self.connect(ctx.address()) {
            Ok(()) => self.pump(ctx),
            Err(reason) => self.fail(ctx, reason),
        }
    }
}

impl Handler<Processed> for Producer {
    type Result = ();

    fn handle(&mut self, done: Processed, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.outbox
            .processed(done.batch, done.outputs, done.rejected);
        self.pump(ctx);
    }
}

impl Handler<DeadLetters> for Producer {
    type Result = ();

    fn handle(&mut self, dead: DeadLetters, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.outbox.dead_letters(dead.batch, dead.letters);
        self.pump(ctx);
    }
}

impl Handler<Told> for Producer {
    type Result = ();

    fn handle(&mut self, told: Told, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        let outcome = match told {
            Told::Receipts(receipts) => self.receipts(&receipts, ctx),
            Told::Error(error) => self.client_error(error, ctx),
        };
        match outcome {
            Ok(()) => self.pump(ctx),
            Err(reason) => self.fail(ctx, reason),
        }
    }
}

impl Producer {
    /// Transient errors are librdkafka's to mend; those that no trying mends fail readiness.
    fn client_error(&mut self, error: ClientError, ctx: &mut Context<Self>) -> Result<(), String> {
        match error.class() {
            Class::Transient => self.complaints.trouble(&error),
            Class::Final(missing) => {
                self.complaints.refusal(&error, missing);
                self.refused(ctx, missing);
            }
            Class::Fenced | Class::Barred => {
                return Err(self.wiring.fences.reason(&error, &self.pulse));
            }
            Class::Fatal => return Err(error.to_string()),
        }
        Ok(())
    }
}

impl Handler<Fence> for Producer {
    type Result = ();

    /// What librdkafka holds of an ended generation is given up with the client.
    fn handle(&mut self, _: Fence, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        if self.committer.fence(&mut self.outbox) && self.client.is_some() {
            self.client = None;
            if let Err(reason) = self.connect(ctx.address()) {
                return self.fail(ctx, reason);
            }
        }
        self.pump(ctx);
    }
}

impl Handler<Close> for Producer {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.committer.close();
        self.pump(ctx);
    }
}

impl Handler<Allow> for Producer {
    type Result = ();

    fn handle(&mut self, allow: Allow, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        self.committer.allow(allow.transaction, allow.membership);
        self.pump(ctx);
    }
}

impl Handler<Summary> for Producer {
    type Result = ();

    /// A summary says everything since the beginning, so one that cannot be sent is made good by
    /// the next, unless that is too large for its topic, too.
    fn handle(&mut self, summary: Summary, _: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        let Some(client) = &self.client else { return };
        let bytes = summary.value.len();
        if !self.summaries.may_send(bytes) {
            return self.complaints.unsent(Code::MessageSizeTooLarge, bytes);
        }
        if !self.committer.sending_summary() {
            return;
        }
        self.summaries.sent(bytes);
        let record = NewRecord::new(None, Some(&summary.value));
        let tag = Tag::new(NO_BATCH, 0);
        if let Err(error) = client.send(usize::from(summary.topic), Some(0), record, tag) {
            self.complaints.unsent(error.code(), bytes);
        }
    }
}

impl Handler<Flush> for Producer {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        let pulse = self.pulse.clone();
        let _waiting = pulse.waiting();
        if let Some(client) = &self.client
            && let Err(reason) = self.committer.finish(client, self.wiring.flush)
        {
            self.pulse.fail(reason);
        }
        ctx.stop();
    }
}

impl Handler<Sabotage> for Producer {
    type Result = ();

    fn handle(&mut self, order: Sabotage, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        if order.strike() {
            ctx.stop();
        }
    }
}
