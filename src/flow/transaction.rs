//! The transaction: which batches become visible together (P12).
//!
//! ```text
//!   Unbegun ──▶ Undecided ──fenced─┐
//!      └───────────────────────────┤
//!          ┌───────────────────────┘
//!          ▼  a record         close         all acknowledged       allowed            done
//!        Idle ────────▶ Open ─────────▶ Closing ────────▶ Whole ────────▶ Ending ─────────▶ Idle
//!                         └────────────────┴── fenced, late ─┴── refused ───┴──▶ Aborting ───┘
//! ```
//!
//! Where a client before this one has sent something, nobody but the broker knows what it came to:
//! then all that was read before is void, and nothing is sent until its leases are over.
//! A batch enters whole or not at all: once a transaction closes, no further batch enters, and what
//! of a batch is not sent yet goes with the rest of it. Batches of a lane (one partition under one
//! generation) enter in their order, so a transaction holds an unbroken stretch of each lane, whose
//! end is the offset that is committed with it. Whoever owns the ledger allows the commit: all of it
//! is counted and the partition is still ours. Counts that are to be stored with it, and offsets,
//! are its last records: so nobody who reads them waits for more than the commit itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::generation::Lease;
use super::{Batch, BatchId, Generation, Partition};

#[cfg(test)]
mod tests;

/// The last batch of a lane in a transaction, and the offset after it.
pub type End = (BatchId, i64);

/// The transaction under way, one after the other.
#[derive(Debug)]
pub struct Transaction {
    number: u64,
    phase: Phase,
    /// A client before this one has sent something.
    in_doubt: bool,
    opened: Duration,
    longest: Duration,
    lanes: BTreeMap<(Partition, Generation), Lane>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The transactional id is not ours yet.
    Unbegun,
    /// What was read is to be read again from what is committed.
    Undecided,
    Idle,
    Open,
    Closing,
    /// All is acknowledged; true once that was [told](Step::Ask).
    Whole(bool),
    StoringCounts,
    SendingOffsets,
    Committing,
    Aborting(Cause),
}

/// Why a transaction is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A lease of its work was over.
    Fenced,
    /// It lasted too long.
    Late,
    /// A record of it, or its offsets, or its commit, was refused.
    Refused,
}

impl Cause {
    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Fenced => "fenced",
            Cause::Late => "late",
            Cause::Refused => "refused",
        }
    }
}

#[derive(Debug)]
struct Lane {
    lease: Lease,
    /// Sequences of the batches in the transaction.
    entered: Range<u64>,
    /// Ends of batches that are acknowledged and not committed, by sequence. One that has nothing
    /// to send may be so before it has entered.
    acknowledged: BTreeMap<u64, i64>,
}

/// What is to be done next; [`Transaction::done`] says that it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask whether the transaction of this number, with these ends, may be committed. Needs no
    /// word that it is done: [`Transaction::allow`] is the answer.
    Ask(u64, Vec<End>),
    /// Write the counts up to these ends, where they are stored with transactions.
    StoreCounts(Vec<End>),
    SendOffsets(Vec<(Partition, i64)>),
    Commit,
    Abort,
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything up to these ends is final.
    Committed(Vec<End>),
    /// Nothing of it has happened: these lanes are to be read again.
    Aborted(Cause, Vec<BatchId>),
}

impl Transaction {
    /// The `first` has this number. One that lasts longer than `longest` is aborted, before the
    /// broker does it. `in_doubt` says that an incarnation before this one may have left one.
    pub fn new(first: u64, longest: Duration, in_doubt: bool) -> Self {
        Transaction {
            number: first,
            phase: Phase::Unbegun,
            in_doubt,
            opened: Duration::ZERO,
            longest,
            lanes: BTreeMap::new(),
        }
    }

    /// The transactional id is ours. True where what was sent before is undecided: whoever owns the
    /// ledger is to rewind to what is committed, and to [fence](Transaction::fence) then.
    #[must_use]
    pub fn begin(&mut self, now: Duration) -> bool {
        if self.in_doubt {
            self.phase = Phase::Undecided;
        } else {
            self.begin_next(now);
        }
        std::mem::take(&mut self.in_doubt)
    }

