//! Counts in a compacted topic.
//!
//! An owner writes a partition's state as an *edition* of its own: first all of it, then what is
//! added, part after part. When what was added outweighs the state, it begins another edition: so
//! what is written stays below twice of what is counted, and what is read below twice the state.
//!
//! ```text
//! key    {"pipeline","topic","partition","edition","part"}
//! value  {"next_offset","last","counts"}     last: the parts up to here make a state
//! ```
//! A state is the sum of an edition's parts from 0 to the last `last` before the first that is
//! missing, and of all editions the one that ends highest holds. So a torn write is as if it had
//! not been begun; and a zombie does no harm, for what it writes is exact by itself, or adds to an
//! edition whose first parts are gone. An owner deletes the editions that it found once its own is
//! acknowledged (P11).

use std::collections::{BTreeMap, HashMap};

use super::store::{Change, Saved, Store, StoreError, Verdict};
use super::{PartitionCounts, States};
use crate::kafka::admin::TopicPlan;
use crate::kafka::{self, Class, Entry, Log, TopicPartition, properties};

mod edition;

use edition::{Edition, Found, Key, Part, Writing, best};

/// So many records are read within a second or two; how far it came is said of more only.
const WORTH_SAYING: u64 = 100_000;

/// The Kafka store: the topic `<group>-counts`.
pub struct Changelog {
    log: Log,
    pipeline: String,
    /// Unlike any other's, so that no two owners write the same edition.
    owner: String,
    editions: HashMap<TopicPartition, Edition>,
    /// Keys that are to be deleted with the next change.
    obsolete: Vec<Key>,
}

impl Changelog {
    /// Keeps the counts of a pipeline that runs as the settings' group.
    pub fn new(settings: kafka::Settings, pipeline: &str) -> Self {
        let topic = Self::topic(&settings.group);
        Changelog {
            log: Log::new(settings, topic),
            pipeline: pipeline.to_owned(),
            owner: format!("{:016x}", rand::random::<u64>()),
            editions: HashMap::new(),
            obsolete: Vec::new(),
        }
    }

    /// Where a group's counts are.
    pub fn topic(group: &str) -> String {
        format!("{group}-counts")
    }

    /// How that topic is to be made. It has one partition, whose order is that of all changes;
    /// small segments, for the last one is never compacted; and room for a count whose name is as
    /// long as a record.
    pub fn plan(group: &str, replication_factor: i32) -> TopicPlan {
        let config = [
            ("cleanup.policy", "compact".to_owned()),
            ("max.message.bytes", properties::LARGEST_ENTRY.to_string()),
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
            ("segment.bytes", (32 << 20).to_string()),
        ];
        let config = config.map(|(name, value)| (name.to_owned(), value));
        TopicPlan {
            name: Self::topic(group),
            partitions: 1,
            replication_factor,
            config: config.into(),
        }
    }

