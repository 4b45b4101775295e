//! What this instance has counted, and who keeps it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::counts::{
    Carried, Change, Changelog, Draft, Keeper, Saved, States, Store, StoreError, Storing, Tally,
};
use crate::flow::End;
use crate::status::{Board, Latch};

/// Tally and keeper of an instance: both live outside the aggregator, so that others may look, and
/// a store that is away is waited for whatever the actor does. Here it is chosen who has counts
/// stored; nobody else asks.
#[derive(Clone)]
pub struct Books {
    topics: Arc<[String]>,
    /// That of the aggregator of the day: an abandoned one goes on with its own.
    tally: Arc<ArcSwap<Mutex<Tally>>>,
    pub(super) keeper: Keeper,
    board: Board,
    /// Where transactions store counts, not the keeper.
    carried: Option<Carried>,
}

impl Books {
    /// Keeps the counts of these input topics in `store`. Readiness says while it is away.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn open(store: Box<dyn Store>, topics: &[String], board: &Board) -> io::Result<Books> {
        Books::with(store, topics, board, None)
    }

    /// Keeps them in a changelog that the producer's transactions write (P12); the keeper only
    /// loads from it.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn carried(store: Changelog, topics: &[String], board: &Board) -> io::Result<Books> {
        let carried = store.carried();
        Books::with(Box::new(store), topics, board, Some(carried))
    }

    fn with(
        store: Box<dyn Store>,
        topics: &[String],
        board: &Board,
        carried: Option<Carried>,
    ) -> io::Result<Books> {
        let books = Books {
            topics: topics.into(),
            tally: Arc::default(),
            keeper: Keeper::start(store, watch(board.clone()))?,
            board: board.clone(),
            carried,
        };
        books.begin();
        Ok(books)
    }

    /// A new tally, for an aggregator to fill from now on.
    pub(super) fn begin(&self) -> Arc<Mutex<Tally>> {
        let storing = match self.carried {
            None => Storing::Apart,
            Some(_) => Storing::WithTransactions,
        };
        let tally = Arc::new(Mutex::new(Tally::new(&self.topics, storing)));
        self.tally.store(tally.clone());
        tally
    }

    /// Has the keeper save changes; the answers are in order.
    pub(super) fn save(
        &self,
        changes: Vec<Change>,
        then: impl FnOnce(Vec<Saved>) + Send + 'static,
    ) {
        let board = self.board.clone();
        self.keeper.save(changes, move |saved| {
            board.store_written();
            then(saved);
        });
    }

    /// The topic that the producer's transactions store counts in, if they do.
    pub fn topic(&self) -> Option<&str> {
        self.carried.as_ref().map(Carried::topic)
    }

    /// What a transaction with these ends has to store; None where it must not be committed, for
    /// some of it is being counted anew.
    pub(super) fn draft(&self, ends: &[End]) -> Option<Draft> {
        let Some(carried) = &self.carried else {
            return Some(Draft::default());
        };
        let changes = lock(&self.tally.load()).changes_upto(ends)?;
        carried.draft(changes)
    }

    /// A transaction with these ends has stored its draft.
    pub(super) fn stored(&self, ends: &[End], draft: Draft) {
        if let Some(carried) = &self.carried {
            carried.written(draft);
            self.board.store_written();
            lock(&self.tally.load()).stored(ends);
        }
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

/// Tells log, status and readiness whether the store answers, the log only where that changes.
fn watch(board: Board) -> impl FnMut(Result<(), StoreError>) {
    let mut away = false;
    move |answer| match answer {
        Ok(()) => {
            away = false;
            board.store_answered();
            board.ready(Latch::Store);
        }
        Err(error) => {
            if !std::mem::replace(&mut away, true) {
                tracing::error!(%error, "counts cannot be stored; reading stops until they can");
            }
            board.store_failed();
            board.not_ready(Latch::Store, error.to_string());
        }
    }
}
