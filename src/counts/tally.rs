//! What was counted, and what of it is durable: the value that decides for the aggregator (P11).
//!
//! ```text
//!            restored                count                  changes            saved
//!  (store) ───────────▶ [ state ] ◀───────── (batch)   ──────────────▶ (store) ──────▶ Counted
//!                       [ added, waiting ]                                     └─────▶ Gap
//! ```
//! A batch is counted at once and reported when the store holds its counts, or when nothing but the
//! [transaction](Storing::WithTransactions) that it is in can take them there. Whatever goes wrong,
//! the partition is restored: its state is then what the store holds, and the records that lie
//! above it are counted again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::store::{Change, Saved};
use super::{Counts, Delta, Path};
use crate::flow::batch::Range;
use crate::flow::generation::Lease;
use crate::flow::{Batch, BatchId, End, Generation, Partition, Report};
use crate::kafka::TopicPartition;

/// So many counts and batches that wait are a reason to store them before their time: what a store
/// is given at once is bounded.
const HEAVY: usize = 20_000;

/// Who has counts stored, and so when those of a batch are settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storing {
    /// Whoever asks for [changes](Tally::changes), in its own time. A batch is reported when the
    /// store has answered.
    #[default]
    Apart,
    /// The transaction that the batch is in, up to its [ends](Tally::changes_upto): counts and
    /// offsets become visible together (P12). A batch is reported at once, so that its transaction
    /// may be committed.
    WithTransactions,
}

/// A partition's state: `counts` holds every record below `next_offset`, each once. The two are
/// stored as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionCounts {
    pub next_offset: i64,
    pub counts: Counts,
}

/// States by partition.
pub type States = BTreeMap<TopicPartition, PartitionCounts>;

/// What became of a batch's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Counts of other parts of the batch are to come: they are added together.
    Gathered,
    /// They were added.
    Counted,
    /// Every record of the batch had been counted before: nothing was done.
    AlreadyCounted,
    /// They do not begin where the state ends, so that adding them would leave records out or
    /// count them twice: nothing was done. The answer is a rewind.
    Gap,
    /// The batch is of an old generation, or of a partition that is not restored: its records are
    /// read again (P3).
    Void,
}

/// Exact counts of the partitions that this instance reads.
#[derive(Debug, Default)]
pub struct Tally {
    /// Names of the input topics, in the pipeline's order.
    topics: Vec<Arc<str>>,
    storing: Storing,
    books: BTreeMap<Partition, Book>,
    /// What is being saved; the answers come in this order.
    saving: Vec<Saving>,
    reports: Vec<Report>,
}

/// A partition's counts under one generation.
#[derive(Debug)]
struct Book {
    lease: Lease,
    state: PartitionCounts,
    /// Where the stored state ends; None where nothing is stored.
    stored: Option<i64>,
    /// Of batches that came in part, by sequence.
    gathered: BTreeMap<u64, Gathered>,
    waiting: VecDeque<Waiting>,
    /// How much waits: batches, and counts of them.
    weight: usize,
}

/// What the parts of a batch count that have come.
#[derive(Debug, Default)]
struct Gathered {
    parts: usize,
    delta: Delta,
}

/// A batch that is counted and not stored.
#[derive(Debug)]
struct Waiting {
    id: BatchId,
    next: i64,
    /// What it added to the state.
    added: Delta,
    /// Held where the store is behind, for its credit (P4).
    _held: Option<Arc<Batch>>,
}

#[derive(Debug)]
struct Saving {
    partition: Partition,
    generation: Generation,
    next: i64,
}

impl Tally {
    /// Of partitions of these input topics.
    pub fn new(topics: &[String], storing: Storing) -> Self {
        Tally {
            topics: topics.iter().map(|topic| topic.as_str().into()).collect(),
            storing,
            ..Tally::default()
        }
    }

    /// A partition is read from `start` on, and the store holds this of it: says from where its
    /// records are to be counted. None where the generation is over meanwhile.
    ///
    /// What lies below `start` is settled, so it was counted, by a member of before.
    pub fn restore(
        &mut self,
        partition: Partition,
        lease: Lease,
        start: i64,
        stored: Option<PartitionCounts>,
    ) -> Option<i64> {
        if !lease.is_current() {
            return None;
        }
        let mut book = Book::open(lease, stored);
        book.state.next_offset = book.state.next_offset.max(start);
        let next_offset = book.state.next_offset;
        self.books.insert(partition, book);
        Some(next_offset)
    }

