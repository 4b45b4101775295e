//! What the intake decides, carried out.

use super::reading::{Reading, reason};
use crate::actors::messages::{Allow, Restore, Work};
use crate::failpoint::{self, Stage};
use crate::flow::{Action, Partition};
use crate::kafka::TopicPartition;
use crate::supervision::unix_nanos;

impl Reading {
    /// Carries out what is due. Actors that cannot be told are being replaced: their successors
    /// are replayed to, or a rewind follows.
    pub(super) fn act(&mut self) -> Result<(), String> {
        for action in self.intake.take_actions() {
            match action {
                Action::Assign(starts) => self.assign(&starts)?,
                Action::Unassign(partitions) => self.unassign(&partitions)?,
                Action::Restore {
                    partition,
                    lease,
                    start,
                } => {
                    let _ = self.wiring.aggregator.send(Restore {
                        partition,
                        lease,
                        start,
                    });
                }
                Action::Fence(partition) => {
                    self.waiting.drop_partition(partition);
                    self.wiring.fence();
                }
                Action::Seek(partition, offset) => self.seek(partition, offset)?,
                Action::Send(dispatch) => {
                    // Once for the batch, before anybody works on it.
                    if dispatch.part == 0 {
                        self.wiring.tracer.begin(&dispatch.batch);
                    }
                    let worker = &self.wiring.transformers[dispatch.worker()];
                    let _ = worker.send(Work::of(dispatch));
                }
                Action::Allow(transaction) => {
                    let _ = self.wiring.producer.send(Allow {
                        transaction,
                        membership: self.client.membership(),
                    });
                }
                Action::Commit(offsets) => self.commit(&offsets),
                Action::Drained => self.drained = true,
            }
        }
        Ok(())
    }

    fn assign(&mut self, starts: &[(Partition, i64)]) -> Result<(), String> {
        tracing::info!(partitions = starts.len(), "partitions assigned");
        self.client.assign(&self.named(starts)).map_err(reason)
    }

    fn unassign(&mut self, partitions: &[Partition]) -> Result<(), String> {
        tracing::info!(partitions = partitions.len(), "partitions given back");
        let named: Vec<_> = partitions.iter().map(|of| self.name(*of)).collect();
        self.client.unassign(&named).map_err(reason)
    }

    fn seek(&mut self, partition: Partition, offset: i64) -> Result<(), String> {
        self.waiting.drop_partition(partition);
        let named = self.named(&[(partition, offset)]);
        let generation = self.intake.generation(partition).map(|of| of.0);
        tracing::info!(partition = %named[0].0, generation, offset, "reading again");
        self.client.seek(&named).map_err(reason)
    }

    /// A commit that cannot even be asked for is one that was refused.
    fn commit(&mut self, offsets: &[(Partition, i64)]) {
        failpoint::before(Stage::Commit);
        self.committing_since = unix_nanos();
        if let Err(error) = self.client.commit(&self.named(offsets)) {
            tracing::warn!(%error, "nothing could be committed; it is tried again");
            self.wiring.board.commit(false);
            self.intake.commit_done(None, self.now());
        }
    }

    fn named(&self, offsets: &[(Partition, i64)]) -> Vec<(TopicPartition, i64)> {
        let named = offsets.iter().map(|(of, offset)| (self.name(*of), *offset));
        named.collect()
    }

    pub(super) fn name(&self, partition: Partition) -> TopicPartition {
        let topic = &self.wiring.topics[usize::from(partition.topic)];
        TopicPartition::new(topic, partition.id)
    }
}
