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

use super::{Batch, BatchId, End, Generation, Outcomes, Partition};

/// Batches not yet settled, per partition, in offset order.
#[derive(Debug, Default)]
pub struct Ledger {
    lanes: BTreeMap<Partition, Lane>,
    /// Of what was settled since they were last taken.
    outcomes: Outcomes,
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
    records: usize,
    /// The first record's timestamp in Unix milliseconds, where the broker gave one.
    since: Option<i64>,
    /// None once delivered: the payload is dropped and its credit returns.
    batch: Option<Arc<Batch>>,
    /// Known once delivered.
    outcomes: Outcomes,
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

    /// Writes down a batch. Those of a generation come in sequence.
    pub fn append(&mut self, batch: Arc<Batch>) {
        let id = batch.id();
        let since = batch.records().iter().next().and_then(|of| of.timestamp());
        if let Some(lane) = self.lane(id) {
            debug_assert_eq!(id.sequence, lane.first + lane.entries.len() as u64);
            lane.entries.push_back(Entry {
                next: batch.range().next,
                records: batch.records().len(),
                since,
                batch: Some(batch),
                outcomes: Outcomes::default(),
                counted: false,
            });
        }
    }

    /// Every record of the batch has reached its end. An old generation's word is ignored (P3).
    pub fn delivered(&mut self, id: BatchId) {
        self.note(id, |entry| {
            if let Some(batch) = entry.batch.take() {
                entry.outcomes = batch.outcomes();
            }
        });
    }

    /// The batch's counts are durable, or will be with its transaction.
    pub fn counted(&mut self, id: BatchId) {
        self.note(id, |entry| entry.counted = true);
    }

    /// What became of the records that were settled since the last call. Each is settled once,
    /// however often it was read (P6).
    pub fn take_outcomes(&mut self) -> Outcomes {
        std::mem::take(&mut self.outcomes)
    }

    /// Whether this batch and all before it are [counted](Ledger::counted). Never so for an old
    /// generation (P3).
    pub fn is_counted(&self, id: BatchId) -> bool {
        let lane = self.lanes.get(&id.partition);
        let lane = lane.filter(|lane| lane.generation == id.generation);
        lane.is_some_and(|lane| {
            let sequences = (lane.first..).zip(&lane.entries);
            let mut upto = sequences.take_while(|(sequence, _)| *sequence <= id.sequence);
            upto.all(|(_, entry)| entry.counted)
        })
    }

    /// A transaction has committed this batch and all before it, up to `offset` (P12). False where
    /// the lane was rewound meanwhile and stands below: what it reads again is final already.
    #[must_use]
    pub fn committed_with(&mut self, (id, offset): End) -> bool {
        let Some(lane) = self.lanes.get_mut(&id.partition) else {
            return true;
        };
        let goes_on = lane.generation == id.generation || lane.settled >= offset;
        lane.stand_at(offset, &mut self.outcomes);
        goes_on
    }

    /// The broker says what is committed.
    pub fn stands_at(&mut self, partition: Partition, offset: i64) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.stand_at(offset, &mut self.outcomes);
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

    /// Lets go of what is in flight under the old generation, and says what that is. Reading goes
    /// on at [`Ledger::settled`].
    pub fn rewind(
        &mut self,
        partition: Partition,
        generation: Generation,
    ) -> impl Iterator<Item = Arc<Batch>> {
        let lane = self.lanes.get_mut(&partition);
        let entries = lane.map(|lane| {
            lane.generation = generation;
            lane.first = 0;
            std::mem::take(&mut lane.entries)
        });
        let entries = entries.into_iter().flatten();
        entries.filter_map(|entry| entry.batch)
    }

    /// Lets a partition go.
    pub fn close(&mut self, partition: Partition) {
        self.lanes.remove(&partition);
    }

