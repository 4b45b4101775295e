//! The board as watchers read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Board, Identity, Notes, Operation};
use crate::status::{Latch, Observed, Readiness, Records, State, Status, Transactions};

/// All that metrics show.
#[derive(Clone, Debug)]
pub struct Figures {
    pub status: Status,
    pub group: String,
    /// Each latch, and whether what it stands for is there.
    pub latches: [(Latch, bool); 4],
    /// Filtered records by reason.
    pub filtered: BTreeMap<String, u64>,
    pub in_flight_bytes_limit: u64,
    pub commits_succeeded: u64,
    pub commits_failed: u64,
    pub rebalances: u64,
    /// Restarts of the pipeline as a whole (P7).
    pub escalations: u64,
    /// Records that retention deleted before they were read (P6).
    pub expired: u64,
    /// Spans that were lost on their way to the collector (P6).
    pub spans_dropped: u64,
    /// What clients take for their operations.
    pub operations: [(Operation, Observed); Operation::ALL.len()],
    /// What a worker takes for a batch.
    pub process_duration: Observed,
    /// From a record's timestamp to its output's acknowledgement.
    pub end_to_end: Observed,
    /// From a transaction's first record to its end.
    pub transaction_duration: Observed,
}

impl Board {
    /// What never changes.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The status of now; each counter is read on its own.
    pub fn snapshot(&self) -> Status {
        let actors = self
            .actors()
            .map_or_else(Vec::new, |source| source.actors());
        let notes = self.notes();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            pipeline: self.0.identity.pipeline.clone(),
            delivery: self.0.identity.delivery.clone(),
            state: self.state(&notes),
            uptime_seconds: (self.0.uptime)().as_secs_f64(),
            records: self.records(&notes),
            rejections: notes.rejected.clone(),
            transactions: self.transactions(&notes),
            store: self.store(&notes.store),
            partitions: notes.partitions.clone(),
            actors,
            last_error: notes.last_error.clone(),
        }
    }

    /// The status of now, and what only metrics show.
    pub fn figures(&self) -> Figures {
        let counters = &self.0.counters;
        let status = self.snapshot();
        let notes = self.notes();
        Figures {
            status,
            group: self.0.identity.group.clone(),
            latches: Latch::ALL.map(|latch| (latch, !notes.closed.contains_key(&latch))),
            filtered: notes.filtered.clone(),
            in_flight_bytes_limit: get(&counters.in_flight_bytes_limit),
            commits_succeeded: get(&counters.commits_succeeded),
            commits_failed: get(&counters.commits_failed),
            rebalances: get(&counters.rebalances),
            escalations: get(&counters.escalations),
            expired: get(&counters.expired),
            spans_dropped: get(&counters.spans_dropped),
            operations: Operation::ALL.map(|of| (of, self.0.operations[of as usize].observed())),
            process_duration: self.0.process_duration.observed(),
            end_to_end: self.0.end_to_end.observed(),
            transaction_duration: self.0.transaction_duration.observed(),
        }
    }

    /// Whether records can be worked on. Neither an empty assignment nor a rebalance nor a pause
    /// is a reason against it.
    pub fn readiness(&self) -> Readiness {
        let notes = self.notes();
        let closed = notes.closed.iter();
        let mut reasons: BTreeMap<_, _> = closed
            .map(|(latch, reason)| (latch.name(), reason.clone()))
            .collect();
        match notes.state {
            State::Starting | State::Running | State::Paused => None,
            State::Draining => reasons.insert("state", "draining".to_owned()),
            State::Failed => reasons.insert("state", "failed".to_owned()),
        };
        if let Some(reason) = &notes.escalation {
            reasons.insert("escalation", reason.clone());
        }
        Readiness::from(reasons)
    }

    /// Whether the service has not given up and its supervisor, where there is one yet, answers.
    /// May stay pending where that hangs.
    pub async fn answers(&self) -> bool {
        if self.notes().state == State::Failed {
            return false;
        }
        match self.actors() {
            Some(source) => source.answers().await,
            None => true,
        }
    }

    fn transactions(&self, notes: &Notes) -> Transactions {
        let age = |opened| (self.0.uptime)().saturating_sub(opened).as_secs_f64();
        Transactions {
            ended: notes.transactions.clone(),
            open_seconds: notes.transaction_opened.map_or(0.0, age),
        }
    }

    fn state(&self, notes: &Notes) -> State {
        match notes.state {
            State::Running if self.is_paused() => State::Paused,
            state => state,
        }
    }

    fn records(&self, notes: &Notes) -> Records {
        let counters = &self.0.counters;
        Records {
            consumed: get(&counters.consumed),
            produced: get(&counters.produced),
            filtered: notes.filtered.values().sum(),
            rejected: notes.rejected.values().sum(),
            in_flight: get(&counters.in_flight),
            in_flight_bytes: get(&counters.in_flight_bytes),
        }
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
