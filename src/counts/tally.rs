//! What was counted, and what of it is durable: the value that decides for the aggregator (P11).
//!
//! ```text
//!            restored                count                  changes            saved
//!  (store) ───────────▶ [ state ] ◀───────── (batch)   ──────────────▶ (store) ──────▶ Counted
//!                       [ added, waiting ]                                     └─────▶ Gap
//! ```
//! A batch is counted at once and reported when the store holds its counts. Whatever goes wrong,
//! the partition is restored: its state is then what the store holds, and the records that lie
//! above it are counted again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::store::{Change, Saved};
use super::{Counts, Delta, Path};
use crate::flow::batch::Range;
use crate::flow::generation::Lease;
use crate::flow::{Batch, BatchId, Generation, Partition, Report};
use crate::kafka::TopicPartition;

/// So many paths that changed, or batches that wait, are a reason to store them before their time:
/// what a store is given at once is bounded.
const HEAVY: usize = 20_000;

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
    /// What was added to the state since it was stored.
    added: HashMap<Path, u64>,
    waiting: VecDeque<Waiting>,
}

/// A batch that is counted and not stored.
#[derive(Debug)]
struct Waiting {
    id: BatchId,
    next: i64,
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
    pub fn new(topics: &[String]) -> Self {
        Tally {
            topics: topics.iter().map(|topic| topic.as_str().into()).collect(),
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

    /// Counts a whole batch, if it is current. `hold` keeps the batch's credit until its counts
    /// are stored: say so while the store is behind (P4).
    pub fn count(&mut self, batch: &Arc<Batch>, delta: &Delta, hold: bool) -> Applied {
        let id = batch.id();
        let book = self.books.get_mut(&id.partition);
        let current =
            |book: &&mut Book| batch.is_current() && book.lease.generation() == id.generation;
        let Some(book) = book.filter(current) else {
            return Applied::Void;
        };
        let applied = book.apply(batch.range(), delta);
        match applied {
            Applied::Void => {}
            Applied::Gap => self.reports.push(Report::Gap(id)),
            Applied::Counted | Applied::AlreadyCounted => {
                book.waiting.push_back(Waiting {
                    id,
                    next: batch.range().next,
                    _held: hold.then(|| batch.clone()),
                });
                book.release(&mut self.reports);
            }
        }
        applied
    }

    /// Drops what is of generations that are over.
    pub fn fence(&mut self) {
        self.books.retain(|_, book| book.lease.is_current());
    }

    /// What is to be stored; None where there is nothing, or something is being saved already.
    /// [`Tally::saved`] answers.
    pub fn changes(&mut self) -> Option<Vec<Change>> {
        if self.is_saving() {
            return None;
        }
        let mut changes = Vec::new();
        let dirty = self.books.iter_mut().filter(|(_, book)| book.is_dirty());
        for (partition, book) in dirty {
            self.saving.push(Saving {
                partition: *partition,
                generation: book.lease.generation(),
                next: book.state.next_offset,
            });
            changes.push(book.take_change(name(&self.topics, *partition)));
        }
        (!changes.is_empty()).then_some(changes)
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
                    book.release(&mut self.reports);
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
        let unsaved = |book: &Book| book.added.len() + book.waiting.len();
        self.books.values().map(unsaved).sum::<usize>() > HEAVY
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
            added: HashMap::new(),
            waiting: VecDeque::new(),
        }
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
        for (path, n) in &delta.added {
            *self.added.entry(path.clone()).or_default() += n;
        }
        Applied::Counted
    }

    fn is_dirty(&self) -> bool {
        !self.waiting.is_empty() && self.lease.is_current()
    }

    fn take_change(&mut self, partition: TopicPartition) -> Change {
        Change {
            partition,
            base: self.stored,
            next_offset: self.state.next_offset,
            added: Delta {
                added: self.added.drain().collect(),
            },
        }
    }

    /// Reports what the store holds.
    fn release(&mut self, reports: &mut Vec<Report>) {
        while let Some(waiting) = self.waiting.front()
            && Some(waiting.next) <= self.stored
        {
            reports.push(Report::Counted(waiting.id));
            self.waiting.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
