//! What librdkafka's consumer says, told to the intake.

use std::time::Duration;

use super::reading::{Reading, partition, reason};
use crate::flow::Partition;
use crate::kafka::{
    Class, ClientError, Code, Committed, ControlEvent, PartitionError, TopicPartition,
};
use crate::status::{Latch, PartitionStatus};

/// For one question to the broker.
const ANSWER: Duration = Duration::from_secs(10);
/// So often the start of a new assignment is asked for: while a killed instance's transaction is
/// open, the answer can time out.
const QUESTIONS: usize = 6;

impl Reading {
    pub(super) fn serve_client(&mut self) -> Result<(), String> {
        for event in self.client.events() {
            match event {
                ControlEvent::Assign(partitions) => self.assigned(partitions)?,
                ControlEvent::Revoke(partitions) => self.revoked(&partitions),
                ControlEvent::Committed(results) => self.committed(&results),
                ControlEvent::Error(error) => self.client_error(error)?,
            }
        }
        if self.client.assignment_lost() {
            self.intake.assignment_lost();
        }
        Ok(())
    }

    fn assigned(&mut self, partitions: Vec<TopicPartition>) -> Result<(), String> {
        let committed = self.ask_committed(&partitions)?;
        let mut starts = Vec::with_capacity(partitions.len());
        for (named, committed) in partitions.iter().zip(committed) {
            starts.push((self.unname(named), self.start(named, committed)?));
        }
        self.wiring.board.rebalanced();
        self.wiring.board.ready(Latch::Group);
        self.intake.assigned(starts, self.now());
        Ok(())
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        let partitions: Vec<_> = partitions.iter().map(|named| self.unname(named)).collect();
        self.wiring.board.rebalanced();
        if self.client.assignment_lost() {
            tracing::warn!("partitions were lost: the group has given them to others");
            self.intake.lost(partitions);
        } else {
            self.intake.revoked(partitions, self.now());
        }
    }

    fn ask_committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, String> {
        let mut asked = self.client.committed(partitions, ANSWER);
        for _ in 1..QUESTIONS {
            if asked.is_ok() {
                break;
            }
            asked = self.client.committed(partitions, ANSWER);
        }
        asked.map_err(reason)
    }

    /// Where to begin: at the committed offset, or at the first record there still is. What was
    /// deleted in between was never read, which is an error (P6).
    fn start(&self, named: &TopicPartition, committed: Option<i64>) -> Result<i64, String> {
        let (low, _) = self.client.low_high(named, ANSWER).map_err(reason)?;
        match committed {
            Some(committed) if committed < low => {
                self.expired(named, committed, low);
                Ok(low)
            }
            Some(committed) => Ok(committed),
            None => Ok(low),
        }
    }

    fn expired(&self, named: &TopicPartition, from: i64, low: i64) {
        let records = low - from;
        tracing::error!(partition = %named, from, to = low, records, "records were deleted by retention before they were read");
        self.wiring
            .board
            .expired(u64::try_from(records).unwrap_or(0));
    }

    fn committed(&mut self, results: &[Committed]) {
        let failed = results.iter().find_map(|committed| committed.result.err());
        self.wiring.board.commit(failed.is_none());
        if let Some(code) = failed {
            tracing::warn!(?code, "a commit was refused; it is tried again");
        }
        let confirmed = results.iter().filter(|committed| committed.result.is_ok());
        let offsets: Vec<_> = confirmed
            .map(|committed| (self.unname(&committed.partition), committed.offset))
            .collect();
        self.intake.commit_done(Some(&offsets), self.now());
    }

    /// Transient errors are librdkafka's to mend; those that no trying mends fail readiness.
    fn client_error(&mut self, error: ClientError) -> Result<(), String> {
        match error.class() {
            Class::Transient => tracing::warn!(%error, "trouble with the brokers"),
            Class::Final(missing) => {
                tracing::error!(%error, missing, "the broker refuses us");
                self.wiring.board.not_ready(Latch::Group, missing);
            }
            Class::Fenced | Class::Fatal => return Err(error.to_string()),
        }
        Ok(())
    }

    /// An offset that is gone (retention) is stepped over, loudly; others librdkafka tries again.
    pub(super) fn partition_error(&mut self, error: PartitionError) -> Result<(), String> {
        let of = partition(error.topic, error.partition);
        if error.code != Code::AutoOffsetReset {
            tracing::warn!(%error, "a partition cannot be read");
            return Ok(());
        }
        let named = self.name(of);
        let (low, _) = self.client.low_high(&named, ANSWER).map_err(reason)?;
        if let Some(wanted) = self.intake.wants(of) {
            self.expired(&named, wanted, low);
            self.client
                .seek(&[(named, low.max(wanted))])
                .map_err(reason)?;
        }
        Ok(())
    }

    pub(super) fn publish(&self) {
        let lanes = self.intake.status().into_iter();
        let partitions = lanes.map(|lane| {
            let named = self.name(lane.partition);
            let seen = self.client.low_high_seen(&named);
            let end = seen.map_or(lane.position, |(_, high)| high.max(lane.position));
            PartitionStatus {
                topic: named.topic.to_string(),
                partition: named.partition,
                generation: lane.generation.0,
                position: lane.position,
                committed: lane.committed,
                end,
                lag_records: u64::try_from(end - lane.committed).unwrap_or(0),
                lag_seconds: 0.0,
                paused: false,
            }
        });
        self.wiring.board.set_partitions(partitions.collect());
    }

    fn unname(&self, named: &TopicPartition) -> Partition {
        let topics = &self.wiring.topics;
        let topic = topics.iter().position(|topic| **topic == *named.topic);
        partition(topic.unwrap_or(usize::MAX), named.partition)
    }
}
