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
//!
//! With transactions (P12) whoever makes them writes the same [drafts](Draft), and they are read
//! when it is decided what became of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::{Change, Saved, Store, StoreError};
use super::{PartitionCounts, States};
use crate::kafka::admin::TopicPlan;
use crate::kafka::{self, Class, Log, TopicPartition, properties};

mod edition;
mod editions;

use edition::{Found, Key, Part, best};
pub use editions::Draft;
use editions::Editions;

/// So many records are read within a second or two; the log tells of more how far it came.
const WORTH_SAYING: u64 = 100_000;

/// Hears how much is read of what is being loaded, from 0 to 1, and None at the end.
pub type Progress = Box<dyn FnMut(Option<f64>) + Send>;

/// The Kafka store: the topic `<group>-counts`.
pub struct Changelog {
    log: Log,
    pipeline: String,
    editions: Arc<Mutex<Editions>>,
    progress: Progress,
}

/// A changelog's editions for whoever writes them in transactions of its own (P12). What is loaded
/// is loaded by the [`Changelog`], which then never writes.
#[derive(Clone)]
pub struct Carried {
    topic: Arc<str>,
    editions: Arc<Mutex<Editions>>,
}

impl Carried {
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// What a transaction is to write for these changes; None where they were counted from another
    /// state than the one that is stored.
    pub fn draft(&self, changes: Vec<Change>) -> Option<Draft> {
        let draft = lock(&self.editions).draft(changes);
        (!draft.is_refused()).then_some(draft)
    }

    /// The draft's transaction is committed.
    pub fn written(&self, draft: Draft) {
        lock(&self.editions).written(draft);
    }
}

impl Changelog {
    /// Keeps the counts of a pipeline that runs as the settings' group.
    pub fn new(settings: kafka::Settings, pipeline: &str, progress: Progress) -> Self {
        let topic = Self::topic(&settings.group);
        Changelog {
            log: Log::new(settings, topic),
            pipeline: pipeline.to_owned(),
            editions: Arc::new(Mutex::new(Editions::new(pipeline))),
            progress,
        }
    }

    /// What it would write, for transactions to write it.
    pub fn carried(&self) -> Carried {
        Carried {
            topic: self.log.topic().into(),
            editions: self.editions.clone(),
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
        &mut self,
        wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Result<BTreeMap<TopicPartition, Found>, StoreError> {
        let topic = self.log.topic().to_owned();
        let mut found: BTreeMap<TopicPartition, Found> = BTreeMap::new();
        let (mut records, mut strange, mut said) = (0_u64, 0_u64, 0);
        (self.progress)(Some(0.0));
        let read = self.log.read(|key, value, percent| {
            records += 1;
            if percent > said {
                said = percent;
                (self.progress)(Some(f64::from(percent) / 100.0));
                if records >= WORTH_SAYING && percent % 10 == 0 {
                    tracing::info!(topic, "{percent} % of the stored counts are read");
                }
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
        (self.progress)(None);
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
        let mut editions = lock(&self.editions);
        let states = partitions
            .iter()
            .map(|of| editions.take_on(of, found.get(of).unwrap_or(&nothing)));
        Ok(states.collect())
    }

    fn save(&mut self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        let unknown: Vec<_> = {
            let editions = lock(&self.editions);
            let all = changes.iter().map(|change| &change.partition);
            all.filter(|of| !editions.contains(of)).cloned().collect()
        };
        if !unknown.is_empty() {
            self.load(&unknown)?;
        }
        let draft = lock(&self.editions).draft(changes.to_vec());
        let appended = self.log.append(&draft.entries);
        appended.map_err(|error| self.describe(&error))?;
        Ok(lock(&self.editions).written(draft))
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

/// What panics changes no edition.
fn lock(editions: &Mutex<Editions>) -> MutexGuard<'_, Editions> {
    editions.lock().unwrap_or_else(PoisonError::into_inner)
}
