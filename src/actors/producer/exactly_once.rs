//! Exactly-once: results, dead letters, summaries, input offsets and, where they are kept in Kafka,
//! counts in one transaction (P12).
//!
//! ```text
//!   records ─▶ transaction ──close──▶ all acknowledged ──Whole──▶ consumer: all counted, ours?
//!                  ▲                                                        │
//!                  └── next ◀──Committed── counts, offsets, commit ◀──Allow─┘
//! ```
//!
//! The client waits for brokers here, on the actor's own thread: while a transaction ends, nothing
//! may be sent. Deliveries are collected on the client's thread meanwhile.

use std::time::Duration;

use super::committer::{Committer, Progress};
use crate::actors::books::Books;
use crate::actors::reports::Reports;
use crate::counts::Draft;
use crate::failpoint::{self, Stage};
use crate::flow::transaction::{Ended, Step};
use crate::flow::{Batch, End, Outbox, Partition, Report, Transaction};
use crate::kafka::{
    self, Class, ClientError, Code, Membership, Remedy, TopicPartition, TransactionError,
};
use crate::status::{Board, Latch};
use crate::supervision::{Clock, Moment, Pulse, SystemClock, unix_nanos};
use crate::telemetry::traces::Tracer;

/// For one call. The broker is asked again after it; in between the actor hears of leases that are
/// over.
const CALL: Duration = Duration::from_secs(5);

/// What transactions are made with.
#[derive(Clone)]
pub struct Terms {
    /// Input topics; a partition's topic is an index into them.
    pub inputs: Vec<String>,
    pub books: Books,
    /// The index of the counts' topic among the client's, if it has one.
    pub counts: usize,
    /// A transaction that lasts longer is aborted, before the broker does it.
    pub longest: Duration,
    pub reports: Reports,
    pub board: Board,
    pub tracer: Tracer,
}

/// What is committed is final; until then nobody sees it.
pub struct ExactlyOnce {
    terms: Terms,
    pulse: Pulse,
    clock: SystemClock,
    transaction: Transaction,
    /// Who we were when the commit was allowed.
    membership: Option<Membership>,
    /// The counts that were written in it.
    draft: Draft,
    /// It was not reached for that; readiness says so.
    waits: bool,
}

impl ExactlyOnce {
    pub fn new(pulse: Pulse, terms: Terms) -> Self {
        let incarnation = pulse.incarnation();
        // No answer meant for an incarnation of before may fit.
        let first = incarnation.number() << 32;
        ExactlyOnce {
            transaction: Transaction::new(first, terms.longest, !incarnation.is_first()),
            pulse,
            terms,
            clock: SystemClock::new(),
            membership: None,
            draft: Draft::default(),
            waits: false,
        }
    }

    /// Takes the transactional id. Only then it is known what became of a transaction that an
    /// incarnation before this one has left. Of one that another process has left nobody here has
    /// read anything: offsets are handed out once they are decided.
    fn begin(&mut self, client: &kafka::Producer) -> Result<(), TransactionError> {
        let _waiting = self.pulse.waiting();
        client.init_transactions(CALL)?;
        client.begin_transaction()?;
        if std::mem::take(&mut self.waits) {
            self.terms.board.ready(Latch::Producer);
        }
        if self.transaction.begin(self.now()) {
            self.terms.reports.send(Report::Undecided);
        }
        Ok(())
    }

    fn take_step(&mut self, client: &kafka::Producer, step: &Step) -> Result<(), TransactionError> {
        let pulse = self.pulse.clone();
        let _waiting = pulse.waiting();
        match step {
            Step::StoreCounts(ends) => self.store_counts(client, ends),
            Step::SendOffsets(offsets) => {
                let membership = self.membership.as_ref();
                let membership = membership.expect("no commit is allowed without one");
                failpoint::around(Stage::SendOffsets, || {
                    client.send_offsets(&self.named(offsets), membership, CALL)
                })
            }
            Step::Commit => {
                // All records of batches are acknowledged; a summary may not be yet.
                let _ = failpoint::around(Stage::Flush, || client.flush(CALL));
                failpoint::around(Stage::Commit, || client.commit_transaction(CALL))
            }
            Step::Abort => client.abort_transaction(CALL),
            Step::Ask(transaction, ends) => {
                self.terms.reports.send(Report::Whole {
                    transaction: *transaction,
                    ends: ends.clone(),
                });
                Ok(())
            }
        }
    }

    fn store_counts(
        &mut self,
        client: &kafka::Producer,
        ends: &[End],
    ) -> Result<(), TransactionError> {
        let draft = self.terms.books.draft(ends);
        self.draft = draft.ok_or_else(|| TransactionError {
            error: ClientError {
                code: Code::State,
                fatal: false,
                text: "some of what a transaction holds is being counted anew".to_owned(),
            },
            remedy: Remedy::Abort,
        })?;
        failpoint::around(Stage::CountWrite, || {
            client.send_entries(self.terms.counts, &self.draft.entries, CALL)
        })
    }

