//! The ledger: the list of batches that are not yet settled, per partition.
//!
//! ```text
//!   appended ──handed on──▶ delivered (payload dropped)──┐
//!       └───────────────▶ counted ───────────────────────┴─▶ settled: the offset may be committed
//! ```
//!
//! A batch is settled when it is delivered and its counts are durable. What may be committed is the
//! contiguous prefix (P1): the end of the last batch before the first that is not settled.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Batch, BatchId, Generation, Partition};

/// Batches not yet settled, per partition, in offset order.
#[derive(Debug, Default)]
pub struct Ledger {
    lanes: BTreeMap<Partition, Lane>,
}

#[derive(Debug)]
struct Lane {
    generation: Generation,
    /// Everything below is settled.
    settled: i64,
    /// Everything below is known to be committed.
    committed: i64,
    /// Sequence of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    next: i64,
    worker: usize,
    /// None once delivered: the payload is dropped and its credit returns.
    batch: Option<Arc<Batch>>,
    counted: bool,
}

impl Ledger {
    /// Takes a partition on, from its committed offset.
    pub fn open(&mut self, partition: Partition, generation: Generation, start: i64) {
        self.lanes.insert(
            partition,
            Lane {
                generation,
                settled: start,
                committed: start,
                first: 0,
                entries: VecDeque::new(),
            },
        );
    }

    /// Writes down a batch that goes to `worker`. Batches of a generation come in sequence.
    pub fn append(&mut self, worker: usize, batch: Arc<Batch>) {
        let id = batch.id();
        if let Some(lane) = self.lane(id) {
            debug_assert_eq!(id.sequence, lane.first + lane.entries.len() as u64);
            lane.entries.push_back(Entry {
                next: batch.range().next,
                worker,
                batch: Some(batch),
                counted: false,
            });
        }
    }

    /// Every record of the batch has reached its end. An old generation's word is ignored (P3).
    pub fn delivered(&mut self, id: BatchId) {
        if let Some(lane) = self.lane(id)
            && let Some(entry) = lane.entry(id.sequence)
        {
            entry.batch = None;
            lane.settle();
        }
    }

    /// The batch's counts are durable.
    pub fn counted(&mut self, id: BatchId) {
        if let Some(lane) = self.lane(id)
            && let Some(entry) = lane.entry(id.sequence)
        {
            entry.counted = true;
            lane.settle();
        }
    }

    /// What is settled and not known to be committed: the offsets to commit.
    pub fn committable(&self) -> Vec<(Partition, i64)> {
        self.lanes
            .iter()
            .filter(|(_, lane)| lane.settled > lane.committed)
            .map(|(partition, lane)| (*partition, lane.settled))
            .collect()
    }

    /// The broker has confirmed a commit. A confirmation for more than is settled is from a
    /// tenure of before and says nothing about this one.
    pub fn committed(&mut self, partition: Partition, offset: i64) {
        if let Some(lane) = self.lanes.get_mut(&partition)
            && offset <= lane.settled
        {
            lane.committed = lane.committed.max(offset);
        }
    }

    /// Drops what is in flight under the old generation. Reading goes on at
    /// [`Ledger::settled`].
    pub fn rewind(&mut self, partition: Partition, generation: Generation) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.generation = generation;
            lane.first = 0;
            lane.entries.clear();
        }
    }

    /// Lets a partition go.
    pub fn close(&mut self, partition: Partition) {
        self.lanes.remove(&partition);
    }

    /// The batches that `worker` had not handed on, in order, passed to its new incarnation.
    pub fn replay(&mut self, worker: usize, incarnation: u64) -> Vec<Arc<Batch>> {
        self.held_by(worker)
            .filter(|batch| batch.pass_to(incarnation))
            .cloned()
            .collect()
    }

    /// The record at which `worker` died: its partition and offset (P5).
    pub fn culprit(&self, worker: usize) -> Option<(Partition, i64)> {
        self.held_by(worker).find_map(|batch| {
            let index = batch.stopped_at()?;
            Some((batch.partition(), batch.records().get(index).offset()))
        })
    }

    /// The offset below which everything is settled.
    pub fn settled(&self, partition: Partition) -> Option<i64> {
        self.lanes.get(&partition).map(|lane| lane.settled)
    }

    pub fn last_committed(&self, partition: Partition) -> Option<i64> {
        self.lanes.get(&partition).map(|lane| lane.committed)
    }

    /// Whether nothing of the partition is in flight.
    pub fn is_idle(&self, partition: Partition) -> bool {
        self.lanes
            .get(&partition)
            .is_none_or(|lane| lane.entries.is_empty())
    }

    /// Batches in flight, all partitions.
    pub fn in_flight(&self) -> usize {
        self.lanes.values().map(|lane| lane.entries.len()).sum()
    }

    /// Partitions with work in flight, each with its settled offset.
    pub fn unsettled(&self) -> Vec<(Partition, i64)> {
        self.lanes
            .iter()
            .filter(|(_, lane)| !lane.entries.is_empty())
            .map(|(partition, lane)| (*partition, lane.settled))
            .collect()
    }

    fn lane(&mut self, id: BatchId) -> Option<&mut Lane> {
        self.lanes
            .get_mut(&id.partition)
            .filter(|lane| lane.generation == id.generation)
    }

    fn held_by(&self, worker: usize) -> impl Iterator<Item = &Arc<Batch>> {
        self.lanes
            .values()
            .flat_map(|lane| &lane.entries)
            .filter(move |entry| entry.worker == worker)
            .filter_map(|entry| entry.batch.as_ref())
    }
}

impl Lane {
    fn entry(&mut self, sequence: u64) -> Option<&mut Entry> {
        let index = sequence.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    fn settle(&mut self) {
        while let Some(entry) = self.entries.front()
            && entry.batch.is_none()
            && entry.counted
        {
            self.settled = entry.next;
            self.first += 1;
            self.entries.pop_front();
        }
    }
}
