//! What every watcher reads: plain types, and the [`Board`] on which actors publish.
//!
//! ```text
//!   actors ──per batch──▶ [Board] ──snapshot──▶ /api/status, the page
//!   supervisor ◀──asks──   ▲ │  └───figures───▶ /metrics
//!                          │ └──────readiness─▶ /readyz
//!                          └──pause, restart─── /api/pause, /api/actors/…
//! ```
//!
//! Nothing here holds a record's key, headers or value, or any part of them (P10): names,
//! positions and numbers only. Knows nothing of what publishes and of who reads.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

mod board;
mod histogram;
mod readiness;
#[cfg(test)]
pub(crate) mod sample;

pub use board::{ActorSource, Answer, Board, Figures, Identity, Operation};
pub use histogram::{Histogram, Observed};
pub use readiness::{Latch, Readiness};

/// The answer of `/api/status`. Its members are a contract.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub version: &'static str,
    pub pipeline: String,
    pub delivery: String,
    pub state: State,
    pub uptime_seconds: f64,
    pub records: Records,
    /// Rejected records by error type, since the process began.
    pub rejections: BTreeMap<String, u64>,
    pub transactions: Transactions,
    pub store: StoreStatus,
    /// The partitions that this instance owns now.
    pub partitions: Vec<PartitionStatus>,
    pub actors: Vec<ActorStatus>,
    /// The last failure, whether or not it was overcome.
    pub last_error: Option<String>,
}

/// Where the service as a whole stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Starting,
    Running,
    Paused,
    Draining,
    /// It has given up and is about to exit. Final.
    Failed,
}

/// Records since the process began, and those under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Records {
    /// Records that were read. One that is read again, after a rewind, is no other record: it is
    /// produced, filtered or rejected once, or still in flight.
    pub consumed: u64,
    /// Records whose outputs the broker has acknowledged.
    pub produced: u64,
    pub filtered: u64,
    pub rejected: u64,
    pub in_flight: u64,
    pub in_flight_bytes: u64,
}

/// The transactions of exactly-once; none in at-least-once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transactions {
    /// Since the process began: `committed`, or aborted because `fenced`, `late` or `refused`.
    pub ended: BTreeMap<String, u64>,
    /// How old the open one is; 0 where there is none.
    pub open_seconds: f64,
}

/// The counts' store, as this instance meets it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StoreStatus {
    /// Times that counts were stored, since the process began; by transactions too.
    pub writes: u64,
    /// Tries that failed.
    pub failures: u64,
    /// For how long it has not answered; 0 where it does.
    pub away_seconds: f64,
    /// While stored counts are being loaded, how much of the store is read, from 0 to 1.
    pub restored: Option<f64>,
}

/// A partition that this instance owns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionStatus {
    pub topic: String,
    pub partition: i32,
    pub generation: u64,
    /// The offset to be read next.
    pub position: i64,
    /// Everything below it is settled and committed.
    pub committed: i64,
    /// One above the last record there is.
    pub end: i64,
    /// Records between `committed` and `end`.
    pub lag_records: u64,
    /// Age of the oldest record that is not settled, in seconds.
    pub lag_seconds: f64,
    pub paused: bool,
}

/// An actor, whichever of its incarnations lives.
#[derive(Clone, Debug, Serialize)]
pub struct ActorStatus {
    pub name: String,
    pub role: &'static str,
    pub state: ActorState,
    /// Restarts since the process began, by the kind of exit that each followed. The status shows
    /// their sum, the metrics each.
    #[serde(serialize_with = "sum")]
    pub restarts: BTreeMap<&'static str, u64>,
    pub last_exit: Option<String>,
    /// How long the present piece of work lasts; zero where the actor rests or waits.
    pub busy_seconds: f64,
}

/// Where an actor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorState {
    Starting,
    Running,
    /// Ended, and waiting for its restart.
    BackingOff,
    /// Told to end.
    Stopping,
    /// Ended for good.
    Stopped,
}

fn sum<S: Serializer>(restarts: &BTreeMap<&str, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(restarts.values().sum())
}

#[cfg(test)]
mod tests;
