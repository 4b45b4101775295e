//! The batch: the message that travels through the house.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::credit::Permit;
use super::generation::{Generation, Lease};
use super::{Outcomes, Partition};
use crate::record::Records;
use crate::trace::{About, Log};

/// Names a batch within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId {
    pub partition: Partition,
    pub generation: Generation,
    /// Counts from 0 within the generation, without gaps.
    pub sequence: u64,
}

/// `owner` once the results are with the producer. No incarnation gets there by counting up.
const HANDED_ON: u64 = u64::MAX;
/// `at` while no record is worked on.
const NOT_BEGUN: u32 = u32::MAX;

/// Where a batch lies in its partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where the batch before it ended. Below the first record's offset where the log has gaps
    /// (compaction, transaction markers).
    pub base: i64,
    /// The offset after the last record: what may be committed once the batch is settled.
    pub next: i64,
    /// Records below it were counted before the last restart or rewind (P11).
    pub count_from: i64,
    /// The outcomes of records below it were told before, by a consumer of before.
    pub told_from: i64,
}

/// Records of one partition in offset order, read under one generation.
///
/// It is shared between the ledger, which keeps it for a replay, and whoever works on it; the last
/// one to drop it returns its credit (P4). Whose results count is decided by one atomic: either the
/// worker of incarnation n hands on, or a replay passes the batch to incarnation n + 1, never both.
#[derive(Debug)]
pub struct Batch {
    id: BatchId,
    lease: Lease,
    range: Range,
    records: Records,
    received: u64,
    outcomes: OnceLock<Outcomes>,
    owner: AtomicU64,
    at: AtomicU32,
    begun: AtomicU64,
    permit: Permit,
    log: Log,
}

impl Batch {
    /// `incarnation` is the worker's to whom the batch goes first; `received` is Unix time in
    /// nanoseconds.
    pub fn new(
        id: BatchId,
        lease: Lease,
        range: Range,
        contents: (Records, Permit),
        incarnation: u64,
        received: u64,
    ) -> Self {
        let (records, permit) = contents;
        Batch {
            id,
            lease,
            range,
            records,
            received,
            outcomes: OnceLock::new(),
            owner: AtomicU64::new(incarnation),
            at: AtomicU32::new(NOT_BEGUN),
            begun: AtomicU64::new(received),
            permit,
            log: Log::default(),
        }
    }

    pub fn id(&self) -> BatchId {
        self.id
    }

    pub fn partition(&self) -> Partition {
        self.id.partition
    }

    pub fn range(&self) -> Range {
        self.range
    }

    pub fn records(&self) -> &Records {
        &self.records
    }

    /// When it was read, in Unix nanoseconds.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What is noted of its traced records; handed on with the batch's end.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What a log says of the batch.
    pub fn about(&self) -> About {
        About {
            topic: self.id.partition.topic,
            partition: self.id.partition.id,
            generation: self.id.generation.0,
            received: self.received,
        }
    }

    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// False once the partition was revoked or rewound: the work is void (P3).
    pub fn is_current(&self) -> bool {
        self.lease.is_current()
    }

    /// The memory that it pays for, in bytes.
    pub fn bytes(&self) -> usize {
        self.permit.bytes()
    }

    /// So much more memory is in use for it than it was admitted with.
    pub fn charge(&self, bytes: usize) {
        self.permit.add(bytes);
    }

    /// Whether its results are still to come, from whichever incarnation.
    pub fn is_awaited(&self) -> bool {
        self.is_current() && !self.is_handed_on()
    }

    /// A worker begins with the batch, at `now` in Unix nanoseconds.
    pub fn begin(&self, now: u64) {
        self.begun.store(now, Ordering::Relaxed);
    }

    /// When a worker last began with it, in Unix nanoseconds.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// The worker publishes the record it is at, so that after its death one knows which it was
    /// (P5). False where a replay has passed the batch on meanwhile: an abandoned thread that
    /// wakes up must not go on, nor blame its records on its successor.
    #[must_use]
    pub fn begin_record(&self, incarnation: u64, index: usize) -> bool {
        if self.owner.load(Ordering::Relaxed) != incarnation {
            return false;
        }
        self.at.store(index as u32, Ordering::Relaxed);
        true
    }