    /// Takes what a part of a batch counts, if it is current, and counts the batch as a whole once
    /// all of its parts have come. `hold` keeps its credit until its counts are stored: say so while
    /// the store is behind (P4).
    pub fn count(&mut self, batch: &Arc<Batch>, delta: Delta, hold: bool) -> Applied {
        let id = batch.id();
        let book = self.books.get_mut(&id.partition);
        let current =
            |book: &&mut Book| batch.is_current() && book.lease.generation() == id.generation;
        let Some(book) = book.filter(current) else {
            return Applied::Void;
        };
        let Some(delta) = book.gather(batch, delta) else {
            return Applied::Gathered;
        };
        let applied = book.apply(batch.range(), &delta);
        let added = match applied {
            Applied::Counted => delta,
            Applied::AlreadyCounted => Delta::default(),
            Applied::Gap => {
                self.reports.push(Report::Gap(id));
                return applied;
            }
            Applied::Void | Applied::Gathered => return applied,
        };
        book.wait(Waiting {
            id,
            next: batch.range().next,
            added,
            _held: hold.then(|| batch.clone()),
        });
        match self.storing {
            Storing::Apart => book.release(|id| self.reports.push(Report::Counted(id))),
            Storing::WithTransactions => self.reports.push(Report::Counted(id)),
        }
        applied
    }

    /// Drops what is of generations that are over.
    pub fn fence(&mut self) {
        self.books.retain(|_, book| book.lease.is_current());
    }

    /// What is to be stored now; None where there is nothing, something is being saved already, or
    /// transactions have it stored. [`Tally::saved`] answers.
    pub fn changes(&mut self) -> Option<Vec<Change>> {
        if self.is_saving() || self.storing == Storing::WithTransactions {
            return None;
        }
        let mut changes = Vec::new();
        let dirty = self.books.iter().filter(|(_, book)| book.is_dirty());
        for (partition, book) in dirty {
            self.saving.push(Saving {
                partition: *partition,
                generation: book.lease.generation(),
                next: book.state.next_offset,
            });
            let partition = name(&self.topics, *partition);
            changes.push(book.change(partition, book.state.next_offset));
        }
        (!changes.is_empty()).then_some(changes)
    }

    /// What a transaction with these ends is to store. None where some of it is not counted, or is
    /// being read again: then it must not be committed. [`Tally::stored`] says that it was.
    pub fn changes_upto(&self, ends: &[End]) -> Option<Vec<Change>> {
        let mut changes = Vec::new();
        for (id, end) in ends {
            let book = self.books.get(&id.partition);
            let book = book.filter(|book| book.has_counted(*id, *end))?;
            // A member before us, with another delivery, may have counted further.
            if book.stored < Some(*end) {
                changes.push(book.change(name(&self.topics, id.partition), *end));
            }
        }
        Some(changes)
    }

    /// A transaction has stored what is counted up to these ends.
    pub fn stored(&mut self, ends: &[End]) {
        for (id, end) in ends {
            let book = self.books.get_mut(&id.partition);
            if let Some(book) = book.filter(|of| of.lease.generation() == id.generation) {
                book.stored = book.stored.max(Some(*end));
                book.release(|_| {});
            }
        }
    }

    pub fn is_saving(&self) -> bool {
        !self.saving.is_empty()
    }

    /// The store's answers to [`Tally::changes`]. Where it refuses, somebody else has counted the
    /// partition: it is read again, from what the store holds.
    pub fn saved(&mut self, answers: &[Saved]) {
        for (saving, answer) in self.saving.drain(..).zip(answers) {
            let book = self.books.get_mut(&saving.partition);
            let Some(book) = book.filter(|of| of.lease.generation() == saving.generation) else {
                continue;
            };
            match answer {
                Saved::Kept => {
                    book.stored = Some(saving.next);
                    book.release(|id| self.reports.push(Report::Counted(id)));
                }
                Saved::Refused => {
                    let first = book.waiting.front().map(|waiting| Report::Gap(waiting.id));
                    self.reports.extend(first);
                    self.books.remove(&saving.partition);
                }
            }
        }
    }

