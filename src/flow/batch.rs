//! The batch: the message that travels through the house.

use super::credit::Permit;
use super::generation::{Generation, Lease};
use super::{Outcomes, Partition};
use crate::record::Records;
use crate::trace::{About, Log};

mod part;

pub use part::{Part, Places};

/// Names a batch within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId {
    pub partition: Partition,
    pub generation: Generation,
    /// Counts from 0 within the generation, without gaps.
    pub sequence: u64,
}

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
/// one to drop it returns its credit (P4). Its [`Part`]s say who that is: one worker, or all of
/// them, each with the records whose keys fall to it.
#[derive(Debug)]
pub struct Batch {
    id: BatchId,
    lease: Lease,
    range: Range,
    records: Records,
    parts: Vec<Part>,
    received: u64,
    permit: Permit,
    log: Log,
}

impl Batch {
    /// Each record is in one of the parts; `received` is Unix time in nanoseconds.
    pub fn new(
        id: BatchId,
        lease: Lease,
        range: Range,
        contents: (Records, Permit),
        parts: Vec<Part>,
        received: u64,
    ) -> Self {
        let (records, permit) = contents;
        Batch {
            id,
            lease,
            range,
            records,
            parts,
            received,
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

    /// Whether results of it are still to come, from whichever incarnation.
    pub fn is_awaited(&self) -> bool {
        self.is_current() && !self.parts.iter().all(Part::is_handed_on)
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn part(&self, index: usize) -> &Part {
        &self.parts[index]
    }

    /// The index of the part that `worker` has.
    pub fn part_of(&self, worker: usize) -> Option<usize> {
        self.parts.iter().position(|part| part.worker() == worker)
    }

    /// Whether the record at this offset is in the part.
    pub fn has(&self, part: usize, offset: i64) -> bool {
        let place = self.records.iter().position(|of| of.offset() == offset);
        place.is_some_and(|place| self.part(part).places().hold(place))
    }

    /// How its records end, as far as its parts are handed on.
    pub fn outcomes(&self) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for part in self.parts.iter().filter_map(Part::outcomes) {
            outcomes.add(part.clone());
        }
        outcomes
    }

    /// How many of its records were written to the output, as far as its parts are handed on.
    pub fn produced(&self) -> u64 {
        let closed = self.parts.iter().filter_map(Part::outcomes);
        closed.map(|outcomes| outcomes.produced).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::credit::Budget;
    use super::super::generation::Tenure;
    use super::*;

    pub(crate) fn batch(tenure: &Tenure, sequence: u64, offsets: std::ops::Range<i64>) -> Batch {
        batch_of(0, tenure, sequence, offsets)
    }

    /// A batch of the partition `id`, which goes whole to worker 0, incarnation 1, first.
    pub(crate) fn batch_of(
        id: i32,
        tenure: &Tenure,
        sequence: u64,
        offsets: std::ops::Range<i64>,
    ) -> Batch {
        let parts = vec![Part::new(0, 1, Places::All)];
        batch_in_parts(id, tenure, sequence, offsets, parts)
    }

    pub(crate) fn batch_in_parts(
        id: i32,
        tenure: &Tenure,
        sequence: u64,
        offsets: std::ops::Range<i64>,
        parts: Vec<Part>,
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
        Batch::new(id, tenure.lease(), range, (records, permit), parts, 0)
    }
}
