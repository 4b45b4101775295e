//! What onlookers see of the intake.

use super::{Intake, Lane, Phase};
use crate::flow::{Generation, Partition};

/// What an onlooker may know of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    pub partition: Partition,
    pub generation: Generation,
    pub position: i64,
    pub committed: i64,
    /// Everything below it has its result; committing it is all that is left.
    pub settled: i64,
    /// Records in flight.
    pub in_flight: usize,
    /// The timestamp of the oldest of them, in Unix milliseconds.
    pub oldest: Option<i64>,
    /// Grows with that of each worker it is with.
    pub incarnation: u64,
    /// Whether something is to move here: a restoring, a settlement or a commit is waited for.
    pub at_work: bool,
}

impl Intake {
    pub fn status(&self) -> Vec<LaneStatus> {
        self.lanes
            .iter()
            .map(|(partition, lane)| self.lane_status(*partition, lane))
            .collect()
    }

    /// Of a partition that is ours.
    pub fn generation(&self, partition: Partition) -> Option<Generation> {
        let lane = self.lanes.get(&partition)?;
        Some(lane.tenure.generation())
    }

    fn lane_status(&self, partition: Partition, lane: &Lane) -> LaneStatus {
        let workers = &self.workers[self.workers_of(lane.worker)];
        let committed = self.ledger.last_committed(partition).unwrap_or(0);
        LaneStatus {
            partition,
            generation: lane.tenure.generation(),
            position: lane.position,
            committed,
            settled: self.ledger.settled(partition).unwrap_or(0),
            in_flight: self.ledger.records(partition),
            oldest: self.ledger.oldest(partition),
            incarnation: workers.iter().map(|worker| worker.incarnation).sum(),
            at_work: lane.phase == Phase::Restoring || committed < lane.position,
        }
    }
}