    /// Whether so much is not stored that it should be soon.
    pub fn is_heavy(&self) -> bool {
        self.books.values().map(|book| book.weight).sum::<usize>() > HEAVY
    }

    /// Reports for the consumer since the last call.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// The state of each partition of this instance.
    pub fn states(&self) -> States {
        let states = self.books.iter();
        let states = states.map(|(of, book)| (name(&self.topics, *of), book.state.clone()));
        states.collect()
    }

    /// The counts of all partitions of this instance together.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for book in self.books.values() {
            all.merge_counts(&book.state.counts);
        }
        all
    }
}

fn name(topics: &[Arc<str>], partition: Partition) -> TopicPartition {
    TopicPartition {
        topic: topics[usize::from(partition.topic)].clone(),
        partition: partition.id,
    }
}

impl Book {
    fn open(lease: Lease, stored: Option<PartitionCounts>) -> Self {
        Book {
            lease,
            stored: stored.as_ref().map(|state| state.next_offset),
            state: stored.unwrap_or_default(),
            gathered: BTreeMap::new(),
            waiting: VecDeque::new(),
            weight: 0,
        }
    }

    /// What the whole batch counts, where this was the last part that was to come.
    fn gather(&mut self, batch: &Batch, delta: Delta) -> Option<Delta> {
        let (parts, sequence) = (batch.parts().len(), batch.id().sequence);
        if parts == 1 {
            return Some(delta);
        }
        let gathered = self.gathered.entry(sequence).or_default();
        gathered.parts += 1;
        gathered.delta.added.extend(delta.added);
        if gathered.parts < parts {
            return None;
        }
        Some(self.gathered.remove(&sequence)?.delta)
    }

    /// Adds the counts of a whole batch, the records `base..next` of which those from
    /// `count_from` on were counted.
    ///
    /// Batches of one partition come in offset order, and each begins where the one before it
    /// ended: an offset that holds no record (compaction, transaction markers) belongs to the
    /// batch that steps over it.
    fn apply(&mut self, range: Range, delta: &Delta) -> Applied {
        let end = self.state.next_offset;
        if range.next <= end {
            return Applied::AlreadyCounted;
        }
        if range.base.max(range.count_from) != end {
            return Applied::Gap;
        }
        self.state.counts.merge(delta);
        self.state.next_offset = range.next;
        Applied::Counted
    }

    fn wait(&mut self, batch: Waiting) {
        self.weight += batch.weight();
        self.waiting.push_back(batch);
    }

    /// Whether the batch, and so all before it, is counted in the generation of the day.
    fn has_counted(&self, id: BatchId, end: i64) -> bool {
        self.lease.generation() == id.generation
            && self.lease.is_current()
            && self.state.next_offset >= end
    }

    fn is_dirty(&self) -> bool {
        !self.waiting.is_empty() && self.lease.is_current()
    }

    /// What was counted up to `end` and is not stored.
    fn change(&self, partition: TopicPartition, end: i64) -> Change {
        let mut added: HashMap<&Path, u64> = HashMap::new();
        for batch in self.waiting.iter().filter(|batch| batch.next <= end) {
            for (path, n) in &batch.added.added {
                *added.entry(path).or_default() += n;
            }
        }
        let added = added.into_iter().map(|(path, n)| (path.clone(), n));
        Change {
            partition,
            base: self.stored,
            next_offset: end,
            added: Delta {
                added: added.collect(),
            },
        }
    }

    /// Lets go of what the store holds.
    fn release(&mut self, mut each: impl FnMut(BatchId)) {
        let is_stored = |batch: &mut Waiting| Some(batch.next) <= self.stored;
        while let Some(batch) = self.waiting.pop_front_if(is_stored) {
            self.weight -= batch.weight();
            each(batch.id);
        }
    }
}

impl Waiting {
    fn weight(&self) -> usize {
        1 + self.added.added.len()
    }
}

#[cfg(test)]
mod tests;
