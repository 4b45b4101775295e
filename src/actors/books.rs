//! What this instance has counted, and who keeps it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::counts::{Keeper, States, Store, StoreError, Tally};
use crate::status::{Board, Latch};

/// Tally and keeper of an instance: both live outside the aggregator, so that others may look, and
/// a store that is away is waited for whatever the actor does.
#[derive(Clone)]
pub struct Books {
    /// That of the aggregator of the day: an abandoned one goes on with its own.
    pub(super) tally: Arc<ArcSwap<Mutex<Tally>>>,
    pub(super) keeper: Keeper,
}

impl Books {
    /// Keeps the counts of these input topics in `store`. Readiness says while it is away.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn open(store: Box<dyn Store>, topics: &[String], board: &Board) -> io::Result<Books> {
        Ok(Books {
            tally: Arc::new(ArcSwap::from_pointee(Mutex::new(Tally::new(topics)))),
            keeper: Keeper::start(store, watch(board.clone()))?,
        })
    }

    /// How far each partition that this instance reads is counted, and what.
    pub fn states(&self) -> States {
        lock(&self.tally.load()).states()
    }
}

/// A batch is applied whole or not at all, so a panic elsewhere leaves nothing half done.
pub(super) fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells log and readiness whether the store answers, the log only where that changes.
fn watch(board: Board) -> impl FnMut(Result<(), StoreError>) {
    let mut away = false;
    move |answer| match answer {
        Ok(()) => {
            if std::mem::take(&mut away) {
                tracing::info!("the counts' store answers again");
            }
            board.ready(Latch::Store);
        }
        Err(error) => {
            if !std::mem::replace(&mut away, true) {
                tracing::error!(%error, "counts cannot be stored; reading stops until they can");
            }
            board.not_ready(Latch::Store, error.to_string());
        }
    }
}
