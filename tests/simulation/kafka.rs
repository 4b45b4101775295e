//! The simulated Kafka: input logs with gaps, a group's offsets and owners, output logs, and the
//! queue of a librdkafka-like producer.

use std::collections::{BTreeMap, VecDeque};

use greenroom::counts::Memory;
use greenroom::flow::outbox::Ticket;
use greenroom::flow::{Generation, Refusal};

use crate::checks::Witness;
use crate::dice::Dice;

mod coordinator;
mod counts;

pub use coordinator::{Denied, Producer};

use coordinator::Coordinator;

/// What will become of an input record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Emit,
    Filter,
    Reject,
    /// Its worker panics at it.
    Poison,
    /// Its worker blocks at it; abandoned, the thread wakes up later and goes on.
    Hang,
    /// The output's topic does not take it.
    TooLarge,
    /// Nor does the dead letters' topic, unless it comes without its value.
    HugeLetter,
}

const KINDS: [Kind; 12] = [
    Kind::Emit,
    Kind::Emit,
    Kind::Emit,
    Kind::Emit,
    Kind::Emit,
    Kind::Filter,
    Kind::Filter,
    Kind::Reject,
    Kind::Poison,
    Kind::Hang,
    Kind::TooLarge,
    Kind::HugeLetter,
];

/// They fall to different workers where there are several.
const KEYS: [Option<u8>; 5] = [None, Some(0), Some(1), Some(2), Some(3)];

#[derive(Clone, Copy, Debug)]
pub struct Input {
    pub offset: i64,
    pub key: Option<u8>,
    pub kind: Kind,
    pub bytes: usize,
}

/// Why a record became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Rejected,
    Poison,
    TooLarge,
}

/// A partition of an output topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Records of an input partition spread over two partitions, as keys do it.
    Output(i32, u16),
    Letters(i32),
}

/// A record on its way into an output log.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub life: u32,
    /// Where it belongs to a transaction.
    pub producer: Option<Producer>,
    pub ticket: Ticket,
    pub index: usize,
    pub target: Target,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<u8>,
    pub kind: Kind,
    pub generation: Generation,
    pub letter: Option<Reason>,
    pub has_value: bool,
}

pub struct Kafka {
    pub inputs: Vec<Vec<Input>>,
    pub committed: Vec<i64>,
    /// The process that the group has given each partition to.
    pub owners: Vec<Option<u32>>,
    /// Grows whenever an owner changes.
    pub generation: u64,
    pub transactions: Coordinator,
    /// Requests of clients that gave up on them; the broker may still append them, in order.
    pub ghosts: Vec<VecDeque<Entry>>,
    /// The store of the counts.
    pub counts: Memory,
}

impl Kafka {
    pub fn new(partitions: usize, gentle: bool, dice: &mut Dice) -> Self {
        let counts = Memory::default();
        Kafka {
            inputs: (0..partitions).map(|_| log(gentle, dice)).collect(),
            committed: vec![0; partitions],
            owners: vec![None; partitions],
            generation: 0,
            transactions: Coordinator::new(counts.clone()),
            ghosts: Vec::new(),
            counts,
        }
    }

    /// The offset after a partition's last record.
    pub fn end(&self, partition: usize) -> i64 {
        self.inputs[partition]
            .last()
            .map_or(0, |last| last.offset + 1)
    }

    /// Records from `position` on.
    pub fn from(&self, partition: i32, position: i64) -> &[Input] {
        let log = &self.inputs[partition as usize];
        &log[log.partition_point(|input| input.offset < position)..]
    }

    pub fn release(&mut self, partition: i32, life: u32) {
        if self.owners[partition as usize] == Some(life) {
            self.give(partition, None);
        }
    }

    /// The group has a new generation, in which the partition is this one's.
    pub fn give(&mut self, partition: i32, owner: Option<u32>) {
        self.owners[partition as usize] = owner;
        self.generation += 1;
    }

    /// Takes a commit from `life`, if it owns all of these partitions.
    pub fn commit(&mut self, life: u32, offsets: &[(i32, i64)], witness: &mut Witness) -> bool {
        let owns = |(partition, _): &(i32, i64)| self.owners[*partition as usize] == Some(life);
        if !offsets.iter().all(owns) {
            return false;
        }
        for (partition, offset) in offsets {
            witness.committed(self, *partition, *offset);
            self.committed[*partition as usize] = *offset;
        }
        true
    }
}

