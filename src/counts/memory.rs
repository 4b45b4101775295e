//! Counts that end with the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::{Change, Saved, Store, StoreError, Verdict};
use super::{PartitionCounts, States};
use crate::kafka::TopicPartition;

/// The memory store. Clones hold the same.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<States>>);

impl Memory {
    /// A change is added without anything in between that could panic.
    fn states(&self) -> MutexGuard<'_, States> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn probe(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn load(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<PartitionCounts>>, StoreError> {
        let states = self.states();
        Ok(partitions
            .iter()
            .map(|of| states.get(of).cloned())
            .collect())
    }

    fn save(&mut self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        let mut states = self.states();
        Ok(changes.iter().map(|of| of.add_to(&mut states)).collect())
    }

    fn load_all(&mut self) -> Result<States, StoreError> {
        Ok(self.states().clone())
    }
}

impl Change {
    fn add_to(&self, states: &mut States) -> Saved {
        let stored = states.get(&self.partition).map(|state| state.next_offset);
        match self.judge(stored) {
            Verdict::KeptAlready => Saved::Kept,
            Verdict::Refuse => Saved::Refused,
            Verdict::Add => {
                let state = states.entry(self.partition.clone()).or_default();
                state.counts.merge(&self.added);
                state.next_offset = self.next_offset;
                Saved::Kept
            }
        }
    }
}
