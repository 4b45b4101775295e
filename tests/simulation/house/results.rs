//! The shells of the error router and the aggregator.

use greenroom::counts::{Applied, Delta, Path, Tally};
use greenroom::flow::Report;
use greenroom::record::Outgoing;

use super::worker::LETTERS;
use super::{Counts, House, Job, Mutation, Task, ToAggregator, ToProducer, tally};
use crate::kafka::Kafka;

impl House {
    pub fn route(&mut self) {
        let Some((batch, rejects)) = self.router.queue.pop_front() else {
            return;
        };
        if self.mutation == Some(Mutation::ForgetADeadLetter) {
            self.mutation = None;
            return;
        }
        let mut outgoing = Outgoing::default();
        for reject in rejects {
            if reject.omit_value {
                outgoing.push_null(reject.index, LETTERS);
            } else {
                outgoing.push_source(reject.index, LETTERS);
            }
            outgoing.push_header(b"greenroom.error.type", &[reject.reason as u8]);
        }
        self.producer
            .send(ToProducer::DeadLetters { batch, outgoing });
    }

    pub fn aggregate(&mut self, kafka: &Kafka) {
        match self.aggregator.queue.pop_front() {
            Some(ToAggregator::Restore {
                partition,
                lease,
                start,
            }) => self.ask(Task::Load {
                partition,
                lease,
                start,
                end: kafka.transactions.counts.len(),
            }),
            Some(ToAggregator::Loaded {
                partition,
                lease,
                start,
                stored,
            }) => {
                let generation = lease.generation();
                if let Some(next_offset) = self.tally.restore(partition, lease, start, stored) {
                    self.reports.push_back(Report::Restored {
                        partition,
                        generation,
                        next_offset,
                    });
                }
            }
            Some(ToAggregator::Counts(counts)) => {
                self.count(&counts);
            }
            Some(ToAggregator::Stored(saved)) => self.tally.saved(&saved),
            Some(ToAggregator::Fence) => self.tally.fence(),
            None => {}
        }
        self.reports.extend(self.tally.take_reports());
    }

    fn count(&mut self, counts: &Counts) {
        if self.mutation == Some(Mutation::CountItsFirstPartAsAll) {
            for _ in 1..counts.batch.parts().len() {
                self.tally.count(&counts.batch, Delta::default(), false);
            }
        }
        let applied = count_into(&mut self.tally, counts);
        if applied == Applied::Counted && self.mutation == Some(Mutation::SettleBeforeItIsStored) {
            self.reports.push_back(Report::Counted(counts.batch.id()));
        }
    }

    /// The time to store has come.
    pub fn store(&mut self) {
        if !self.aggregator.is_up() {
            return;
        }
        if let Some(changes) = self.tally.changes() {
            self.ask(Task::Save(changes));
        }
    }

    /// The aggregator hangs with a batch in its hands, and is abandoned.
    pub fn hang_aggregator(&mut self) {
        if let Some(ToAggregator::Counts(counts)) = self.aggregator.queue.pop_front() {
            self.late_counts.push((
                counts,
                std::mem::replace(&mut self.tally, tally(self.storing)),
            ));
        }
        self.aggregator.kill();
    }

    /// It goes on, and wants to have stored what it has counted.
    pub fn wake_aggregator(&mut self) {
        let Some((counts, mut tally)) = self.late_counts.pop() else {
            return;
        };
        count_into(&mut tally, &counts);
        self.reports.extend(tally.take_reports());
        if let Some(changes) = tally.changes() {
            self.keeper.push_back(Job {
                incarnation: 0,
                task: Task::Save(changes),
            });
        }
    }
}

/// Each record is counted under its offset.
fn count_into(tally: &mut Tally, counts: &Counts) -> Applied {
    let mut delta = Delta::default();
    for offset in &counts.offsets {
        let path: Path = [Box::from(offset.to_string())].into();
        delta.added.push((path, 1));
    }
    tally.count(&counts.batch, delta, false)
}
