//! The counts of a group's partitions and the offsets that guard them (P11).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Counts, Delta};
use crate::flow::Partition;

/// A partition's state: `counts` holds every record below `next_offset`, each once. The two are
/// stored as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionCounts {
    pub next_offset: i64,
    pub counts: Counts,
}

/// What became of a batch's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// They were added.
    Counted,
    /// Every record of the batch had been counted before: nothing was done.
    AlreadyCounted,
    /// They do not begin where the state ends, so that adding them would leave records out or
    /// count them twice: nothing was done. The answer is a rewind.
    Gap,
}

/// Exact counts by partition. State never goes back.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    partitions: BTreeMap<Partition, PartitionCounts>,
}

impl Tally {
    /// Takes a state that a store gave back. False, and nothing is done, where the partition is
    /// already as far or further: the store's is then a zombie's (P11).
    pub fn restore(&mut self, partition: Partition, state: PartitionCounts) -> bool {
        let newer = match self.partitions.get(&partition) {
            Some(known) => state.next_offset > known.next_offset,
            None => true,
        };
        if newer {
            self.partitions.insert(partition, state);
        }
        newer
    }

    /// A partition is read from `start` on: says from where its records are to be counted. What
    /// lies below `start` is settled, so it was counted, here or by a member of before.
    pub fn begin(&mut self, partition: Partition, start: i64) -> i64 {
        let state = self.partitions.entry(partition).or_default();
        state.next_offset = state.next_offset.max(start);
        state.next_offset
    }

    /// Adds the counts of a whole batch, the records `base..next` of which those from
    /// `count_from` on were counted.
    ///
    /// Batches of one partition come in offset order, and each begins where the one before it
    /// ended: an offset that holds no record (compaction, transaction markers) belongs to the
    /// batch that steps over it. A partition without state takes any batch that was counted whole.
    pub fn apply(
        &mut self,
        partition: Partition,
        base: i64,
        next: i64,
        count_from: i64,
        delta: &Delta,
    ) -> Applied {
        let end = match self.partitions.get(&partition) {
            Some(state) => state.next_offset,
            None => base,
        };
        if next <= end {
            return Applied::AlreadyCounted;
        }
        if base.max(count_from) != end {
            return Applied::Gap;
        }
        let state = self.partitions.entry(partition).or_default();
        state.counts.merge(delta);
        state.next_offset = next;
        Applied::Counted
    }

    /// The offset up to which a partition is counted: the `count_from` of what is read next.
    pub fn next_offset(&self, partition: Partition) -> Option<i64> {
        self.partitions
            .get(&partition)
            .map(|state| state.next_offset)
    }

    /// Every partition's state, to be stored.
    pub fn partitions(&self) -> impl Iterator<Item = (Partition, &PartitionCounts)> {
        self.partitions
            .iter()
            .map(|(partition, state)| (*partition, state))
    }

    /// Drops a partition that another member counts from now on.
    pub fn forget(&mut self, partition: Partition) -> Option<PartitionCounts> {
        self.partitions.remove(&partition)
    }

    /// The counts of all partitions together.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for state in self.partitions.values() {
            all.merge_counts(&state.counts);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::counts::Accumulator;

    const P: Partition = Partition { topic: 0, id: 3 };

    fn counted(base: i64, next: i64, count_from: i64) -> Delta {
        let mut accumulator = Accumulator::default();
        for offset in base.max(count_from)..next {
            accumulator.add(&["offset", &offset.to_string()]);
        }
        accumulator.take()
    }

    fn apply(tally: &mut Tally, base: i64, next: i64, count_from: i64) -> Applied {
        let delta = counted(base, next, count_from);
        tally.apply(P, base, next, count_from, &delta)
    }

    #[test]
    fn p11_batches_in_order_are_counted() {
        let mut tally = Tally::default();
        assert_eq!(apply(&mut tally, 10, 20, 0), Applied::Counted);
        assert_eq!(apply(&mut tally, 20, 30, 0), Applied::Counted);
        assert_eq!(tally.next_offset(P), Some(30));
        assert_eq!(tally.counts().at(&["offset", "29"]), 1);
    }

    #[test]
    fn p11_a_replay_is_counted_from_where_the_state_ends() {
        let mut tally = Tally::default();
        apply(&mut tally, 0, 20, 0);
        assert_eq!(apply(&mut tally, 5, 15, 20), Applied::AlreadyCounted);
        assert_eq!(apply(&mut tally, 5, 20, 0), Applied::AlreadyCounted);
        assert_eq!(apply(&mut tally, 15, 25, 20), Applied::Counted);
        assert_eq!(tally.counts().at(&["offset", "17"]), 1);
        assert_eq!(tally.counts().at(&["offset", "24"]), 1);
    }

    #[test]
    fn p11_what_does_not_begin_where_the_state_ends_is_refused() {
        let mut tally = Tally::default();
        assert_eq!(apply(&mut tally, 0, 10, 5), Applied::Gap);
        apply(&mut tally, 0, 10, 0);
        let before = tally.counts();
        assert_eq!(apply(&mut tally, 11, 20, 0), Applied::Gap);
        assert_eq!(apply(&mut tally, 5, 20, 0), Applied::Gap);
        assert_eq!(apply(&mut tally, 10, 20, 12), Applied::Gap);
        assert_eq!(tally.counts(), before);
        assert_eq!(tally.next_offset(P), Some(10));
    }

    #[test]
    fn p11_state_never_goes_back() {
        let state = |next_offset| PartitionCounts {
            next_offset,
            counts: Counts::default(),
        };
        let mut tally = Tally::default();
        assert!(tally.restore(P, state(7)));
        assert!(!tally.restore(P, state(7)));
        assert!(!tally.restore(P, state(6)));
        assert!(tally.restore(P, state(8)));
        assert_eq!(tally.next_offset(P), Some(8));
        assert_eq!(tally.forget(P), Some(state(8)));
        assert_eq!(tally.next_offset(P), None);
    }

    proptest! {
        /// Whatever batches come, in whatever order and however often, no record counts twice,
        /// and those below `next_offset` all count.
        #[test]
        fn p11_every_record_counts_once(
            batches in prop::collection::vec((0i64..40, 1i64..10, 0i64..50), 1..60),
        ) {
            let mut tally = Tally::default();
            tally.restore(P, PartitionCounts::default());
            for (base, len, count_from) in batches {
                let before = tally.next_offset(P);
                apply(&mut tally, base, base + len, count_from);
                prop_assert!(tally.next_offset(P) >= before);
            }
            let next = tally.next_offset(P).unwrap();
            let counts = tally.counts();
            for offset in 0..60 {
                let expected = u64::from(offset < next);
                prop_assert_eq!(counts.at(&["offset", &offset.to_string()]), expected);
            }
        }
    }
}
