//! The promises, watched from outside: what is seen in the logs, the commits, the counts and the
//! deaths of workers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use greenroom::counts::{PartitionCounts, Storing};
use greenroom::flow::{Batch, Generation, Split};
use greenroom::kafka::TopicPartition;

use crate::house::Terms;
use crate::kafka::{Client, Entry, Input, Kafka, Kind, Reason, Target};

/// Deaths of workers at a record, before it becomes a dead letter.
pub const MAX_ATTEMPTS: u32 = 3;

/// What has been seen, and the first breach of a promise.
#[derive(Default)]
pub struct Witness {
    pub trace: bool,
    gentle: bool,
    storing: Storing,
    split: Split,
    breach: Option<String>,
    outputs: BTreeSet<(i32, i64)>,
    letters: BTreeMap<(i32, i64), Vec<Reason>>,
    /// The highest offset in each line.
    highest: BTreeMap<Line, i64>,
    /// By partition: below which offset all is counted and stored.
    stored: BTreeMap<i32, i64>,
    /// What a reader of committed records sees of each line.
    logs: BTreeMap<Line, BTreeMap<usize, i64>>,
    /// By process: how many workers each record killed.
    kills: HashMap<(u32, i32, i64), u32>,
    /// By process: how many workers died while they were at each record.
    deaths: HashMap<(u32, i32, i64), u32>,
    /// Records that became poison in some process.
    condemned: BTreeSet<(i32, i64)>,
    /// By process: the latest generation handed to the producer's client.
    handed: BTreeMap<(u32, i32), Generation>,
}

/// What stays in order: the records of an input partition in an output partition or, where workers
/// share batches by key, those of them with one key.
type Line = (Target, Option<u8>);

impl Witness {
    /// `trace` tells what happens, for a replay; `gentle` is a schedule where nothing goes wrong.
    pub fn new(trace: bool, gentle: bool, terms: Terms) -> Self {
        Witness {
            trace,
            gentle,
            storing: terms.storing,
            split: terms.split,
            ..Witness::default()
        }
    }

    pub fn verdict(&self) -> Result<(), String> {
        self.breach.clone().map_or(Ok(()), Err)
    }

    /// Something for the reader of a replay.
    pub fn note(&self, text: impl FnOnce() -> String) {
        if self.trace {
            println!("      {}", text());
        }
    }

    fn require(&mut self, holds: bool, breach: impl FnOnce() -> String) {
        if !holds && self.breach.is_none() {
            self.breach = Some(breach());
        }
    }

    /// P2: the first occurrences of a line's outputs are in order. P5: nothing is
    /// called poison that has not killed its share of workers. P8: nothing comes twice where members
    /// only come and go.
    pub fn appended(&mut self, entry: &Entry) {
        self.note(|| format!("appended {:?} offset {}", entry.target, entry.offset));
        let record = (entry.partition, entry.offset);
        let repeated = self.outputs.contains(&record) || self.letters.contains_key(&record);
        self.require(!(self.gentle && repeated), || {
            format!("P8: {record:?} is written twice")
        });
        if self.ended(entry) {
            let highest = self.highest.entry(self.line(entry)).or_insert(-1);
            // What one process has given up on, another may still get through.
            let in_order = *highest < entry.offset || self.condemned.contains(&record);
            *highest = entry.offset.max(*highest);
            self.require(in_order, || {
                format!("P2: {record:?} comes late in {:?}", entry.target)
            });
        }
    }

    fn line(&self, entry: &Entry) -> Line {
        let key = entry.key.filter(|_| self.split == Split::ByKey);
        (entry.target, key)
    }

    /// A record has its result. True for an output that it had not before.
    fn ended(&mut self, entry: &Entry) -> bool {
        let record = (entry.partition, entry.offset);
        let Some(reason) = entry.letter else {
            return self.outputs.insert(record);
        };
        let deaths = self.deaths_of(entry.life, record);
        self.require(reason != Reason::Poison || deaths >= MAX_ATTEMPTS, || {
            format!("P5: {record:?} is called poison after {deaths} deaths")
        });
        self.letters.entry(record).or_default().push(reason);
        false
    }

    /// P12: a transaction has made a record visible at this place of its log, and nothing comes
    /// twice. P2: the outputs that are seen are in order.
    pub fn seen(&mut self, entry: &Entry, place: usize) {
        self.note(|| format!("seen {:?} offset {}", entry.target, entry.offset));
        let record = (entry.partition, entry.offset);
        let repeated = self.outputs.contains(&record) || self.letters.contains_key(&record);
        self.require(!repeated, || format!("P12: {record:?} is seen twice"));
        if self.ended(entry) {
            let log = self.logs.entry(self.line(entry)).or_default();
            let before = log.range(..place).next_back().map(|(_, offset)| *offset);
            let after = log.range(place..).next().map(|(_, offset)| *offset);
            log.insert(place, entry.offset);
            let in_order = before < Some(entry.offset) && after.is_none_or(|of| entry.offset < of);
            self.require(in_order, || {
                format!("P2: {record:?} is out of order in {:?}", entry.target)
            });
        }
    }

