//! All editions of an owner, and what it writes next.

use std::collections::{BTreeSet, HashMap};

use super::edition::{Edition, Found, Key, Part, Writing};
use crate::counts::PartitionCounts;
use crate::counts::store::{Change, Saved, Verdict};
use crate::kafka::{Entry, TopicPartition};

/// The editions that an owner writes, by partition.
pub(super) struct Editions {
    pipeline: String,
    /// Unlike any other's, so that no two owners write the same edition.
    owner: String,
    editions: HashMap<TopicPartition, Edition>,
    /// Keys that are to be deleted with the next change.
    obsolete: BTreeSet<Key>,
}

/// What is to be written for some changes.
#[derive(Default)]
pub struct Draft {
    pub entries: Vec<Entry>,
    changes: Vec<Change>,
    /// None where a change is stored already.
    writings: Vec<Result<Option<Writing>, Saved>>,
    deleted: BTreeSet<Key>,
}

impl Draft {
    /// Whether some change does not fit what is stored.
    pub(super) fn is_refused(&self) -> bool {
        self.writings.iter().any(Result::is_err)
    }
}

impl Editions {
    pub fn new(pipeline: &str) -> Self {
        Editions {
            pipeline: pipeline.to_owned(),
            owner: format!("{:016x}", rand::random::<u64>()),
            editions: HashMap::new(),
            obsolete: BTreeSet::new(),
        }
    }

    pub fn contains(&self, of: &TopicPartition) -> bool {
        self.editions.contains_key(of)
    }

    /// Goes on from what was found of a partition, in an edition that nothing was written of yet.
    pub fn take_on(&mut self, of: &TopicPartition, found: &Found) -> Option<PartitionCounts> {
        let before = self.editions.get(of);
        let number = before.map_or(0, |edition| edition.last() + 1);
        let edition = Edition::after(found, &self.owner, number);
        let stored = edition.stored.clone();
        self.editions.insert(of.clone(), edition);
        stored
    }

    /// What is to be written for these changes, of partitions that were taken on. Says the same
    /// again until one of the drafts was [written](Editions::written).
    pub fn draft(&mut self, changes: Vec<Change>) -> Draft {
        let tombstones = self.obsolete.iter().map(|key| (encode(key), None));
        let mut entries: Vec<Entry> = tombstones.collect();
        let mut writings = Vec::with_capacity(changes.len());
        for change in &changes {
            let writing = self.write(change);
            if let Ok(Some(writing)) = &writing {
                entries.extend(self.entries(&change.partition, writing));
            }
            writings.push(writing);
        }
        Draft {
            entries,
            changes,
            writings,
            deleted: self.obsolete.clone(),
        }
    }

    /// All entries of the draft are in the log. The answers are in the order of its changes.
    pub fn written(&mut self, draft: Draft) -> Vec<Saved> {
        self.obsolete.retain(|key| !draft.deleted.contains(key));
        let answers = draft.changes.iter().zip(draft.writings);
        let answers = answers.map(|(change, writing)| match writing {
            Ok(writing) => {
                if let Some(writing) = writing {
                    self.note(change, &writing);
                }
                Saved::Kept
            }
            Err(refused) => refused,
        });
        answers.collect()
    }

    fn write(&mut self, change: &Change) -> Result<Option<Writing>, Saved> {
        let edition = self.editions.get_mut(&change.partition);
        let edition = edition.ok_or(Saved::Refused)?;
        let stored = edition.stored.as_ref().map(|state| state.next_offset);
        match change.judge(stored) {
            Verdict::Add => Ok(Some(edition.write(change, &self.owner))),
            Verdict::KeptAlready => Ok(None),
            Verdict::Refuse => Err(Saved::Refused),
        }
    }

    fn note(&mut self, change: &Change, writing: &Writing) {
        let edition = self.editions.get_mut(&change.partition);
        let obsolete = edition.map(|edition| edition.written(change, writing));
        for (edition, part) in obsolete.unwrap_or_default() {
            let key = self.key(&change.partition, edition, part);
            self.obsolete.insert(key);
        }
    }

    fn entries(&self, of: &TopicPartition, writing: &Writing) -> Vec<Entry> {
        let parts = (writing.first..).zip(&writing.parts);
        let entry = |(number, part): (u64, &Part)| {
            let key = self.key(of, writing.edition.clone(), number);
            (encode(&key), Some(encode(part)))
        };
        parts.map(entry).collect()
    }

    fn key(&self, of: &TopicPartition, edition: String, part: u64) -> Key {
        Key {
            pipeline: self.pipeline.clone(),
            topic: of.topic.to_string(),
            partition: of.partition,
            edition,
            part,
        }
    }
}

fn encode(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers are JSON")
}
