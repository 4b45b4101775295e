//! Assignment and revocation. librdkafka waits until it is told to assign or unassign, and goes on
//! being polled meanwhile, so that both may take as long as restoring and draining do.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Action, Intake, Lane, Phase, Tenure};
use crate::flow::Partition;

/// The rebalance under way; librdkafka begins no other before this one is answered.
pub(super) enum Rebalance {
    /// Waits until the aggregator has restored every one of them.
    Assigning {
        starts: Vec<(Partition, i64)>,
        restoring: BTreeSet<Partition>,
    },
    /// Waits until they are settled and committed, to the deadline.
    Revoking {
        partitions: Vec<Partition>,
        deadline: Duration,
    },
}

impl Intake {
    /// The group gives us these partitions, each with the offset it is committed at.
    pub fn assigned(&mut self, starts: Vec<(Partition, i64)>, now: Duration) {
        for (partition, start) in &starts {
            self.take_on(*partition, *start);
        }
        let restoring = starts.iter().map(|(partition, _)| *partition).collect();
        self.rebalance = Some(Rebalance::Assigning { starts, restoring });
        self.progress(now);
    }

    /// The group takes these partitions back: no more is read of them, what is in flight may
    /// settle until the deadline.
    pub fn revoked(&mut self, partitions: Vec<Partition>, now: Duration) {
        for partition in &partitions {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.phase = Phase::Leaving;
            }
        }
        let deadline = now + self.drain;
        self.rebalance = Some(Rebalance::Revoking {
            partitions,
            deadline,
        });
        self.progress(now);
    }

    /// The group has given these partitions to others already: nothing of them may be committed.
    pub fn lost(&mut self, partitions: Vec<Partition>) {
        self.rebalance = None;
        self.let_go(partitions);
    }

    /// The assignment turned out to be lost while a revocation was draining. An assignment under
    /// way has to be answered all the same; [`Intake::lost`] follows.
    pub fn assignment_lost(&mut self) {
        match self.rebalance.take() {
            Some(Rebalance::Revoking { partitions, .. }) => self.let_go(partitions),
            unanswered => self.rebalance = unanswered,
        }
    }

    /// Whether somebody waits for what is in flight to be settled and committed.
    pub fn is_leaving(&self) -> bool {
        self.draining || matches!(self.rebalance, Some(Rebalance::Revoking { .. }))
    }

    fn take_on(&mut self, partition: Partition, start: i64) {
        let tenure = Tenure::begin(&self.heritage.generations);
        self.ledger.open(partition, tenure.generation(), start);
        let worker = self.least_loaded();
        self.workers[worker].partitions += 1;
        let lane = Lane {
            tenure,
            worker,
            phase: if self.draining {
                Phase::Leaving
            } else {
                Phase::Restoring
            },
            position: start,
            count_from: start,
            told_from: self.heritage.marks.settled(partition),
            sequence: 0,
        };
        self.lanes.insert(partition, lane);
        self.restore(partition);
    }

    /// A plain modulo would leave workers idle when members hold every second partition.
    fn least_loaded(&self) -> usize {
        let loads = self.workers.iter().enumerate();
        loads
            .min_by_key(|(_, worker)| worker.partitions)
            .map_or(0, |(index, _)| index)
    }

    /// Whether the partition is part of an assignment under way, which its restoring may complete.
    pub(super) fn assigning_restored(&mut self, partition: Partition) -> bool {
        match &mut self.rebalance {
            Some(Rebalance::Assigning { restoring, starts }) => {
                restoring.remove(&partition);
                starts.iter().any(|(of, _)| *of == partition)
            }
            _ => false,
        }
    }

    pub(super) fn advance_rebalance(&mut self, now: Duration) {
        match self.rebalance.take() {
            Some(Rebalance::Assigning { starts, restoring })
                if restoring.is_empty() || self.draining =>
            {
                self.actions.push(Action::Assign(starts));
            }
            Some(Rebalance::Revoking {
                partitions,
                deadline,
            }) if now >= deadline || self.may_leave(&partitions) => self.let_go(partitions),
            waiting => self.rebalance = waiting,
        }
    }

    /// Whether all is settled and committed; commits what is settled on the way there.
    fn may_leave(&mut self, partitions: &[Partition]) -> bool {
        if !partitions.iter().all(|of| self.ledger.is_idle(*of)) || self.committing {
            return false;
        }
        let mut offsets = self.ledger.committable();
        offsets.retain(|(partition, _)| partitions.contains(partition));
        let settled = offsets.is_empty();
        self.commit_offsets(offsets);
        settled
    }

    /// Fence first, then let go: what is still at work cannot reach Kafka any more (P3).
    fn let_go(&mut self, partitions: Vec<Partition>) {
        for partition in &partitions {
            if let Some(lane) = self.lanes.remove(partition) {
                self.workers[lane.worker].partitions -= 1;
                drop(lane.tenure);
                self.ledger.close(*partition);
                self.actions.push(Action::Fence(*partition));
            }
        }
        self.actions.push(Action::Unassign(partitions));
    }
}