    /// Whether the transactional id is ours.
    pub fn is_begun(&self) -> bool {
        self.phase != Phase::Unbegun
    }

    /// Whether records of this batch may be sent now.
    pub fn admits(&self, batch: &Batch) -> bool {
        let id = batch.id();
        match self.phase {
            Phase::Idle | Phase::Open => true,
            Phase::Closing => {
                let lane = self.lanes.get(&(id.partition, id.generation));
                lane.is_some_and(|lane| id.sequence < lane.entered.end)
            }
            _ => false,
        }
    }

    /// Records are about to be sent, of a batch that it [admits](Transaction::admits).
    pub fn enter(&mut self, batch: &Batch, now: Duration) {
        self.lane(batch).enter(batch.id().sequence);
        self.open(now);
    }

    /// A record that belongs to no batch is to be sent: a summary. False where none may be yet.
    #[must_use]
    pub fn enter_summary(&mut self, now: Duration) -> bool {
        self.open(now);
        self.opened().is_some()
    }

    /// All of the batch's records are acknowledged, or it has none: then only its offset enters.
    pub fn acknowledged(&mut self, batch: &Batch, now: Duration) {
        if self.in_doubt || self.phase == Phase::Undecided {
            return; // it is to be read again
        }
        let sequence = batch.id().sequence;
        let lane = self.lane(batch);
        lane.acknowledged.insert(sequence, batch.range().next);
        match self.phase {
            Phase::Idle | Phase::Open => self.enter(batch, now),
            _ => self.look_whether_whole(),
        }
    }

    /// The commit interval has passed.
    pub fn close(&mut self, now: Duration) {
        let waits = match self.phase {
            Phase::Open => {
                self.phase = Phase::Closing;
                self.look_whether_whole();
                true
            }
            Phase::Closing | Phase::Whole(_) => true,
            _ => false,
        };
        if waits && now.saturating_sub(self.opened) >= self.longest {
            self.phase = Phase::Aborting(Cause::Late);
        }
    }

    /// The transaction of this number may be committed. False where it is not that one any more.
    #[must_use]
    pub fn allow(&mut self, number: u64) -> bool {
        let allowed = self.phase == Phase::Whole(true) && self.number == number && !self.is_void();
        if allowed {
            self.phase = match self.ends().is_empty() {
                true => Phase::Committing,
                false => Phase::StoringCounts,
            };
        }
        allowed
    }

    /// Some leases are over. What of their work is in the transaction must not become visible: it
    /// is read again. Once the commit is allowed, only the broker can say no, and does so where the
    /// partition is not ours any more; or whoever has counts to store, where they are counted anew.
    pub fn fence(&mut self) {
        match self.phase {
            Phase::Open | Phase::Closing | Phase::Whole(_) if self.is_void() => {
                self.phase = Phase::Aborting(Cause::Fenced);
            }
            Phase::Aborting(_)
            | Phase::StoringCounts
            | Phase::SendingOffsets
            | Phase::Committing => {}
            Phase::Undecided => self.phase = Phase::Idle,
            _ => self.forget_void_lanes(),
        }
    }

    /// The broker does not take it.
    pub fn abort(&mut self) {
        if self.opened().is_some() {
            self.phase = Phase::Aborting(Cause::Refused);
        }
    }

    /// What is to be done next; None where something is waited for.
    pub fn step(&mut self) -> Option<Step> {
        match self.phase {
            Phase::Whole(false) => {
                self.phase = Phase::Whole(true);
                Some(Step::Ask(self.number, self.ends()))
            }
            Phase::StoringCounts => Some(Step::StoreCounts(self.ends())),
            Phase::SendingOffsets => {
                let ends = self.ends().into_iter();
                let offsets = ends.map(|(id, offset)| (id.partition, offset));
                Some(Step::SendOffsets(offsets.collect()))
            }
            Phase::Committing => Some(Step::Commit),
            Phase::Aborting(_) => Some(Step::Abort),
            _ => None,
        }
    }