    fn ended(
        &mut self,
        ended: Ended,
        lasted: Duration,
        client: &kafka::Producer,
        outbox: &mut Outbox,
    ) -> Result<(), TransactionError> {
        self.membership = None;
        let draft = std::mem::take(&mut self.draft);
        self.trace(&ended, lasted);
        let outcome = match ended {
            Ended::Committed(ends) => {
                self.terms.books.stored(&ends, draft);
                self.terms.reports.send(Report::Committed(ends));
                "committed"
            }
            Ended::Aborted(cause, lanes) => {
                outbox.give_up(lanes);
                cause.name()
            }
        };
        self.terms.board.transaction_ended(outcome);
        client.begin_transaction()
    }

    fn trace(&self, ended: &Ended, lasted: Duration) {
        let now = unix_nanos();
        let lasted = u64::try_from(lasted.as_nanos()).unwrap_or(u64::MAX);
        let times = (now.saturating_sub(lasted), now);
        let (offsets, error): (Vec<_>, _) = match ended {
            Ended::Committed(ends) => {
                let ends = ends.iter().map(|(id, offset)| (id.partition, *offset));
                (ends.collect(), None)
            }
            Ended::Aborted(cause, lanes) => {
                let lanes = lanes.iter().map(|id| (id.partition, i64::MAX));
                (lanes.collect(), Some(cause.name()))
            }
        };
        self.terms.tracer.transacted(&offsets, times, error);
    }

    fn try_to_begin(&mut self, client: &kafka::Producer) -> Result<Progress, ClientError> {
        match self.begin(client) {
            Ok(()) => Ok(Progress::Moved),
            Err(TransactionError {
                error,
                remedy: Remedy::Again,
            }) => {
                self.waits = true;
                let board = &self.terms.board;
                board.not_ready(Latch::Producer, error.to_string());
                Ok(Progress::Again(error))
            }
            Err(TransactionError { error, .. }) => Err(error),
        }
    }

    /// Says whether the step is to be tried again; else the transaction is aborted.
    fn failed(
        &mut self,
        step: &Step,
        failure: TransactionError,
    ) -> Result<Option<Progress>, ClientError> {
        let TransactionError { error, remedy } = failure;
        let is_final = matches!(error.class(), Class::Final(_));
        match remedy {
            Remedy::Renew => Err(error),
            Remedy::Abort if is_final => Err(error),
            Remedy::Abort if *step != Step::Abort => {
                tracing::warn!(%error, "a transaction is aborted, and its input read again");
                self.transaction.abort();
                Ok(None)
            }
            Remedy::Again | Remedy::Abort => Ok(Some(Progress::Again(error))),
        }
    }

    fn named(&self, offsets: &[(Partition, i64)]) -> Vec<(TopicPartition, i64)> {
        let named = offsets.iter().map(|(partition, offset)| {
            let topic = &self.terms.inputs[usize::from(partition.topic)];
            (TopicPartition::new(topic, partition.id), *offset)
        });
        named.collect()
    }

    fn now(&self) -> Duration {
        self.clock.now().since(Moment::START)
    }
}

impl Committer for ExactlyOnce {
    fn renewed(&mut self) {
        self.transaction.start_over();
    }

    fn admits(&self, batch: &Batch) -> bool {
        self.transaction.admits(batch)
    }

    fn sending(&mut self, batch: &Batch) {
        self.transaction.enter(batch, self.now());
    }

    fn sending_summary(&mut self) -> bool {
        self.transaction.enter_summary(self.now())
    }

    fn acknowledged(&mut self, batch: &Batch) {
        self.transaction.acknowledged(batch, self.now());
    }

    fn close(&mut self) {
        self.transaction.close(self.now());
    }

    fn allow(&mut self, transaction: u64, membership: Option<Membership>) {
        if membership.is_none() {
            self.transaction.abort();
        } else if self.transaction.allow(transaction) {
            self.membership = membership;
        }
    }

    fn abort(&mut self) -> bool {
        self.transaction.abort();
        true
    }

    /// What librdkafka holds of them goes with the transaction.
    fn fence(&mut self, outbox: &mut Outbox) -> bool {
        self.transaction.fence();
        let _held = outbox.fence();
        false
    }

    fn advance(
        &mut self,
        client: &kafka::Producer,
        outbox: &mut Outbox,
    ) -> Result<Progress, ClientError> {
        if !self.transaction.is_begun() {
            return self.try_to_begin(client);
        }
        let mut progress = Progress::Rests;
        if self.transaction.opened().is_some() {
            self.terms.board.transaction_opened();
        }
        while let Some(step) = self.transaction.step() {
            let opened = self.transaction.opened().unwrap_or_default();
            if let Err(error) = self.take_step(client, &step) {
                if let Some(again) = self.failed(&step, error)? {
                    return Ok(again);
                }
            } else if let Some(ended) = self.transaction.done(self.now()) {
                let lasted = self.now().saturating_sub(opened);
                let begun = self.ended(ended, lasted, client, outbox);
                begun.map_err(|failure| failure.error)?;
                progress = Progress::Moved;
            }
        }
        Ok(progress)
    }

    /// A last summary is committed; batches that are not, though all the others have ended, never
    /// will be.
    fn finish(&mut self, client: &kafka::Producer, bound: Duration) -> Result<(), String> {
        if self.transaction.opened().is_none() {
            return Ok(());
        }
        let _waiting = self.pulse.waiting();
        let ended = if self.transaction.is_empty() {
            client.flush(bound).map_err(|error| error.to_string())?;
            client.commit_transaction(bound)
        } else {
            client.abort_transaction(bound)
        };
        ended.map_err(|failure| failure.to_string())
    }
}
