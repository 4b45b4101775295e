//! Records that were read and wait for credit.

use std::collections::VecDeque;

use crate::flow::{Budget, Intake, Partition};
use crate::record::Records;

/// A batch's records and its outputs are both in memory for a while, and librdkafka's copy of the
/// outputs after that; masked and enriched, an output of `logins` is 2.2 times its input. A batch
/// pays for itself and for what it becomes (P4).
const COPIES: usize = 4;

/// Runs of one partition each, in the order in which they were read. Nothing more is read while
/// any wait, so they are what one read brings at most: librdkafka's own queue, bounded by the
/// budget too.
#[derive(Default)]
pub struct Waiting {
    runs: VecDeque<(Partition, Records)>,
}

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn holds(&self, partition: Partition) -> bool {
        self.runs.iter().any(|(of, _)| *of == partition)
    }

    /// The timestamp of the partition's first record here, in Unix milliseconds.
    pub fn oldest(&self, partition: Partition) -> Option<i64> {
        let (_, records) = self.runs.iter().find(|(of, _)| *of == partition)?;
        records.iter().next()?.timestamp()
    }

    /// The offset after the partition's last record here.
    pub fn next(&self, partition: Partition) -> Option<i64> {
        let (_, records) = self.runs.iter().rfind(|(of, _)| *of == partition)?;
        let last = records.len().checked_sub(1)?;
        Some(records.get(last).offset() + 1)
    }

    pub fn push(&mut self, partition: Partition, records: Records) {
        self.runs.push_back((partition, records));
    }

    /// Drops what was read of a partition before it was fenced: it is read again, or by another.
    pub fn drop_partition(&mut self, partition: Partition) {
        self.runs.retain(|(of, _)| *of != partition);
    }

    /// Hands runs to the intake, as far as credit goes, and says how many records were new to it.
    /// `received` is in Unix nanoseconds.
    pub fn admit(&mut self, intake: &mut Intake, budget: &Budget, received: u64) -> usize {
        let mut new = 0;
        while let Some((partition, records)) = self.runs.pop_front() {
            if intake.wants(partition).is_none() {
                continue;
            }
            let Some(permit) = budget.take(records.bytes() * COPIES) else {
                self.runs.push_front((partition, records));
                break;
            };
            new += intake.read(partition, records, permit, received);
        }
        new
    }
}
