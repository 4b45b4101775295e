//! The counts' store that the settings ask for.

use super::setup::Setup;
use crate::config::{CountsStore, Delivery};
use crate::counts::{Changelog, Memory, Progress, Redis, Store, StoreError};
use crate::status::Board;
use crate::topology::Books;

/// Opens it; connects when it is first needed. `progress` hears how loading goes on where that takes
/// a while.
///
/// # Errors
/// Where the settings are not what its client takes.
pub fn open(setup: &Setup, progress: Progress) -> Result<Box<dyn Store>, StoreError> {
    let pipeline = &setup.pipeline;
    Ok(match setup.config.counts.store {
        CountsStore::Memory => Box::new(Memory::default()),
        CountsStore::Redis => Box::new(Redis::new(
            &setup.config.counts.redis_url,
            pipeline.group(),
            pipeline.name(),
            pipeline.redis_keys(),
        )?),
        CountsStore::Kafka => Box::new(changelog(setup, progress)),
    })
}

fn changelog(setup: &Setup, progress: Progress) -> Changelog {
    Changelog::new(setup.kafka(), setup.pipeline.name(), progress)
}

/// Whether counts are stored by the transactions of the results, and so seen together with them.
pub fn travels_with_transactions(setup: &Setup) -> bool {
    let chosen = (setup.config.flow.delivery, setup.config.counts.store);
    chosen == (Delivery::ExactlyOnce, CountsStore::Kafka)
}

/// What the service counts in it.
///
/// # Errors
/// As [`open`], and where no thread can be had.
pub fn books(setup: &Setup, board: &Board) -> Result<Books, String> {
    let text = |error: &dyn ToString| error.to_string();
    let topics = setup.pipeline.input_topics();
    let progress = {
        let board = board.clone();
        Box::new(move |share| board.restored(share))
    };
    if travels_with_transactions(setup) {
        let books = Books::carried(changelog(setup, progress), topics, board);
        return books.map_err(|error| text(&error));
    }
    if setup.config.counts.store == CountsStore::Memory {
        tracing::warn!("counts end with the process: GREENROOM_COUNTS_STORE=memory");
    }
    let store = open(setup, progress).map_err(|error| text(&error))?;
    Books::open(store, topics, board).map_err(|error| text(&error))
}
