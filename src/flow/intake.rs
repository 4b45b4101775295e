//! The intake: which partitions are read, from where, and for which worker.
//!
//! ```text
//!   assigned ─▶ Restoring ──Restored──▶ Reading ──revoked, drain──▶ Leaving ──settled or late──▶ gone
//!                   ▲                      │
//!                   └──────── rewind ──────┘
//! ```
//!
//! A value: the consumer turns librdkafka's events and the other actors' [`Report`]s into calls,
//! and carries the [`Action`]s out that they push. Times are durations since any fixed moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::batch::{Batch, BatchId, Range};
use super::credit::Permit;
use super::generation::{Lease, Tenure};
use super::ledger::Ledger;
use super::{End, Generation, Outcomes, Partition, Refusal, Report};
use crate::record::Records;

mod dispatch;
mod drain;
mod heritage;
mod rebalance;
mod split;
mod status;
#[cfg(test)]
mod tests;
mod transactions;

pub use dispatch::Dispatch;
pub use heritage::Heritage;
use rebalance::Rebalance;
pub use split::Split;
pub use status::LaneStatus;

/// What the consumer is to do. In the order in which they were pushed.
#[derive(Debug)]
pub enum Action {
    /// Read these partitions, each from its offset.
    Assign(Vec<(Partition, i64)>),
    /// Let these partitions go.
    Unassign(Vec<Partition>),
    /// Have the aggregator fence the partition's old generations and answer
    /// [`Report::Restored`]; `start` is where reading begins.
    Restore {
        partition: Partition,
        lease: Lease,
        start: i64,
    },
    /// Tell the producer that generations of this partition are over.
    Fence(Partition),
    /// Read the partition again from this offset; records taken before are void.
    Seek(Partition, i64),
    Send(Dispatch),
    /// All of this transaction is counted: it may be committed.
    Allow(u64),
    /// Commit these offsets, and say with [`Intake::commit_done`] how it went.
    Commit(Vec<(Partition, i64)>),
    /// All is settled and committed: the drain is complete.
    Drained,
}

/// What decides about reading, committing and rewinding.
pub struct Intake {
    ledger: Ledger,
    heritage: Heritage,
    drain: Duration,
    split: Split,
    workers: Vec<Worker>,
    lanes: BTreeMap<Partition, Lane>,
    rebalance: Option<Rebalance>,
    committing: bool,
    /// The transaction that waits for its counts.
    whole: Option<(u64, Vec<End>)>,
    draining: bool,
    drained: bool,
    actions: Vec<Action>,
}

struct Worker {
    incarnation: u64,
    partitions: usize,
}

struct Lane {
    tenure: Tenure,
    /// Who works on its batches, or on what of them has no key.
    worker: usize,
    phase: Phase,
    /// The offset after the last record read.
    position: i64,
    count_from: i64,
    told_from: i64,
    sequence: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Restoring,
    Reading,
    Leaving,
}

impl Intake {
    /// `workers` are the workers' incarnations, among whom batches are `split`; `drain` bounds how
    /// long a revoked partition may take to settle.
    pub fn new(workers: Vec<u64>, split: Split, drain: Duration, heritage: Heritage) -> Self {
        let seat = |incarnation| Worker {
            incarnation,
            partitions: 0,
        };
        Intake {
            ledger: Ledger::default(),
            heritage,
            drain,
            split,
            workers: workers.into_iter().map(seat).collect(),
            lanes: BTreeMap::new(),
            rebalance: None,
            committing: false,
            whole: None,
            draining: false,
            drained: false,
            actions: Vec::new(),
        }
    }

    /// The actions due since the last call, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Where records of this partition are wanted from, or None while they are to be dropped:
    /// what lies below was read already.
    pub fn wants(&self, partition: Partition) -> Option<i64> {
        self.lanes
            .get(&partition)
            .filter(|lane| lane.phase == Phase::Reading)
            .map(|lane| lane.position)
    }

    /// Makes a batch of records that [`Intake::wants`], writes it down and sends it on.
    /// `received` is in Unix nanoseconds. Records that were read before are none of ours: where
    /// the client and we disagree, the partition is read again. Says how many of the records this
    /// process has never read before.
    pub fn read(
        &mut self,
        partition: Partition,
        records: Records,
        permit: Permit,
        received: u64,
    ) -> usize {
        let Some(last) = records.len().checked_sub(1) else {
            return 0;
        };
        let (first, next) = (records.get(0).offset(), records.get(last).offset() + 1);
        let Some(lane) = self.lanes.get_mut(&partition) else {
            return 0;
        };
        if first < lane.position {
            self.rewind(partition);
            return 0;
        }
        let new = self.heritage.marks.read(partition, &records);
        let (id, range) = lane.advance(partition, next);
        let (lease, worker) = (lane.tenure.lease(), lane.worker);
        let parts = self.parts(&records, worker);
        let contents = (records, permit);
        let batch = Arc::new(Batch::new(id, lease, range, contents, parts, received));
        self.ledger.append(batch.clone());
        for part in 0..batch.parts().len() {
            self.send(batch.clone(), part);
        }
        new
    }

    /// What became of the records that were settled since the last call.
    pub fn take_outcomes(&mut self) -> Outcomes {
        self.ledger.take_outcomes()
    }

