//! A made-up board, for tests of all that reads one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    ActorSource, ActorState, ActorStatus, Answer, Board, Identity, Latch, Operation,
    PartitionStatus, State,
};

/// Nothing is known of it yet.
pub fn starting() -> Board {
    let identity = Identity {
        pipeline: "logins".to_owned(),
        group: "greenroom-logins".to_owned(),
        delivery: "at-least-once".to_owned(),
    };
    Board::new(identity, || Duration::from_millis(4_200))
}

/// All is there, and every counter has counted.
pub fn at_work() -> Board {
    let board = starting();
    for latch in Latch::ALL {
        board.ready(latch);
    }
    board.set_state(State::Running);
    board.watch(Actors { answer: true });
    board.consumed(1_000);
    board.produced(900);
    board.filtered("skipped", 30);
    board.rejected("invalid_json", 40);
    board.rejected("missing_field", 2);
    board.expired(7);
    board.spans_dropped(5);
    board.commit(true);
    board.commit(false);
    board.transaction_opened();
    board.transaction_ended("committed");
    board.store_written();
    board.store_failed();
    board.restored(Some(0.25));
    board.rebalanced();
    board.escalating("transformer-0 panicked too often");
    board.recovered();
    board.processed(Duration::from_millis(3));
    board.operated(Operation::Send, Duration::from_millis(80));
    board.end_to_end([4, 6, 8].map(Duration::from_millis));
    board.set_partitions(vec![partition(0), partition(1)]);
    board.set_in_flight(28, 5_600, 64 << 20);
    board
}

pub fn partition(partition: i32) -> PartitionStatus {
    PartitionStatus {
        topic: "user-login".to_owned(),
        partition,
        generation: 1,
        position: 512,
        committed: 500,
        end: 520,
        lag_records: 20,
        lag_seconds: 0.25,
        paused: false,
    }
}

/// A supervisor that answers, or one that is no more.
pub struct Actors {
    pub answer: bool,
}

impl ActorSource for Actors {
    fn actors(&self) -> Vec<ActorStatus> {
        let worker = ActorStatus {
            name: "transformer-0".to_owned(),
            role: "transformer",
            state: ActorState::Running,
            restarts: BTreeMap::from([("panicked", 2), ("hung", 1)]),
            last_exit: Some("panicked at src/pipeline/mod.rs:7".to_owned()),
            busy_seconds: 0.5,
        };
        let producer = ActorStatus {
            name: "producer".to_owned(),
            role: "producer",
            state: ActorState::BackingOff,
            restarts: BTreeMap::new(),
            last_exit: None,
            busy_seconds: 0.0,
        };
        vec![worker, producer]
    }

    fn answers(&self) -> Answer {
        Box::pin(std::future::ready(self.answer))
    }

    /// The producer has ended for good.
    fn restart(&self, actor: &str) -> Answer {
        Box::pin(std::future::ready(actor == "transformer-0"))
    }
}
