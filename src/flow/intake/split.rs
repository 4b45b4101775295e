//! How a batch is given to the workers.

use std::ops::Range;

use super::Intake;
use crate::flow::batch::{Part, Places};
use crate::flow::murmur2::murmur2;
use crate::record::Records;

/// Who works on a batch, and so what keeps its order (P2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// One worker, the same for all batches of a partition.
    #[default]
    Whole,
    /// All workers: each has the records whose keys fall to it, if there are any. That every worker
    /// has a part of every batch, an empty one too, is what keeps batches in order: as each works
    /// through its parts in order, no batch is done before the one that it follows.
    ByKey,
}

impl Intake {
    /// Who works on the batches of a partition that is `worker`'s.
    pub(super) fn workers_of(&self, worker: usize) -> Range<usize> {
        match self.split {
            Split::Whole => worker..worker + 1,
            Split::ByKey => 0..self.workers.len(),
        }
    }

    /// The parts of a batch of such a partition.
    pub(super) fn parts(&self, records: &Records, worker: usize) -> Vec<Part> {
        let workers = self.workers_of(worker);
        let places = match workers.len() {
            1 => vec![Places::All],
            all => by_key(records, all, worker),
        };
        let part = |(worker, places)| Part::new(worker, self.workers[worker].incarnation, places);
        workers.zip(places).map(part).collect()
    }
}

/// The places of the records that fall to each of so many workers. Those without a key fall to the
/// worker `keyless`.
fn by_key(records: &Records, workers: usize, keyless: usize) -> Vec<Places> {
    let fair = records.len() / workers;
    let mut places = vec![Vec::with_capacity(fair + fair / 4 + 1); workers];
    for (place, record) in records.iter().enumerate() {
        let worker = record.key().map_or(keyless, |key| fall_to(key, workers));
        places[worker].push(place as u32);
    }
    places.into_iter().map(Places::These).collect()
}

/// The worker that a key falls to, by the high bits of its hash: its remainder is what has brought
/// it into the partition, so among the keys of one partition that would name few of the workers,
/// where the numbers of partitions and workers are even only one in two.
fn fall_to(key: &[u8], workers: usize) -> usize {
    ((u64::from(murmur2(key)) * workers as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition_of(key: &str, partitions: u32) -> u32 {
        (murmur2(key.as_bytes()) & 0x7fff_ffff) % partitions
    }

    #[test]
    fn p2_a_key_falls_to_one_worker_and_no_key_to_the_partitions_own() {
        let mut records = Records::default();
        for (offset, key) in [Some("a"), None, Some("b"), Some("a"), Some(""), None]
            .into_iter()
            .enumerate()
        {
            records.push(offset as i64, None, key.map(str::as_bytes), None);
        }
        let parts = by_key(&records, 3, 2);
        let part_of = |place: usize| {
            let holding: Vec<_> = (0..3).filter(|part| parts[*part].hold(place)).collect();
            assert_eq!(holding.len(), 1, "record {place} is in one part");
            holding[0]
        };
        assert_eq!(part_of(0), part_of(3));
        assert_eq!((part_of(1), part_of(5)), (2, 2));
    }

    /// However many partitions a topic has, the keys of one of them fall to all workers alike.
    #[test]
    fn the_keys_of_one_partition_fall_to_all_workers() {
        for (partitions, workers) in [(1, 2), (4, 2), (4, 4), (6, 3), (8, 4), (64, 8), (512, 2)] {
            let keys = (0..).map(|n| format!("user-{n}"));
            let keys = keys.filter(|key| partition_of(key, partitions) == partitions / 2);
            let mut shares = vec![0; workers];
            for key in keys.take(100 * workers) {
                shares[fall_to(key.as_bytes(), workers)] += 1;
            }
            let fair = |share: &usize| (50..=150).contains(share);
            assert!(
                shares.iter().all(fair),
                "{partitions} partitions: {shares:?}"
            );
        }
    }
}
