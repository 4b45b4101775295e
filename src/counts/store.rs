//! Where counts outlive what counted them.

use super::{Delta, PartitionCounts, States};
use crate::kafka::TopicPartition;

/// Keeps a group's counts, each partition's state as one: `next_offset` and counts are written
/// together or not at all (P11).
///
/// Calls wait for the store, each to a bound of its own. After an error the store connects anew
/// with the next call; a change whose answer was lost may be saved again.
pub trait Store: Send {
    /// Whether the store answers.
    ///
    /// # Errors
    /// What is wrong with it.
    fn probe(&mut self) -> Result<(), StoreError>;

    /// The states of these partitions, in order; None where there is none.
    ///
    /// # Errors
    /// Where the store is away, or holds what is no state.
    fn load(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<PartitionCounts>>, StoreError>;

    /// Adds changes to what is stored, each whole or not at all. The answers are in order.
    ///
    /// # Errors
    /// Where the store is away. What was saved until then stays.
    fn save(&mut self, changes: &[Change]) -> Result<Vec<Saved>, StoreError>;

    /// The states of all partitions of the group, whoever counts them.
    ///
    /// # Errors
    /// As [`Store::load`].
    fn load_all(&mut self) -> Result<States, StoreError>;
}

/// What was counted of a partition since its state was loaded or saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub partition: TopicPartition,
    /// Where the stored state ends that this adds to; None where nothing is stored.
    pub base: Option<i64>,
    /// Where the state ends with this; above `base`.
    pub next_offset: i64,
    pub added: Delta,
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Kept,
    /// The stored state is not the one that the change adds to, so that adding it would count
    /// records twice or not at all: nothing was done. Load, and count from there.
    Refused,
}

/// Why a store did not do what was asked. The text names servers, topics and reasons, never what
/// is counted (P10).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// What is to be done with a change, where `stored` is the end of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Add,
    /// It was saved before and the answer was lost, or another member has counted as far: the
    /// counts of the records below an offset are the same, whoever counted them.
    KeptAlready,
    Refuse,
}

impl Change {
    /// The one rule of all stores: a change is added to the state it was counted from, so that no
    /// state ever goes back, whoever saves it (P11).
    pub(super) fn judge(&self, stored: Option<i64>) -> Verdict {
        if stored == Some(self.next_offset) {
            Verdict::KeptAlready
        } else if stored == self.base && stored < Some(self.next_offset) {
            Verdict::Add
        } else {
            Verdict::Refuse
        }
    }
}
