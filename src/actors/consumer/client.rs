//! What librdkafka's consumer says, told to the intake.

use std::time::Duration;

use super::reading::{Reading, partition, reason};
use crate::actors::messages::Hurry;
use crate::failpoint::{self, Stage};
use crate::flow::Partition;
use crate::kafka::{
    self, Class, ClientError, Code, Committed, ControlEvent, PartitionError, TopicPartition,
};
use crate::status::{Latch, Operation};
use crate::supervision::unix_nanos;

/// For one question to the broker.
const ANSWER: Duration = Duration::from_secs(10);
/// So often a question is asked: while a leader is chosen, or a killed instance's transaction is
/// open, the answer can time out.
const QUESTIONS: usize = 6;
/// How long after it was barred a client asks the group again.
const KNOCK: Duration = Duration::from_secs(3);
const BARRED: &str = "the group has a member of this instance's name: one that was killed, whose session ends soon, or another process";

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
        let committed = self.ask(|client| client.committed(&partitions, ANSWER))?;
        let mut starts = Vec::with_capacity(partitions.len());
        for (named, committed) in partitions.iter().zip(committed) {
            starts.push((self.unname(named), self.start(named, committed)?));
        }
        // Every rebalance ends in an assignment, of no partition at times; few begin with a revoke.
        self.wiring.board.rebalanced();
        self.wiring.board.ready(Latch::Group);
        self.wiring.fences.admitted();
        self.intake.assigned(starts, self.now());
        Ok(())
    }

    /// Reads everything again from where the broker says that it is committed.
    pub(super) fn rewind_to_committed(&mut self) -> Result<(), String> {
        let lanes = self.intake.status().into_iter();
        let partitions: Vec<_> = lanes.map(|lane| lane.partition).collect();
        let named: Vec<_> = partitions.iter().map(|of| self.name(*of)).collect();
        let committed = self.ask(|client| client.committed(&named, ANSWER))?;
        let known = partitions.into_iter().zip(committed);
        let known: Vec<_> = known
            .filter_map(|(of, offset)| Some((of, offset?)))
            .collect();
        self.intake.rewind_to(&known, self.now());
        // Though no partition may be ours just now: the producer sends nothing before it hears.
        self.wiring.fence();
        Ok(())
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        let partitions: Vec<_> = partitions.iter().map(|named| self.unname(named)).collect();
        if self.client.assignment_lost() {
            tracing::warn!("partitions were lost: the group has given them to others");
            self.intake.lost(partitions);
        } else {
            self.intake.revoked(partitions, self.now());
            let _ = self.wiring.aggregator.send(Hurry);
        }
    }

    /// Asks the broker, again where it must be. A slow answer is no hang of ours (P7).
    fn ask<T>(
        &self,
        question: impl Fn(&kafka::Consumer) -> Result<T, kafka::Error>,
    ) -> Result<T, String> {
        let _waiting = self.pulse.waiting();
        let mut answer = question(&self.client);
        for _ in 1..QUESTIONS {
            if answer.is_ok() {
                break;
            }
            answer = question(&self.client);
        }
        answer.map_err(reason)
    }

    /// Where to begin: at the committed offset, or at the first record there still is. What was
    /// deleted in between was never read, which is an error (P6).
    fn start(&self, named: &TopicPartition, committed: Option<i64>) -> Result<i64, String> {
        let (low, _) = self.ask(|client| client.low_high(named, ANSWER))?;
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
        let (begun, ended) = (self.committing_since, unix_nanos());
        self.trace(results, (begun, ended), failed.map(|_| "refused"));
        let took = Duration::from_nanos(ended.saturating_sub(begun));
        self.wiring.board.operated(Operation::Commit, took);
        if let Some(code) = failed {
            tracing::warn!(?code, "a commit was refused; it is tried again");
        } else {
            failpoint::after(Stage::Commit);
            // Whatever the broker refused before, it takes us now.
            self.wiring.board.ready(Latch::Group);
        }
        let confirmed = results.iter().filter(|committed| committed.result.is_ok());
        let offsets: Vec<_> = confirmed
            .map(|committed| (self.unname(&committed.partition), committed.offset))
            .collect();
        self.intake.commit_done(Some(&offsets), self.now());
    }

    fn trace(&self, results: &[Committed], times: (u64, u64), refused: Option<&'static str>) {
        let tracer = &self.wiring.tracer;
        if tracer.is_on() {
            let offsets = results.iter();
            let offsets = offsets.map(|of| (self.unname(&of.partition), of.offset));
            tracer.committed(&offsets.collect::<Vec<_>>(), times, refused);
        }
    }

    /// Transient errors are librdkafka's to mend; those that no trying mends fail readiness.
    fn client_error(&mut self, error: ClientError) -> Result<(), String> {
        match error.class() {
            Class::Transient => self.complaints.trouble(&error),
            Class::Final(missing) => {
                self.complaints.refusal(&error, missing);
                self.wiring.board.not_ready(Latch::Group, missing);
            }
            Class::Fenced => return Err(self.wiring.fences.reason(&error, &self.pulse)),
            Class::Barred => return self.barred(&error),
            Class::Fatal => return Err(error.to_string()),
        }
        Ok(())
    }

    fn barred(&mut self, error: &ClientError) -> Result<(), String> {
        self.wiring.fences.barred(error, &self.pulse)?;
        tracing::warn!(again_in = ?KNOCK, "{BARRED}");
        self.wiring.board.not_ready(Latch::Group, BARRED);
        self.knocks_at = Some(self.now() + KNOCK);
        Ok(())
    }

    /// An offset that is gone (retention) is stepped over, loudly; one that is not there yet is
    /// of another log than ours. Other errors librdkafka mends.
    pub(super) fn partition_error(&mut self, error: PartitionError) -> Result<(), String> {
        let of = partition(error.topic, error.partition);
        if let Class::Final(missing) = Class::of(error.code) {
            tracing::error!(%error, missing, "the broker refuses us");
            self.wiring.board.not_ready(Latch::Group, missing);
            return Ok(());
        }
        if error.code != Code::AutoOffsetReset {
            tracing::warn!(%error, "a partition cannot be read");
            return Ok(());
        }
        let Some(wanted) = self.intake.wants(of) else {
            return Ok(());
        };
        let named = self.name(of);
        let (low, high) = self.ask(|client| client.low_high(&named, ANSWER))?;
        if wanted > high {
            return Err(format!(
                "{named} is to be read from offset {wanted}, but ends at {high}: was the topic made anew? If so, reset the group's offsets"
            ));
        }
        if wanted < low {
            self.expired(&named, wanted, low);
        }
        let start = [(named, low.max(wanted))];
        self.client.seek(&start).map_err(reason)
    }

    /// Whether everything that work in flight may wait for answers: each input, each output. An
    /// output that refuses writes for want of replicas is as good as away.
    pub(super) fn brokers_answer(&self) -> bool {
        let _waiting = self.pulse.waiting();
        let lanes = self.intake.status().into_iter();
        let inputs = lanes.map(|lane| self.name(lane.partition));
        let outputs =
            self.wiring.outputs.iter().flat_map(|topic| {
                (0..topic.partitions).map(|id| TopicPartition::new(&topic.name, id))
            });
        let mut all = inputs.chain(outputs);
        all.all(|named| self.client.low_high(&named, ANSWER).is_ok()) && self.outputs_take_writes()
    }

    /// Where we may not ask, they are taken to.
    fn outputs_take_writes(&self) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let (Ok(runtime), Ok(admin)) = (runtime, kafka::Admin::new(&self.wiring.kafka)) else {
            return true;
        };
        let mut outputs = self.wiring.outputs.iter();
        outputs.all(|topic| {
            let asked = runtime.block_on(admin.takes_writes(&topic.name, ANSWER));
            asked.unwrap_or(true)
        })
    }

    fn unname(&self, named: &TopicPartition) -> Partition {
        let topics = &self.wiring.topics;
        let topic = topics.iter().position(|topic| **topic == *named.topic);
        partition(topic.unwrap_or(usize::MAX), named.partition)
    }
}
