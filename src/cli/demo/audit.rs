//! What became of every record: counted from what a client of its own reads back.
//!
//! The generator numbers its records in a header that passes through the house unchanged (P9), so
//! an output tells which input it came from; a dead letter names its source's partition and offset.
//! An [`Audit`] is a pure value, fed by a [`Reader`]. It believes nothing that the service says of
//! itself, save how many records it filtered: those leave no trace in a topic.
//!
//! It expects logs that begin at offset 0 and have no gaps, as a demo's are. A record costs it
//! twelve bytes and a bit.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bits::Bits;

mod bits;
mod reader;
mod report;

pub use reader::{Reader, Topics};
pub use report::Report;

/// The header that carries a record's number, eight bytes, big-endian, counted from 0.
pub const ID_HEADER: &str = "id";

/// A record's number as its header holds it.
pub fn encode_id(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// None where the header was not made by [`encode_id`].
pub fn decode_id(header: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(header.try_into().ok()?))
}

/// Numbers and offsets from here on are none of a demo's: what an odd header says must not make
/// the audit ask for that much memory.
const LIMIT: u64 = 1 << 28;

/// An input record's place.
#[derive(Clone, Copy, Debug)]
struct Place {
    partition: u16,
    offset: u32,
}

impl Place {
    fn new(partition: i32, offset: i64) -> Option<Self> {
        let offset = u32::try_from(offset).ok()?;
        (u64::from(offset) < LIMIT).then_some(Place {
            partition: u16::try_from(partition).ok()?,
            offset,
        })
    }
}

/// One input partition.
#[derive(Debug, Default)]
struct Input {
    /// The offset after the last record read.
    end: u32,
    /// Offsets that have a result.
    answered: Bits,
}

/// The ledger of an audit. Feed it each partition's records in the order of the log; partitions
/// and topics may come in any order.
#[derive(Debug, Default)]
pub struct Audit {
    inputs: BTreeMap<u16, Input>,
    /// Where each numbered input lies.
    places: Vec<Option<Place>>,
    /// Outputs, by their partition, that were read before the input they came from.
    waiting: BTreeMap<i32, VecDeque<u64>>,
    /// Dead letters that were read before the input they came from.
    waiting_letters: Vec<(Place, String)>,
    /// The highest offset of an input partition that an output partition holds already.
    highest: HashMap<(u16, i32), u32>,
    rejections: BTreeMap<String, u64>,
    produced: u64,
    duplicated: u64,
    out_of_order: u64,
    strangers: u64,
    unread: u64,
}

impl Audit {
    /// A record of the input topic, with its number if it has one.
    pub fn input(&mut self, partition: i32, offset: i64, id: Option<u64>) {
        let Some(place) = Place::new(partition, offset) else {
            self.unread += 1;
            return;
        };
        let input = self.inputs.entry(place.partition).or_default();
        input.end = input.end.max(place.offset + 1);
        if let Some(index) = id.and_then(index) {
            if self.places.len() <= index {
                self.places.resize(index + 1, None);
            }
            self.places[index] = Some(place);
        }
    }

    /// A record of the output topic, with the number of its input.
    pub fn output(&mut self, partition: i32, id: Option<u64>) {
        let Some(id) = id else {
            self.strangers += 1;
            return;
        };
        self.waiting.entry(partition).or_default().push_back(id);
        while let Some(place) = self.next_known(partition) {
            self.produced(place, partition);
        }
    }

    /// A dead letter: its source's place and its error's type.
    pub fn dead_letter(&mut self, partition: i32, offset: i64, error_type: &str) {
        match Place::new(partition, offset) {
            None => self.strangers += 1,
            Some(place) if self.is_read(place) => self.rejected(place, error_type),
            Some(place) => self.waiting_letters.push((place, error_type.to_owned())),
        }
    }

    /// A dead letter that does not say where it came from.
    pub fn stray_dead_letter(&mut self) {
        self.strangers += 1;
    }

    /// So many records of any topic were deleted before the audit read them: it is blind to them.
    pub fn unread(&mut self, records: u64) {
        self.unread += records;
    }

    /// Closes the books. What the service says it `filtered` needs no other result, as far as
    /// inputs without one go.
    pub fn finish(mut self, filtered: u64, restarts: u64) -> Report {
        self.settle_waiting();
        let mut report = Report {
            produced: self.produced,
            rejected: self.rejections.values().sum(),
            duplicated: self.duplicated,
            out_of_order: self.out_of_order,
            restarts,
            strangers: self.strangers,
            unread: self.unread,
            rejections: self.rejections,
            ..Report::default()
        };
        let mut unanswered = 0;
        for input in self.inputs.values() {
            report.consumed += u64::from(input.end);
            unanswered += u64::from(input.end) - input.answered.count();
        }
        report.filtered = filtered.min(unanswered);
        report.lost = unanswered - report.filtered;
        report
    }

    /// The next output of the partition whose input is known, in the partition's order.
    fn next_known(&mut self, partition: i32) -> Option<Place> {
        let waiting = self.waiting.get_mut(&partition)?;
        let place = known(&self.places, *waiting.front()?)?;
        waiting.pop_front();
        Some(place)
    }

    /// What still waits when all is read came from inputs that the audit never saw, or waits
    /// behind such a one.
    fn settle_waiting(&mut self) {
        for (partition, ids) in std::mem::take(&mut self.waiting) {
            for id in ids {
                match known(&self.places, id) {
                    Some(place) => self.produced(place, partition),
                    None => self.strangers += 1,
                }
            }
        }
        for (place, error_type) in std::mem::take(&mut self.waiting_letters) {
            if self.is_read(place) {
                self.rejected(place, &error_type);
            } else {
                self.strangers += 1;
            }
        }
    }

    fn is_read(&self, place: Place) -> bool {
        let input = self.inputs.get(&place.partition);
        input.is_some_and(|input| place.offset < input.end)
    }

    fn rejected(&mut self, place: Place, error_type: &str) {
        if !self.answer(place) {
            return;
        }
        match self.rejections.get_mut(error_type) {
            Some(count) => *count += 1,
            None => {
                self.rejections.insert(error_type.to_owned(), 1);
            }
        }
    }

    /// P2 asks for the order of first occurrences: what is replayed after a crash comes again.
    fn produced(&mut self, place: Place, partition: i32) {
        if !self.answer(place) {
            return;
        }
        self.produced += 1;
        let highest = self
            .highest
            .entry((place.partition, partition))
            .or_insert(place.offset);
        if place.offset < *highest {
            self.out_of_order += 1;
        } else {
            *highest = place.offset;
        }
    }

    /// Whether this is the record's first result.
    fn answer(&mut self, place: Place) -> bool {
        let input = self.inputs.entry(place.partition).or_default();
        let first = input.answered.set(place.offset);
        self.duplicated += u64::from(!first);
        first
    }
}

fn index(id: u64) -> Option<usize> {
    (id < LIMIT).then(|| usize::try_from(id).ok())?
}

fn known(places: &[Option<Place>], id: u64) -> Option<Place> {
    *places.get(index(id)?)?
}

#[cfg(test)]
mod tests;
