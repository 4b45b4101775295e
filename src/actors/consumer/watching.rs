//! What others may see of the reading, and whether it moves.

use super::reading::Reading;
use crate::flow::intake::LaneStatus;
use crate::flow::stalls::Finding;
use crate::kafka::TopicPartition;
use crate::status::{Latch, PartitionStatus};
use crate::supervision::unix_nanos;

const NANOS_PER_MILLI: u64 = 1_000_000;

impl Reading {
    pub(super) fn publish(&self) {
        let lanes = self.intake.status();
        let records: usize = lanes.iter().map(|lane| lane.in_flight).sum();
        let (budget, board) = (&self.wiring.budget, &self.wiring.board);
        board.set_in_flight(records as u64, budget.used() as u64, budget.limit() as u64);
        let partitions = lanes.iter().map(|lane| self.describe(lane));
        board.set_partitions(partitions.collect());
    }

    /// Records are counted by their ends once they are settled, as they were counted once when they
    /// were read: what is consumed is produced, filtered, rejected or in flight, whatever was read
    /// again meanwhile (P6).
    pub(super) fn tell_outcomes(&mut self) {
        let (outcomes, board) = (self.intake.take_outcomes(), &self.wiring.board);
        board.produced(outcomes.produced);
        for (reason, records) in outcomes.filtered {
            board.filtered(&reason, records);
        }
        for (error_type, records) in outcomes.rejected {
            board.rejected(error_type, records);
        }
    }

    fn describe(&self, lane: &LaneStatus) -> PartitionStatus {
        let named = self.name(lane.partition);
        let end = self.end(lane, &named);
        let oldest = lane.oldest.or_else(|| self.waiting.oldest(lane.partition));
        PartitionStatus {
            topic: named.topic.to_string(),
            partition: named.partition,
            generation: lane.generation.0,
            position: lane.position,
            committed: lane.committed,
            end,
            lag_records: u64::try_from(end - lane.committed).unwrap_or(0),
            lag_seconds: oldest.map_or(0.0, age_seconds),
            paused: self.wiring.board.is_paused(),
        }
    }

    /// One above the last record there is. A log may end in markers of transactions, which are no
    /// records and no lag: once they are taken too, the last record read was the last there is (P6).
    fn end(&self, lane: &LaneStatus, named: &TopicPartition) -> i64 {
        let waiting = self.waiting.next(lane.partition).unwrap_or(0);
        let read = self.wiring.heritage.marks.furthest(lane.partition);
        let last = lane.position.max(waiting).max(read);
        match (
            self.client.low_high_seen(named),
            self.client.position(named),
        ) {
            (Some((_, high)), taken) if taken.is_none_or(|taken| taken < high) => high.max(last),
            _ => last,
        }
    }

    /// Fails where work stands still though nothing is paused and store and brokers answer (P7). What
    /// is not read yet is not looked at: markers of transactions at a log's end are never read.
    /// A drain has a deadline of its own.
    pub(super) fn find_stall(&mut self) -> Result<(), String> {
        let board = &self.wiring.board;
        if board.is_paused() || self.draining || board.is_closed(Latch::Store) {
            self.stalls.excuse();
            return Ok(());
        }
        let mut lanes = self.intake.status();
        lanes.retain(|lane| lane.at_work || self.waiting.holds(lane.partition));
        let now = self.now();
        let Some(finding) = self.stalls.look(lanes, now) else {
            return Ok(());
        };
        let (Finding::Ask(partition) | Finding::Stalled(partition)) = finding;
        if self.brokers_answer() {
            if let Finding::Ask(partition) = finding {
                self.stalls.answered(partition, now);
                return Ok(());
            }
            let (named, after) = (self.name(partition), self.wiring.limits.stall);
            return Err(format!("{named} has not moved for {after:?}"));
        }
        let generation = self.intake.generation(partition).map(|of| of.0);
        tracing::warn!(partition = %self.name(partition), generation, "does not move, and its brokers are waited for");
        self.stalls.excuse();
        Ok(())
    }
}

/// Of a timestamp in Unix milliseconds; none where it lies ahead.
fn age_seconds(timestamp: i64) -> f64 {
    let now = unix_nanos() / NANOS_PER_MILLI;
    let age = now.saturating_sub(u64::try_from(timestamp).unwrap_or(0));
    age as f64 / 1000.0
}