    /// Takes in what another actor reports.
    pub fn report(&mut self, report: Report, now: Duration) {
        match report {
            Report::Delivered(id) => {
                self.ledger.delivered(id);
                self.mark_settled(id.partition);
            }
            Report::Counted(id) => {
                self.ledger.counted(id);
                self.mark_settled(id.partition);
            }
            Report::Restored {
                partition,
                generation,
                next_offset,
            } => self.restored(partition, generation, next_offset),
            Report::Refused {
                batch,
                offset,
                refusal,
            } => self.refused(batch, offset, refusal),
            Report::Gap(id) => self.rewind_generation(id),
            Report::WorkerRestarted {
                worker,
                incarnation,
            } => self.worker_restarted(worker, incarnation),
            Report::Rewind | Report::Undecided => self.rewind_all(),
            Report::Whole { transaction, ends } => self.whole = Some((transaction, ends)),
            Report::Committed(ends) => self.committed_with(&ends),
        }
        self.progress(now);
    }

    /// The commit interval has passed.
    pub fn commit(&mut self) {
        let offsets = self.ledger.committable();
        self.commit_offsets(offsets);
    }

    /// A commit was confirmed for these offsets, or refused: then what is settled is committed
    /// with the next one.
    pub fn commit_done(&mut self, offsets: Option<&[(Partition, i64)]>, now: Duration) {
        self.committing = false;
        for (partition, offset) in offsets.unwrap_or_default() {
            self.ledger.committed(*partition, *offset);
            self.heritage.suspects.forget(*partition, *offset);
        }
        self.progress(now);
    }

    /// Fences everything in flight and reads it again from what is settled.
    pub fn rewind_all(&mut self) {
        let partitions: Vec<_> = self.lanes.keys().copied().collect();
        for partition in partitions {
            self.rewind(partition);
        }
    }

    /// Carries on what waits for a settlement, a commit or a deadline.
    pub fn progress(&mut self, now: Duration) {
        self.allow_what_is_counted();
        self.advance_rebalance(now);
        if self.draining && !self.drained && self.rebalance.is_none() {
            self.advance_drain();
        }
    }

    fn restored(&mut self, partition: Partition, generation: Generation, next_offset: i64) {
        let Some(lane) = self.lanes.get_mut(&partition) else {
            return;
        };
        if lane.phase != Phase::Restoring || lane.tenure.generation() != generation {
            return;
        }
        let start = self.ledger.settled(partition).unwrap_or(lane.position);
        lane.begin_reading(start, next_offset);
        if !self.assigning_restored(partition) {
            self.actions.push(Action::Seek(partition, start));
        }
    }

    fn mark_settled(&self, partition: Partition) {
        if let Some(settled) = self.ledger.settled(partition) {
            self.heritage.marks.settle(partition, settled);
        }
    }

    fn refused(&mut self, batch: BatchId, offset: i64, refusal: Refusal) {
        if refusal != Refusal::Lost {
            self.heritage
                .suspects
                .refuse(batch.partition, offset, refusal);
        }
        self.rewind_generation(batch);
    }

    /// Rewinds unless a rewind has made the report void already.
    fn rewind_generation(&mut self, id: BatchId) {
        let current = self.lanes.get(&id.partition);
        if current.is_some_and(|lane| lane.tenure.generation() == id.generation) {
            self.rewind(id.partition);
        }
    }

    fn rewind(&mut self, partition: Partition) {
        let Some(lane) = self.lanes.get_mut(&partition) else {
            return;
        };
        let generation = lane.tenure.advance();
        lane.sequence = 0;
        let void = self.ledger.rewind(partition, generation);
        self.heritage.abandoned.void(void);
        self.actions.push(Action::Fence(partition));
        if lane.phase != Phase::Leaving {
            lane.phase = Phase::Restoring;
            self.restore(partition);
        }
    }

    fn restore(&mut self, partition: Partition) {
        if let Some(lane) = self.lanes.get(&partition) {
            let start = self.ledger.settled(partition).unwrap_or(lane.position);
            self.actions.push(Action::Restore {
                partition,
                lease: lane.tenure.lease(),
                start,
            });
        }
    }

    /// A report of an incarnation that this intake was born with, or later, says nothing new.
    fn worker_restarted(&mut self, worker: usize, incarnation: u64) {
        if incarnation <= self.workers[worker].incarnation {
            return;
        }
        self.workers[worker].incarnation = incarnation;
        for (batch, part) in self.ledger.replay(worker, incarnation) {
            self.send(batch, part);
        }
    }

    fn send(&mut self, batch: Arc<Batch>, part: usize) {
        let offsets = batch.range().base..batch.range().next;
        let mut suspects = self.heritage.suspects.among(batch.partition(), offsets);
        suspects.retain(|(offset, _)| batch.has(part, *offset));
        self.actions.push(Action::Send(Dispatch {
            incarnation: self.workers[batch.part(part).worker()].incarnation,
            batch,
            part,
            suspects,
        }));
    }

    fn commit_offsets(&mut self, offsets: Vec<(Partition, i64)>) {
        if !self.committing && !offsets.is_empty() {
            self.committing = true;
            self.actions.push(Action::Commit(offsets));
        }
    }
}

impl Lane {
    fn begin_reading(&mut self, start: i64, next_offset: i64) {
        self.phase = Phase::Reading;
        self.position = start;
        self.count_from = next_offset;
    }

    /// The next batch ends before `next`: its name and range.
    fn advance(&mut self, partition: Partition, next: i64) -> (BatchId, Range) {
        let id = BatchId {
            partition,
            generation: self.tenure.generation(),
            sequence: self.sequence,
        };
        let range = Range {
            base: self.position,
            next,
            count_from: self.count_from,
            told_from: self.told_from,
        };
        self.sequence += 1;
        self.position = next;
        (id, range)
    }
}
