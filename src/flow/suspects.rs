//! Records under suspicion: those at which a worker died, and those that were refused.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Partition, Refusal};

/// What is held against a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspicion {
    /// How many workers died at it.
    pub attempts: u32,
    /// How the last of them died: a place in the code or a word, never content (P10).
    pub cause: Option<Arc<str>>,
    /// Its output did not fit its topic.
    pub too_large: bool,
    /// Its dead letter did not fit its topic either.
    pub omit_value: bool,
}

/// Suspicions per topic, partition and offset. Clones share them: they outlive rewinds and
/// restarts of actors (P5), and go once the offset is settled.
#[derive(Clone, Debug, Default)]
pub struct Suspects(Arc<Mutex<BTreeMap<(Partition, i64), Suspicion>>>);

impl Suspects {
    /// One more worker died at this record; says how many by now.
    pub fn blame(&self, partition: Partition, offset: i64, cause: Arc<str>) -> u32 {
        let mut all = self.lock();
        let suspicion = all.entry((partition, offset)).or_default();
        suspicion.cause = Some(cause);
        suspicion.attempts += 1;
        suspicion.attempts
    }

    /// A report refused the record. [`Refusal::Lost`] says nothing against the record itself.
    pub fn refuse(&self, partition: Partition, offset: i64, refusal: Refusal) {
        let mut all = self.lock();
        let suspicion = all.entry((partition, offset)).or_default();
        match refusal {
            Refusal::TooLarge => suspicion.too_large = true,
            Refusal::DeadLetterTooLarge => suspicion.omit_value = true,
            Refusal::Lost => {}
        }
    }

    /// The suspects among these offsets: nearly always none, and then nothing is allocated.
    pub fn among(&self, partition: Partition, offsets: Range<i64>) -> Vec<(i64, Suspicion)> {
        self.lock()
            .range((partition, offsets.start)..(partition, offsets.end))
            .map(|((_, offset), suspicion)| (*offset, suspicion.clone()))
            .collect()
    }

    /// Everything below `settled` is over.
    pub fn forget(&self, partition: Partition, settled: i64) {
        let mut all = self.lock();
        if !all.is_empty() {
            all.retain(|(of, offset), _| *of != partition || *offset >= settled);
        }
    }

    /// A panic elsewhere cannot leave a half-made entry, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Partition, i64), Suspicion>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