    /// Reads the whole topic for what it holds of some partitions.
    fn find(
        &self,
        wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Result<BTreeMap<TopicPartition, Found>, StoreError> {
        let topic = self.log.topic();
        let mut found: BTreeMap<TopicPartition, Found> = BTreeMap::new();
        let (mut records, mut strange, mut said) = (0_u64, 0_u64, 0);
        let read = self.log.read(|key, value, tenths| {
            records += 1;
            if tenths > said && records >= WORTH_SAYING {
                said = tenths;
                tracing::info!(topic, "{tenths}0 % of the stored counts are read");
            }
            match read_entry(key, value) {
                None => strange += 1,
                Some((key, part)) if key.pipeline == self.pipeline && wanted(&key.names()) => {
                    let parts = found.entry(key.names()).or_default();
                    let parts = parts.entry(key.edition).or_default();
                    match part {
                        Some(part) => drop(parts.insert(key.part, part)),
                        None => drop(parts.remove(&key.part)),
                    }
                }
                Some(_) => {}
            }
        });
        read.map_err(|error| self.describe(&error))?;
        tracing::info!(
            topic,
            records,
            partitions = found.len(),
            "stored counts are read"
        );
        if strange > 0 {
            tracing::warn!(
                topic,
                records = strange,
                "the topic holds records that are no counts"
            );
        }
        Ok(found)
    }

    fn take_on(&mut self, of: &TopicPartition, found: &Found) -> Option<PartitionCounts> {
        let number = self
            .editions
            .get(of)
            .map_or(0, |edition| edition.number() + 1);
        let edition = Edition::after(found, &self.owner, number);
        let stored = edition.stored.clone();
        self.editions.insert(of.clone(), edition);
        stored
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

    /// What is to be appended for a change; None where it is stored already.
    fn prepare(&self, change: &Change) -> Result<Option<Writing>, Saved> {
        let edition = &self.editions[&change.partition];
        let stored = edition.stored.as_ref().map(|state| state.next_offset);
        match change.judge(stored) {
            Verdict::Add => Ok(Some(edition.write(change, &self.owner))),
            Verdict::KeptAlready => Ok(None),
            Verdict::Refuse => Err(Saved::Refused),
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

    fn written(&mut self, change: &Change, writing: &Writing) {
        let edition = self.editions.get_mut(&change.partition);
        let obsolete = edition.map(|edition| edition.written(change, writing));
        for (edition, part) in obsolete.unwrap_or_default() {
            self.obsolete
                .push(self.key(&change.partition, edition, part));
        }
    }

    fn describe(&self, error: &kafka::Error) -> StoreError {
        let topic = self.log.topic();
        StoreError(match error.class() {
            Class::Final(missing) => format!("topic `{topic}`: {missing}: {error}"),
            _ => format!("topic `{topic}`: {error}"),
        })
    }
}

impl Store for Changelog {
    fn probe(&mut self) -> Result<(), StoreError> {
        let answer = self.log.probe();
        answer.map_err(|error| self.describe(&error))
    }

    fn load(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<PartitionCounts>>, StoreError> {
        let found = self.find(|of| partitions.contains(of))?;
        let nothing = Found::default();
        let states = partitions
            .iter()
            .map(|of| self.take_on(of, found.get(of).unwrap_or(&nothing)));
        Ok(states.collect())
    }

    fn save(&mut self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        let unknown = changes.iter().map(|change| &change.partition);
        let unknown = unknown.filter(|of| !self.editions.contains_key(of));
        let unknown: Vec<_> = unknown.cloned().collect();
        if !unknown.is_empty() {
            self.load(&unknown)?;
        }
        let prepared: Vec<_> = changes.iter().map(|change| self.prepare(change)).collect();
        let mut entries: Vec<Entry> = self
            .obsolete
            .iter()
            .map(|key| (encode(key), None))
            .collect();
        for (change, writing) in changes.iter().zip(&prepared) {
            if let Ok(Some(writing)) = writing {
                entries.extend(self.entries(&change.partition, writing));
            }
        }
        let appended = self.log.append(&entries);
        appended.map_err(|error| self.describe(&error))?;
        self.obsolete.clear();
        let answers = changes.iter().zip(prepared).map(|(change, writing)| {
            if let Some(writing) = writing? {
                self.written(change, &writing);
            }
            Ok(Saved::Kept)
        });
        Ok(answers
            .map(|answer: Result<_, _>| answer.unwrap_or_else(|refused| refused))
            .collect())
    }

    fn load_all(&mut self) -> Result<States, StoreError> {
        let found = self.find(|_| true)?.into_iter();
        Ok(found
            .filter_map(|(of, found)| Some((of, best(&found)?)))
            .collect())
    }
}

/// A record's key and its part, None where it is a tombstone; None where it is no count at all.
fn read_entry(key: &[u8], value: Option<&[u8]>) -> Option<(Key, Option<Part>)> {
    let key = serde_json::from_slice(key).ok()?;
    let part = value.map(serde_json::from_slice).transpose().ok()?;
    Some((key, part))
}

fn encode(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers are JSON")
}