    /// The place of the record at which the worker stopped, where it had begun and not handed on.
    pub fn stopped_at_index(&self) -> Option<usize> {
        let at = self.at.load(Ordering::Relaxed);
        (at != NOT_BEGUN && !self.is_handed_on()).then_some(at as usize)
    }

    /// The offset of that record.
    pub fn stopped_at(&self) -> Option<i64> {
        let index = self.stopped_at_index()?;
        Some(self.records.get(index).offset())
    }

    /// The worker claims the right to hand its results on. False where a replay has passed the
    /// batch to a later incarnation: the results are to be dropped.
    #[must_use]
    pub fn hand_on(&self, incarnation: u64) -> bool {
        self.owner
            .compare_exchange(incarnation, HANDED_ON, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Whoever has handed on says how the records end, once all of them are delivered.
    pub fn close(&self, outcomes: Outcomes) {
        let _ = self.outcomes.set(outcomes);
    }

    /// How its records end; nothing before it is handed on.
    pub fn outcomes(&self) -> Outcomes {
        self.outcomes.get().cloned().unwrap_or_default()
    }

    /// Passes the batch to a later incarnation. False where it was handed on already.
    #[must_use]
    pub fn pass_to(&self, incarnation: u64) -> bool {
        let pass = |owner| (owner != HANDED_ON).then_some(incarnation);
        let passed = self
            .owner
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, pass)
            .is_ok();
        if passed {
            self.at.store(NOT_BEGUN, Ordering::Relaxed);
        }
        passed
    }

    fn is_handed_on(&self) -> bool {
        self.owner.load(Ordering::Acquire) == HANDED_ON
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::credit::Budget;
    use super::super::generation::{Generations, Tenure};
    use super::*;

    pub(crate) fn batch(tenure: &Tenure, sequence: u64, offsets: std::ops::Range<i64>) -> Batch {
        batch_of(0, tenure, sequence, offsets)
    }

    /// A batch of the partition `id`, which goes to incarnation 1 first.
    pub(crate) fn batch_of(
        id: i32,
        tenure: &Tenure,
        sequence: u64,
        offsets: std::ops::Range<i64>,
    ) -> Batch {
        let partition = Partition { topic: 0, id };
        let mut records = Records::default();
        for offset in offsets.clone() {
            records.push(offset, None, None, Some(b"{}"));
        }
        let id = BatchId {
            partition,
            generation: tenure.generation(),
            sequence,
        };
        let range = Range {
            base: offsets.start,
            next: offsets.end,
            count_from: 0,
            told_from: 0,
        };
        let permit = Budget::new(1).take(1).expect("an empty budget grants");
        Batch::new(id, tenure.lease(), range, (records, permit), 1, 0)
    }

    #[test]
    fn p3_results_are_handed_on_once_and_by_the_owner_alone() {
        let tenure = Tenure::begin(&Generations::default());
        let handed = batch(&tenure, 0, 0..3);
        assert!(!handed.hand_on(2));
        assert!(handed.hand_on(1));
        assert!(!handed.pass_to(2), "what was handed on is not replayed");
        let passed = batch(&tenure, 0, 0..3);
        assert!(passed.pass_to(2));
        assert!(
            !passed.hand_on(1),
            "an abandoned thread's late work is void"
        );
        assert!(passed.hand_on(2));
    }

    #[test]
    fn p5_the_record_a_worker_stopped_at_is_known_and_not_blamed_on_its_successor() {
        let tenure = Tenure::begin(&Generations::default());
        let batch = batch(&tenure, 0, 10..13);
        assert_eq!(batch.stopped_at(), None);
        assert!(batch.begin_record(1, 2));
        assert_eq!(batch.stopped_at(), Some(12));
        assert!(batch.pass_to(2));
        assert_eq!(batch.stopped_at(), None);
        assert!(!batch.begin_record(1, 1), "the abandoned thread wakes up");
        assert_eq!(batch.stopped_at(), None);
    }
}
