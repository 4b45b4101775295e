//! What is told of the counts' store.

use std::time::Duration;

use super::Board;
use crate::status::StoreStatus;

/// What was told of it so far.
#[derive(Default)]
pub(super) struct Told {
    writes: u64,
    failures: u64,
    /// The uptime since which it does not answer.
    away_since: Option<Duration>,
    /// How much is read of what is being loaded.
    restored: Option<f64>,
}

/// For whoever has counts stored.
impl Board {
    /// Counts were stored.
    pub fn store_written(&self) {
        self.notes().store.writes += 1;
    }

    /// The store answers.
    pub fn store_answered(&self) {
        self.notes().store.away_since = None;
    }

    /// The store did not do what it was asked, and is away until it [answers](Board::store_answered).
    pub fn store_failed(&self) {
        let now = (self.0.uptime)();
        let store = &mut self.notes().store;
        store.failures += 1;
        store.away_since.get_or_insert(now);
    }

    /// So much, from 0 to 1, is read of what is being loaded; None where nothing is.
    pub fn restored(&self, share: Option<f64>) {
        self.notes().store.restored = share;
    }

    pub(super) fn store(&self, told: &Told) -> StoreStatus {
        let age = |since| (self.0.uptime)().saturating_sub(since).as_secs_f64();
        StoreStatus {
            writes: told.writes,
            failures: told.failures,
            away_seconds: told.away_since.map_or(0.0, age),
            restored: told.restored,
        }
    }
}