    /// The client is another one: nothing is known of what was sent by the one before.
    pub fn start_over(&mut self) {
        self.number += 1;
        self.in_doubt |= self.is_begun();
        self.phase = Phase::Unbegun;
        self.lanes.clear();
    }

    /// The step was taken; says whether the transaction ended by it, and the next one began.
    pub fn done(&mut self, now: Duration) -> Option<Ended> {
        match self.phase {
            Phase::StoringCounts => {
                self.phase = Phase::SendingOffsets;
                None
            }
            Phase::SendingOffsets => {
                self.phase = Phase::Committing;
                None
            }
            Phase::Committing => Some(self.committed(now)),
            Phase::Aborting(cause) => Some(self.aborted(cause, now)),
            _ => None,
        }
    }

    /// When something first entered it; None where nothing has.
    pub fn opened(&self) -> Option<Duration> {
        match self.phase {
            Phase::Unbegun | Phase::Undecided | Phase::Idle => None,
            _ => Some(self.opened),
        }
    }

    /// Whether no batch is in it: at most a summary.
    pub fn is_empty(&self) -> bool {
        self.entered().next().is_none()
    }

    fn open(&mut self, now: Duration) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Open;
            self.opened = now;
        }
    }

    fn committed(&mut self, now: Duration) -> Ended {
        let ends = self.ends();
        self.number += 1;
        self.begin_next(now);
        Ended::Committed(ends)
    }

    fn aborted(&mut self, cause: Cause, now: Duration) -> Ended {
        let lanes = self.entered().map(|(id, _)| id).collect();
        self.lanes.retain(|_, lane| lane.entered.is_empty());
        self.number += 1;
        self.begin_next(now);
        Ended::Aborted(cause, lanes)
    }

    fn begin_next(&mut self, now: Duration) {
        self.phase = Phase::Idle;
        self.forget_void_lanes();
        self.lanes.values_mut().for_each(Lane::begin_next);
        if !self.is_empty() {
            self.open(now);
        }
    }

    fn lane(&mut self, batch: &Batch) -> &mut Lane {
        let id = batch.id();
        self.lanes
            .entry((id.partition, id.generation))
            .or_insert_with(|| Lane::new(batch.lease().clone()))
    }

    fn look_whether_whole(&mut self) {
        if self.phase == Phase::Closing && self.lanes.values().all(Lane::is_whole) {
            self.phase = Phase::Whole(false);
        }
    }

    fn is_void(&self) -> bool {
        self.entered().any(|(_, lane)| !lane.lease.is_current())
    }

    fn forget_void_lanes(&mut self) {
        self.lanes.retain(|_, lane| lane.lease.is_current());
    }

    /// The lanes in the transaction, each with its last batch.
    fn entered(&self) -> impl Iterator<Item = (BatchId, &Lane)> {
        let lanes = self.lanes.iter();
        lanes.filter_map(|((partition, generation), lane)| {
            let id = BatchId {
                partition: *partition,
                generation: *generation,
                sequence: lane.entered.clone().last()?,
            };
            Some((id, lane))
        })
    }

    /// Of a transaction that is whole.
    fn ends(&self) -> Vec<End> {
        let ends = self.entered().filter_map(|(id, lane)| {
            let end = lane.acknowledged.get(&id.sequence)?;
            Some((id, *end))
        });
        ends.collect()
    }
}

impl Lane {
    fn new(lease: Lease) -> Self {
        Lane {
            lease,
            entered: 0..0,
            acknowledged: BTreeMap::new(),
        }
    }

    /// A batch enters, and with it those before it.
    fn enter(&mut self, sequence: u64) {
        self.entered.end = self.entered.end.max(sequence + 1);
    }

    fn is_whole(&self) -> bool {
        let acknowledged = self.acknowledged.range(self.entered.clone()).count() as u64;
        acknowledged == self.entered.end - self.entered.start
    }

    /// What was acknowledged while no batch could enter, enters now.
    fn begin_next(&mut self) {
        self.entered.start = self.entered.end;
        self.acknowledged = self.acknowledged.split_off(&self.entered.end);
        if let Some(last) = self.acknowledged.keys().next_back() {
            self.entered.end = last + 1;
        }
    }
}
