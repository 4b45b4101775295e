//! What decides how records flow: pure values, no I/O, no thread, no clock, no actor.
//!
//! ```text
//!            assign, revoke, rewind, drain            receipts
//!                        │                               │
//!   records ─▶ [Intake ⊃ Ledger] ──Dispatch──▶ worker ─▶ [Outbox] ─▶ pieces to send
//!                        ▲                               │
//!                        └──────────── Report ───────────┘
//! ```
//!
//! Events go in, [`Action`]s come out; the actors around these values carry them out. A [`Batch`]
//! owns its memory's [`Permit`](credit::Permit) (P4) and the [`Lease`](generation::Lease) of the
//! partition it was read under (P3): whoever holds one can see whether its work still counts.
//!
//! Knows nothing of actix, Kafka and clocks.

pub mod abandoned;
pub mod batch;
pub mod bench;
pub mod credit;
pub mod generation;
pub mod intake;
pub mod ledger;
pub mod marks;
mod murmur2;
pub mod outbox;
pub mod outcomes;
pub mod stalls;
pub mod suspects;
pub mod transaction;

pub use abandoned::Abandoned;
pub use batch::{Batch, BatchId};
pub use bench::Bench;
pub use credit::Budget;
pub use generation::{Generation, Generations};
pub use intake::{Action, Intake, Split};
pub use marks::Marks;
pub use outbox::Outbox;
pub use outcomes::Outcomes;
pub use stalls::Stalls;
pub use suspects::{Suspects, Suspicion};
pub use transaction::{End, Transaction};

/// A partition of an input topic, the topic as its index in the pipeline's list of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    pub topic: u16,
    pub id: i32,
}

/// Why the producer could not deliver a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The output is larger than its topic takes; the record becomes a dead letter.
    TooLarge,
    /// The dead letter itself is larger than its topic takes; it goes without its value.
    DeadLetterTooLarge,
    /// Purged, or lost with its client: read it again.
    Lost,
}

/// What comes back to the consumer, from whichever actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Every record of the batch has reached its end.
    Delivered(BatchId),
    /// The batch's counts are as durable as the store makes them, or will be with the transaction
    /// that the batch is in.
    Counted(BatchId),
    /// The aggregator is ready for the partition; it has counted everything below `next_offset`.
    Restored {
        partition: Partition,
        generation: Generation,
        next_offset: i64,
    },
    /// The record at `offset` was refused.
    Refused {
        batch: BatchId,
        offset: i64,
        refusal: Refusal,
    },
    /// A batch of this generation is missing: read the partition again.
    Gap(BatchId),
    /// A worker was replaced. The record on its [`Bench`] was blamed before.
    WorkerRestarted { worker: usize, incarnation: u64 },
    /// An actor that had work in its hands was replaced: read everything unsettled again.
    Rewind,
    /// All of this transaction is acknowledged. Allow its commit once everything up to these ends
    /// is counted.
    Whole { transaction: u64, ends: Vec<End> },
    /// A transaction has committed everything up to these ends.
    Committed(Vec<End>),
    /// What a transaction of before came to is known to the broker alone: read again from what it
    /// says is committed.
    Undecided,
}