    /// P1: all below a committed offset has reached its end. P11: and its counts are stored. P12:
    /// no others are, where transactions store them.
    pub fn committed(&mut self, kafka: &Kafka, partition: i32, offset: i64) {
        self.note(|| format!("committed partition {partition} up to {offset}"));
        let before = kafka.committed[partition as usize];
        self.require(offset >= before, || {
            format!("P1: commit of partition {partition} goes back from {before} to {offset}")
        });
        let mut fresh = kafka.from(partition, before).iter();
        let ends = offset == before || fresh.any(|input| input.offset + 1 == offset);
        self.require(ends, || {
            format!("P1: partition {partition} is committed at {offset}, where no record ends")
        });
        for input in kafka.from(partition, before) {
            if input.offset < offset {
                self.settled(partition, input);
            }
        }
        let stored = self.stored.get(&partition).copied();
        self.require(offset == before || Some(offset) <= stored, || {
            format!(
                "P11: partition {partition} is committed at {offset} and stored up to {stored:?}"
            )
        });
        let apart = self.storing == Storing::Apart;
        self.require(apart || stored.unwrap_or(0) <= offset, || {
            format!(
                "P12: partition {partition} is committed at {offset} and stored up to {stored:?}"
            )
        });
    }

    fn settled(&mut self, partition: i32, input: &Input) {
        let record = (partition, input.offset);
        let ended = self.has_ended(partition, input);
        self.require(ended, || {
            format!("P1: {record:?} is committed and has not ended")
        });
    }

    fn has_ended(&self, partition: i32, input: &Input) -> bool {
        let record = (partition, input.offset);
        let letters = self.letters.get(&record);
        let letter = |reason| letters.is_some_and(|letters| letters.contains(&reason));
        let regular = match input.kind {
            Kind::Filter => true,
            Kind::Emit | Kind::Hang => self.outputs.contains(&record),
            Kind::Reject => letter(Reason::Rejected),
            Kind::TooLarge | Kind::HugeLetter => letter(Reason::TooLarge),
            Kind::Poison => false,
        };
        regular || letter(Reason::Poison)
    }

    /// P11: a stored state never goes back, and holds each record below its offset once.
    pub fn stored(&mut self, kafka: &Kafka, states: &BTreeMap<TopicPartition, PartitionCounts>) {
        for (named, state) in states {
            let partition = named.partition;
            let next = state.next_offset;
            self.note(|| format!("stored partition {partition} up to {next}"));
            let before = self.stored.insert(partition, next);
            self.require(before <= Some(next), || {
                format!("P11: partition {partition} goes back from {before:?} to {next}")
            });
            for input in kafka.from(partition, 0) {
                let times = state.counts.at(&[&input.offset.to_string()]);
                self.require(times == u64::from(input.offset < next), || {
                    let offset = input.offset;
                    format!("P11: ({partition}, {offset}) counts {times} times below {next}")
                });
            }
        }
    }

    /// P5: a record is not tried for ever. A death counts as an attempt when its worker is
    /// restarted; a rebalance meanwhile may have passed the record to one of the `others`.
    pub fn killed(&mut self, life: u32, partition: i32, offset: i64, others: usize) {
        self.note(|| format!("partition {partition} offset {offset} kills its worker"));
        let kills = self.kills.entry((life, partition, offset)).or_default();
        *kills += 1;
        let bounded = *kills as usize <= MAX_ATTEMPTS as usize + others;
        self.require(bounded, || {
            format!("P5: ({partition}, {offset}) is tried too often")
        });
    }

    /// A worker died while it was at this record, whether of it or by chance.
    pub fn blamed(&mut self, life: u32, partition: i32, offset: i64) {
        let deaths = self.deaths.entry((life, partition, offset)).or_default();
        *deaths += 1;
        if *deaths == MAX_ATTEMPTS {
            self.condemned.insert((partition, offset));
        }
    }

    fn deaths_of(&self, life: u32, (partition, offset): (i32, i64)) -> u32 {
        self.deaths
            .get(&(life, partition, offset))
            .copied()
            .unwrap_or(0)
    }

    /// P3: only the current generation is handed over, and nothing of an old one is left in the
    /// queue by then.
    pub fn handed(&mut self, life: u32, batch: &Batch, client: &Client) {
        let id = batch.id();
        let partition = id.partition.id;
        self.require(batch.is_current(), || {
            format!("P3: {id:?} is over and handed on")
        });
        let latest = self.handed.insert((life, partition), id.generation);
        self.require(latest <= Some(id.generation), || {
            format!("P3: {id:?} comes after {latest:?}")
        });
        let void = client
            .queued()
            .find(|entry| entry.partition == partition && entry.generation < id.generation)
            .map(|entry| entry.generation);
        self.require(void.is_none(), || {
            format!("P3: {void:?} still waits when {id:?} is sent")
        });
    }

    /// P4: what is alive fits the budget, or is alone.
    pub fn in_flight(&mut self, sizes: &[usize], limit: usize) {
        let total: usize = sizes.iter().sum();
        self.require(total <= limit || sizes.len() == 1, || {
            format!("P4: {total} bytes of {limit}")
        });
    }

    /// Liveness, and P4 once more: at rest all credit is back.
    pub fn at_rest(&mut self, used: usize) {
        self.require(used == 0, || format!("P4: {used} bytes never came back"));
    }

    /// P1: every record has its result.
    pub fn finally(&mut self, kafka: &Kafka) {
        for (partition, inputs) in kafka.inputs.iter().enumerate() {
            for input in inputs {
                let ended = self.has_ended(partition as i32, input);
                self.require(ended, || {
                    format!("P1: {input:?} of partition {partition} is lost")
                });
            }
        }
    }
}
