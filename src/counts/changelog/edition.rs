//! A partition's state in parts, and how an edition of it goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::counts::store::Change;
use crate::counts::{Counts, Delta, PartitionCounts, Path};
use crate::kafka::TopicPartition;

/// A part is closed when its texts reach this many bytes.
const PART_BYTES: usize = 512 << 10;
/// No edition ends for less than this, in bytes of texts.
const SMALL: usize = 64 << 10;
/// What a number takes beside its texts, roughly.
const NUMBER: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub pipeline: String,
    pub topic: String,
    pub partition: i32,
    pub edition: String,
    pub part: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub next_offset: i64,
    /// The parts of the edition up to this one make a state.
    pub last: bool,
    pub counts: Counts,
}

/// What was found of a partition: the parts of each edition.
pub(super) type Found = BTreeMap<String, BTreeMap<u64, Part>>;

impl Key {
    pub fn names(&self) -> TopicPartition {
        TopicPartition::new(&self.topic, self.partition)
    }
}

/// Of all editions the state that ends highest. Each is exact, so there is none to prefer where
/// two end alike.
pub(super) fn best(found: &Found) -> Option<PartitionCounts> {
    let states = found.values().filter_map(state);
    states.max_by_key(|state| state.next_offset)
}

/// The sum of the parts from 0 to the last `last` before the first that is missing.
fn state(parts: &BTreeMap<u64, Part>) -> Option<PartitionCounts> {
    let whole = (0..).zip(parts).take_while(|(n, (part, _))| n == *part);
    let whole: Vec<&Part> = whole.map(|(_, (_, part))| part).collect();
    let end = whole.iter().rposition(|part| part.last)?;
    let mut counts = Counts::default();
    for part in &whole[..=end] {
        counts.merge_counts(&part.counts);
    }
    Some(PartitionCounts {
        next_offset: whole[end].next_offset,
        counts,
    })
}

/// A partition's state and the edition that it is written in.
#[derive(Debug)]
pub(super) struct Edition {
    /// None: nothing is stored.
    pub stored: Option<PartitionCounts>,
    pub name: String,
    /// Its place among this owner's editions.
    number: u64,
    /// The place of the last one that was drafted, whether or not it came to be written.
    last: u64,
    /// The next part; 0 begins the edition.
    next_part: u64,
    /// Bytes of the state that it began with, and of what was added.
    whole: usize,
    added: usize,
    /// Keys of what it takes the place of.
    replaces: Vec<(String, u64)>,
}

/// A change as it is to be written.
#[derive(Debug)]
pub(super) struct Writing {
    /// The places of the edition that it goes on from, and of the one that it is written in.
    after: u64,
    number: u64,
    pub edition: String,
    pub first: u64,
    pub parts: Vec<Part>,
    bytes: usize,
}