    /// The parts of batches that `worker` had not handed on, in order, passed to its new
    /// incarnation.
    pub fn replay(&mut self, worker: usize, incarnation: u64) -> Vec<(Arc<Batch>, usize)> {
        self.held_by(worker)
            .filter(|(batch, part)| batch.part(*part).pass_to(incarnation))
            .map(|(batch, part)| (batch.clone(), part))
            .collect()
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

    /// Records of the partition in flight.
    pub fn records(&self, partition: Partition) -> usize {
        let lane = self.lanes.get(&partition);
        lane.map_or(0, |lane| lane.entries.iter().map(|of| of.records).sum())
    }

    /// The timestamp of the partition's oldest record in flight, in Unix milliseconds.
    pub fn oldest(&self, partition: Partition) -> Option<i64> {
        self.lanes.get(&partition)?.entries.front()?.since
    }

    fn lane(&mut self, id: BatchId) -> Option<&mut Lane> {
        self.lanes
            .get_mut(&id.partition)
            .filter(|lane| lane.generation == id.generation)
    }

    /// Notes what became of a batch, and what that settles.
    fn note(&mut self, id: BatchId, change: impl FnOnce(&mut Entry)) {
        let lane = self.lanes.get_mut(&id.partition);
        if let Some(lane) = lane.filter(|lane| lane.generation == id.generation)
            && let Some(entry) = lane.entry(id.sequence)
        {
            change(entry);
            lane.settle(&mut self.outcomes);
        }
    }

    fn held_by(&self, worker: usize) -> impl Iterator<Item = (&Arc<Batch>, usize)> {
        let entries = self.lanes.values().flat_map(|lane| &lane.entries);
        let batches = entries.filter_map(|entry| entry.batch.as_ref());
        batches.filter_map(move |batch| Some((batch, batch.part_of(worker)?)))
    }
}

impl Lane {
    fn entry(&mut self, sequence: u64) -> Option<&mut Entry> {
        let index = sequence.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    /// All below is final, whatever was heard of it here.
    fn stand_at(&mut self, offset: i64, outcomes: &mut Outcomes) {
        while let Some(entry) = self.entries.pop_front_if(|entry| entry.next <= offset) {
            self.first += 1;
            outcomes.add(entry.batch.map_or(entry.outcomes, |batch| batch.outcomes()));
        }
        self.settled = self.settled.max(offset);
        self.committed = self.committed.max(offset);
    }

    fn settle(&mut self, outcomes: &mut Outcomes) {
        let is_settled = |entry: &mut Entry| entry.batch.is_none() && entry.counted;
        while let Some(entry) = self.entries.pop_front_if(is_settled) {
            self.settled = entry.next;
            self.first += 1;
            outcomes.add(entry.outcomes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::batch::tests::batch;
    use crate::flow::generation::{Generations, Tenure};

    const P: Partition = Partition { topic: 0, id: 0 };
    const START: i64 = 10;

    #[derive(Clone, Debug)]
    enum Event {
        /// A batch of so many records.
        Append(i64),
        Delivered(usize),
        Counted(usize),
        /// Word comes of a batch of a generation before.
        Late(usize),
        Rewind,
        Committed,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (1i64..5).prop_map(Event::Append),
            4 => (0usize..12).prop_map(Event::Delivered),
            4 => (0usize..12).prop_map(Event::Counted),
            1 => (0usize..12).prop_map(Event::Late),
            1 => Just(Event::Rewind),
            1 => Just(Event::Committed),
        ]
    }

    /// Every batch of the generation, nothing forgotten, everything worked out from the start.
    #[derive(Default)]
    struct Naive {
        start: i64,
        committed: i64,
        batches: Vec<NaiveBatch>,
    }

    struct NaiveBatch {
        id: BatchId,
        next: i64,
        delivered: bool,
        counted: bool,
    }

    impl Naive {
        fn settled(&self) -> &[NaiveBatch] {
            let settled = |batch: &&NaiveBatch| batch.delivered && batch.counted;
            &self.batches[..self.batches.iter().take_while(settled).count()]
        }

        fn settled_offset(&self) -> i64 {
            self.settled().last().map_or(self.start, |batch| batch.next)
        }
    }

    /// The ledger and the naive list, told the same.
    struct Pair {
        ledger: Ledger,
        naive: Naive,
        tenure: Tenure,
        old: Vec<BatchId>,
    }

    impl Pair {
        fn new() -> Self {
            let tenure = Tenure::begin(&Generations::default());
            let mut ledger = Ledger::default();
            ledger.open(P, tenure.generation(), START);
            let naive = Naive {
                start: START,
                committed: START,
                batches: Vec::new(),
            };
            Pair {
                ledger,
                naive,
                tenure,
                old: Vec::new(),
            }
        }

        fn tell(&mut self, event: Event) {
            match event {
                Event::Append(records) => self.append(records),
                Event::Delivered(index) => {
                    if let Some(batch) = self.naive.batches.get_mut(index) {
                        batch.delivered = true;
                        self.ledger.delivered(batch.id);
                    }
                }
                Event::Counted(index) => {
                    if let Some(batch) = self.naive.batches.get_mut(index) {
                        batch.counted = true;
                        self.ledger.counted(batch.id);
                    }
                }
                Event::Late(index) => {
                    if let Some(id) = self.old.get(index) {
                        self.ledger.delivered(*id);
                        self.ledger.counted(*id);
                    }
                }
                Event::Rewind => self.rewind(),
                Event::Committed => {
                    self.naive.committed = self.naive.settled_offset();
                    self.ledger.committed(P, self.naive.committed);
                }
            }
        }

        fn append(&mut self, records: i64) {
            let last = self.naive.batches.last();
            let base = last.map_or(self.naive.start, |batch| batch.next);
            let sequence = self.naive.batches.len() as u64;
            let batch = batch(&self.tenure, sequence, base..base + records);
            self.naive.batches.push(NaiveBatch {
                id: batch.id(),
                next: base + records,
                delivered: false,
                counted: false,
            });
            self.ledger.append(Arc::new(batch));
        }

        fn rewind(&mut self) {
            self.naive.start = self.naive.settled_offset();
            let ids = self.naive.batches.drain(..).map(|batch| batch.id);
            self.old.extend(ids);
            let generation = self.tenure.advance();
            let void = self.ledger.rewind(P, generation);
            assert!(void.count() <= self.old.len());
        }
    }

    proptest! {
        #[test]
        fn p1_the_ledger_settles_what_a_naive_list_would(
            events in prop::collection::vec(event(), 1..80),
        ) {
            let mut pair = Pair::new();
            for event in events {
                pair.tell(event);
                let (ledger, naive) = (&pair.ledger, &pair.naive);
                let settled = naive.settled_offset();
                prop_assert_eq!(ledger.settled(P), Some(settled));
                prop_assert_eq!(ledger.last_committed(P), Some(naive.committed));
                let due = (settled > naive.committed).then_some((P, settled));
                prop_assert_eq!(ledger.committable(), Vec::from_iter(due));
                let in_flight = naive.batches.len() - naive.settled().len();
                prop_assert_eq!(ledger.in_flight(), in_flight);
                prop_assert_eq!(ledger.is_idle(P), in_flight == 0);
            }
        }
    }

    #[test]
    fn p2_a_replay_holds_in_order_what_was_not_handed_on() {
        let mut pair = Pair::new();
        (0..4).for_each(|_| pair.append(2));
        let before: Vec<_> = pair
            .ledger
            .held_by(0)
            .map(|(batch, _)| batch.clone())
            .collect();
        assert!(before[1].part(0).hand_on(1));
        pair.tell(Event::Delivered(2));
        let replayed = pair.ledger.replay(0, 2);
        let sequences: Vec<_> = replayed
            .iter()
            .map(|(batch, _)| batch.id().sequence)
            .collect();
        assert_eq!(sequences, [0, 3]);
        assert!(pair.ledger.replay(1, 2).is_empty(), "another worker's");
    }

    #[test]
    fn p4_the_payload_goes_with_the_delivery_though_its_counts_are_awaited() {
        let mut pair = Pair::new();
        pair.append(2);
        let batch = pair.ledger.held_by(0).next();
        let batch = batch.map(|(batch, _)| Arc::downgrade(batch));
        pair.tell(Event::Delivered(0));
        assert!(batch.expect("it was held").upgrade().is_none());
        assert_eq!(pair.ledger.settled(P), Some(START));
        assert!(!pair.ledger.is_idle(P));
    }

    #[test]
    fn a_confirmation_of_more_than_is_settled_is_of_a_tenure_before() {
        let mut pair = Pair::new();
        pair.ledger.committed(P, START + 5);
        assert_eq!(pair.ledger.last_committed(P), Some(START));
    }
}
