//! Counts of one process, in memory: outside the aggregator, so that they outlive it. Only where
//! counting has got to is kept; what was counted, the witness writes down.

use std::collections::BTreeMap;

/// Where counting has got to, per partition.
#[derive(Default)]
pub struct Tally(BTreeMap<i32, i64>);

pub enum Verdict {
    Counted,
    AlreadyCounted,
    Gap,
}

impl Tally {
    /// Counting goes on at `start`, or where it had got to if that is later.
    pub fn begin(&mut self, partition: i32, start: i64) -> i64 {
        let next = self.0.entry(partition).or_insert(start);
        *next = start.max(*next);
        *next
    }

    /// Takes a batch from `base` to `next` whole, of which what lies below `count_from` was
    /// counted before (P11).
    pub fn apply(&mut self, partition: i32, base: i64, next: i64, count_from: i64) -> Verdict {
        match self.0.get_mut(&partition) {
            Some(counted) if next <= *counted => Verdict::AlreadyCounted,
            Some(counted) if base.max(count_from) == *counted => {
                *counted = next;
                Verdict::Counted
            }
            _ => Verdict::Gap,
        }
    }
}