impl Edition {
    /// The `number`th edition of an owner, to go on from what was found.
    pub fn after(found: &Found, owner: &str, number: u64) -> Self {
        let keys = found
            .iter()
            .flat_map(|(edition, parts)| parts.keys().map(move |part| (edition.clone(), *part)));
        Edition {
            stored: best(found),
            name: format!("{owner}-{number}"),
            number,
            last: number,
            next_part: 0,
            whole: 0,
            added: 0,
            replaces: keys.collect(),
        }
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    /// How a change is written: added, or as part of the state that begins an edition. Saying it
    /// again gives the same.
    pub fn write(&mut self, change: &Change, owner: &str) -> Writing {
        let outgrown = self.added > self.whole.max(SMALL);
        if self.next_part > 0 && !outgrown {
            let (parts, bytes) = split(&change.added, change.next_offset);
            return Writing {
                after: self.number,
                number: self.number,
                edition: self.name.clone(),
                first: self.next_part,
                parts,
                bytes,
            };
        }
        let stored = self.stored.as_ref();
        let mut counts = stored.map_or_else(Counts::default, |state| state.counts.clone());
        counts.merge(&change.added);
        let (parts, bytes) = split(&counts.to_delta(), change.next_offset);
        self.last = self.number + u64::from(outgrown);
        Writing {
            after: self.number,
            number: self.last,
            edition: format!("{owner}-{}", self.last),
            first: 0,
            parts,
            bytes,
        }
    }

    /// The change is in the log. Gives editions and parts that are of no further use.
    ///
    /// Where the partition was taken on anew since it was drafted, it may have been found there, and
    /// would count twice.
    pub fn written(&mut self, change: &Change, writing: &Writing) -> Vec<(String, u64)> {
        if writing.after != self.number {
            return Vec::new();
        }
        let stored = self.stored.get_or_insert_default();
        stored.counts.merge(&change.added);
        stored.next_offset = change.next_offset;
        let parts = writing.parts.len() as u64;
        if writing.first > 0 {
            self.added += writing.bytes;
            self.next_part += parts;
            return Vec::new();
        }
        let mut obsolete = std::mem::take(&mut self.replaces);
        obsolete.extend((0..self.next_part).map(|part| (self.name.clone(), part)));
        self.number = writing.number;
        self.name.clone_from(&writing.edition);
        (self.whole, self.added) = (writing.bytes, 0);
        self.next_part = parts;
        obsolete
    }
}

/// Counts in parts of a bounded size, and their bytes. There is always one part, for the offset.
fn split(counts: &Delta, next_offset: i64) -> (Vec<Part>, usize) {
    let part = |counts| Part {
        next_offset,
        last: false,
        counts,
    };
    let mut parts = Vec::new();
    let (mut open, mut size, mut bytes) = (Counts::default(), 0, 0);
    for (path, n) in &counts.added {
        open.add(path, *n);
        size += weight(path);
        if size >= PART_BYTES {
            parts.push(part(std::mem::take(&mut open)));
            bytes += std::mem::take(&mut size);
        }
    }
    if !open.is_empty() || parts.is_empty() {
        parts.push(part(open));
    }
    if let Some(part) = parts.last_mut() {
        part.last = true;
    }
    (parts, bytes + size)
}

fn weight(path: &Path) -> usize {
    NUMBER + path.iter().map(|text| text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(base: Option<i64>, next_offset: i64, keys: impl Iterator<Item = String>) -> Change {
        let path = |key: String| -> Path { [Box::from("key"), key.into()].into() };
        Change {
            partition: TopicPartition::new("logins", 0),
            base,
            next_offset,
            added: Delta {
                added: keys.map(|key| (path(key), 1)).collect(),
            },
        }
    }

    fn small(base: Option<i64>, next_offset: i64) -> Change {
        change(base, next_offset, std::iter::once("CA".to_owned()))
    }

    /// What a compacted topic keeps: the last value of each key.
    fn keep(found: &mut Found, writing: &Writing, parts: usize) {
        let edition = found.entry(writing.edition.clone()).or_default();
        let numbered = (writing.first..).zip(writing.parts.iter().cloned());
        edition.extend(numbered.take(parts));
    }

    fn save(found: &mut Found, edition: &mut Edition, owner: &str, change: &Change) {
        let writing = edition.write(change, owner);
        keep(found, &writing, usize::MAX);
        for (edition, part) in edition.written(change, &writing) {
            found.get_mut(&edition).unwrap().remove(&part);
        }
    }

    #[test]
    fn p11_the_parts_of_an_edition_add_up() {
        let mut found = Found::default();
        let mut edition = Edition::after(&found, "a", 0);
        save(&mut found, &mut edition, "a", &small(None, 10));
        save(&mut found, &mut edition, "a", &small(Some(10), 20));
        let state = best(&found).unwrap();
        assert_eq!(
            (state.next_offset, state.counts.at(&["key", "CA"])),
            (20, 2)
        );
        assert_eq!(Some(state), edition.stored);
    }

    #[test]
    fn p11_a_torn_write_is_as_if_it_had_not_begun() {
        let mut found = Found::default();
        let mut edition = Edition::after(&found, "a", 0);
        save(&mut found, &mut edition, "a", &small(None, 10));
        let large = |base, next| change(base, next, (0..40).map(|n| format!("{n:050000}")));
        let added = edition.write(&large(Some(10), 20), "a");
        assert!(added.parts.len() > 2);
        keep(&mut found, &added, added.parts.len() - 1);
        assert_eq!(best(&found).unwrap().next_offset, 10);

        let mut second = Edition::after(&found, "b", 0);
        let begun = second.write(&large(Some(10), 20), "b");
        keep(&mut found, &begun, begun.parts.len() - 1);
        assert_eq!(best(&found).unwrap().next_offset, 10);
        save(&mut found, &mut second, "b", &large(Some(10), 20));
        assert_eq!(best(&found), second.stored);
    }

    #[test]
    fn p11_a_zombie_neither_wins_nor_spoils() {
        let mut found = Found::default();
        let mut zombie = Edition::after(&found, "z", 0);
        save(&mut found, &mut zombie, "z", &small(None, 10));
        let mut owner = Edition::after(&found, "o", 0);
        save(&mut found, &mut owner, "o", &small(Some(10), 30));
        save(&mut found, &mut zombie, "z", &small(Some(10), 20));
        assert_eq!(best(&found), owner.stored);
        // Its first parts are gone, so what it adds says nothing, however high it ends.
        save(&mut found, &mut zombie, "z", &small(Some(20), 99));
        assert_eq!(best(&found), owner.stored);
    }

    /// A transaction's end may be learnt from the log before whoever wrote it says so.
    #[test]
    fn p12_what_was_found_already_is_not_written_a_second_time() {
        let mut found = Found::default();
        let mut edition = Edition::after(&found, "a", 0);
        let mut n = 0;
        let drafted = loop {
            let keys = (0..20).map(|key| format!("{key:0500}"));
            let base = (n > 0).then_some(n);
            let change = change(base, n + 1, keys);
            let drafted = edition.write(&change, "a");
            if drafted.number > 0 {
                break (change, drafted);
            }
            save(&mut found, &mut edition, "a", &change);
            n += 1;
        };
        keep(&mut found, &drafted.1, usize::MAX);
        let mut anew = Edition::after(&found, "a", edition.last() + 1);
        assert_ne!(anew.name, drafted.1.edition, "its keys are to be deleted");
        assert_eq!(anew.written(&drafted.0, &drafted.1), []);
        assert_eq!(anew.stored, best(&found));
        save(&mut found, &mut anew, "a", &small(Some(n + 1), n + 2));
        assert_eq!(anew.stored, best(&found));
        assert_eq!(best(&found).unwrap().next_offset, n + 2);
    }

    #[test]
    fn an_edition_that_is_outgrown_is_followed_by_another() {
        let mut found = Found::default();
        let mut edition = Edition::after(&found, "a", 0);
        let mut names = std::collections::BTreeSet::new();
        for n in 0..200 {
            let base = (n > 0).then_some(n);
            let keys = (0..20).map(|key| format!("{key:0500}"));
            save(&mut found, &mut edition, "a", &change(base, n + 1, keys));
            names.insert(edition.name.clone());
            let parts: usize = found.values().map(BTreeMap::len).sum();
            assert!(parts < 20, "{parts} parts are kept");
        }
        assert!(names.len() > 5);
        assert_eq!(best(&found), edition.stored);
        assert_eq!(best(&found).unwrap().next_offset, 200);
    }
}
