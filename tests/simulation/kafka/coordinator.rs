//! The transactions: what is appended under an id is seen when that id's transaction is committed,
//! together with its offsets, or never.

use std::collections::BTreeMap;
use std::mem::take;

use greenroom::counts::{Change, Memory};
use greenroom::flow::Refusal;

use super::counts::CountsLog;
use super::{Entry, Kafka, Target, verdict};
use crate::checks::Witness;

/// Which producer it is: the instance's id, and how many have taken it so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    pub id: usize,
    epoch: u64,
}

/// Why the broker does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Another producer has the id, or the transaction took too long.
    Fenced,
    /// The group has gone on since the offsets' sender was a member of it.
    NoMember,
}

/// Under each id, the transaction that is open; and how long each log is.
pub struct Coordinator {
    open: BTreeMap<usize, Open>,
    lengths: BTreeMap<Target, usize>,
    pub counts: CountsLog,
}

#[derive(Default)]
struct Open {
    epoch: u64,
    /// With their places in their logs.
    entries: Vec<(usize, Entry)>,
    offsets: Vec<(i32, i64)>,
}

impl Coordinator {
    /// `counts` is what a reader is shown of the counts that transactions store.
    pub fn new(counts: Memory) -> Self {
        Coordinator {
            open: BTreeMap::new(),
            lengths: BTreeMap::new(),
            counts: CountsLog::new(counts),
        }
    }

    /// The id is taken: its open transaction is aborted, and who had the id before is fenced.
    pub fn init(&mut self, id: usize) -> Producer {
        let open = self.open.entry(id).or_default();
        let epoch = open.epoch + 1;
        *open = Open {
            epoch,
            ..Open::default()
        };
        self.counts.decide(id, false);
        Producer { id, epoch }
    }

    /// Whether offsets of the partition wait for the end of a transaction: who asks what is
    /// committed has to wait for it too.
    pub fn is_pending(&self, partition: i32) -> bool {
        let mut offsets = self.open.values().flat_map(|open| &open.offsets);
        offsets.any(|(of, _)| *of == partition)
    }

    /// Whether a transaction is open under this id.
    pub fn is_open(&self, id: usize) -> bool {
        let open = self.open.get(&id);
        open.is_some_and(|open| !open.entries.is_empty() || !open.offsets.is_empty())
            || self.counts.is_open(id)
    }

    /// How long the log is by one more record: its place.
    fn place(&mut self, target: Target) -> usize {
        let length = self.lengths.entry(target).or_default();
        *length += 1;
        *length
    }

    fn of(&mut self, producer: Producer) -> Result<&mut Open, Denied> {
        let open = self.open.get_mut(&producer.id);
        open.filter(|open| open.epoch == producer.epoch)
            .ok_or(Denied::Fenced)
    }
}

impl Kafka {
    /// The broker takes a record, or refuses it.
    pub fn append(&mut self, entry: &Entry, witness: &mut Witness) -> Result<(), Refusal> {
        verdict(entry)?;
        let Some(producer) = entry.producer else {
            witness.appended(entry);
            return Ok(());
        };
        let place = self.transactions.place(entry.target);
        let open = self.transactions.of(producer);
        open.map_err(|_| Refusal::Lost)?
            .entries
            .push((place, *entry));
        Ok(())
    }

    /// Takes offsets from whoever knows the group's generation, whosever the partitions are.
    pub fn send_offsets(
        &mut self,
        producer: Producer,
        generation: u64,
        offsets: &[(i32, i64)],
    ) -> Result<(), Denied> {
        let current = self.generation;
        let open = self.transactions.of(producer)?;
        if generation != current {
            return Err(Denied::NoMember);
        }
        open.offsets = offsets.to_vec();
        Ok(())
    }

    pub fn store_counts(&mut self, producer: Producer, changes: Vec<Change>) -> Result<(), Denied> {
        self.transactions.of(producer)?;
        self.transactions.counts.append(producer.id, changes);
        Ok(())
    }

    pub fn commit_transaction(
        &mut self,
        producer: Producer,
        witness: &mut Witness,
    ) -> Result<(), Denied> {
        let open = self.transactions.of(producer)?;
        let (entries, offsets) = (take(&mut open.entries), take(&mut open.offsets));
        for (place, entry) in entries {
            witness.seen(&entry, place);
        }
        if let Some(states) = self.transactions.counts.decide(producer.id, true) {
            witness.stored(self, &states);
        }
        for (partition, offset) in offsets {
            witness.committed(self, partition, offset);
            self.committed[partition as usize] = offset;
        }
        Ok(())
    }

    pub fn abort_transaction(&mut self, producer: Producer) -> Result<(), Denied> {
        let open = self.transactions.of(producer)?;
        open.entries.clear();
        open.offsets.clear();
        self.transactions.counts.decide(producer.id, false);
        Ok(())
    }
}