/// A log with holes, as compaction and transaction markers leave them. A gentle one holds only
/// records that need no second reading.
fn log(gentle: bool, dice: &mut Dice) -> Vec<Input> {
    let kinds = if gentle { &KINDS[..8] } else { &KINDS[..] };
    let mut offset = 0;
    (0..dice.below(16))
        .map(|_| {
            offset += 1 + if dice.one_in(4) {
                dice.below(4) as i64
            } else {
                0
            };
            Input {
                offset,
                key: dice.pick(&KEYS),
                kind: dice.pick(kinds),
                bytes: if dice.one_in(12) {
                    300
                } else {
                    10 + dice.below(40)
                },
            }
        })
        .collect()
}

/// What the broker says to a record.
fn verdict(entry: &Entry) -> Result<(), Refusal> {
    let fits = match (entry.kind, entry.target) {
        (Kind::TooLarge | Kind::HugeLetter, Target::Output(..)) => false,
        (Kind::HugeLetter, Target::Letters(_)) => !entry.has_value,
        _ => true,
    };
    if fits { Ok(()) } else { Err(Refusal::TooLarge) }
}

/// A delivery report.
pub struct Receipt {
    pub ticket: Ticket,
    pub index: usize,
    pub verdict: Result<(), Refusal>,
}

#[derive(Default)]
struct Lane {
    queued: VecDeque<Entry>,
    in_flight: VecDeque<Entry>,
}

/// The producer's client: a bounded queue, requests in flight, receipts not yet fetched. Idempotent:
/// what it appends to one target is a prefix of what it was given.
#[derive(Default)]
pub struct Client {
    lanes: BTreeMap<Target, Lane>,
    held: usize,
    receipts: VecDeque<Receipt>,
    /// A record was refused: a transaction can only be aborted.
    pub failed: bool,
}

impl Client {
    const CAPACITY: usize = 6;

    /// False while the queue is full.
    pub fn take(&mut self, entry: Entry) -> bool {
        let fits = self.held < Self::CAPACITY;
        if fits {
            self.held += 1;
            let lane = self.lanes.entry(entry.target).or_default();
            lane.queued.push_back(entry);
        }
        fits
    }

    pub fn is_full(&self) -> bool {
        self.held == Self::CAPACITY
    }

    pub fn has_work(&self) -> bool {
        self.held > 0
    }

    pub fn has_receipts(&self) -> bool {
        !self.receipts.is_empty()
    }

    pub fn receipt(&mut self) -> Option<Receipt> {
        self.receipts.pop_front()
    }

    /// Records that a purge would still stop.
    pub fn queued(&self) -> impl Iterator<Item = &Entry> {
        self.lanes.values().flat_map(|lane| &lane.queued)
    }

    /// The broker and the client go one step on with one target.
    pub fn advance(&mut self, dice: &mut Dice, kafka: &mut Kafka, witness: &mut Witness) {
        let busy = |lane: &&mut Lane| !lane.queued.is_empty() || !lane.in_flight.is_empty();
        let count = self.lanes.values_mut().filter(busy).count();
        let chosen = dice.below(count.max(1));
        let Some(lane) = self.lanes.values_mut().filter(busy).nth(chosen) else {
            return;
        };
        if lane.in_flight.is_empty() || dice.one_in(3) {
            let request = lane.queued.len().min(1 + dice.below(3));
            lane.in_flight.extend(lane.queued.drain(..request));
        } else if let Some(entry) = lane.in_flight.pop_front() {
            self.held -= 1;
            let verdict = kafka.append(&entry, witness);
            self.failed |= verdict.is_err();
            self.receipts.push_back(Receipt {
                ticket: entry.ticket,
                index: entry.index,
                verdict,
            });
        }
    }

    /// Gives up on everything. What is queued goes nowhere; of what is in flight nobody knows.
    pub fn purge(&mut self) -> Vec<VecDeque<Entry>> {
        self.held = 0;
        self.failed = false;
        let mut ghosts = Vec::new();
        for lane in std::mem::take(&mut self.lanes).into_values() {
            for entry in lane.in_flight.iter().chain(&lane.queued) {
                self.receipts.push_back(Receipt {
                    ticket: entry.ticket,
                    index: entry.index,
                    verdict: Err(Refusal::Lost),
                });
            }
            ghosts.push(lane.in_flight);
        }
        ghosts.retain(|ghost| !ghost.is_empty());
        ghosts
    }
}
