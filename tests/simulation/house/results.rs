//! The shells of the error router and the aggregator.

use greenroom::counts::{Applied, Delta};
use greenroom::flow::Report;
use greenroom::record::Outgoing;

use super::worker::LETTERS;
use super::{Counts, House, Mutation, ToAggregator, ToProducer};
use crate::checks::Witness;

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

    pub fn aggregate(&mut self, witness: &mut Witness) {
        match self.aggregator.queue.pop_front() {
            Some(ToAggregator::Restore {
                partition,
                lease,
                start,
            }) if lease.is_current() => {
                self.reports.push_back(Report::Restored {
                    partition,
                    generation: lease.generation(),
                    next_offset: self.tally.begin(partition, start),
                });
            }
            Some(ToAggregator::Counts(counts)) if counts.batch.is_current() => {
                self.count(counts, witness);
            }
            _ => {}
        }
    }

    fn count(&mut self, counts: Counts, witness: &mut Witness) {
        let id = counts.batch.id();
        let range = counts.batch.range();
        let partition = id.partition;
        // What was counted, the witness writes down: the tally decides whether it may be.
        let (base, next, count_from) = (range.base, range.next, range.count_from);
        let applied = self
            .tally
            .apply(partition, base, next, count_from, &Delta::default());
        if applied == Applied::Counted {
            for offset in counts.offsets {
                witness.counted(self.life, partition.id, offset);
            }
        }
        self.reports.push_back(match applied {
            Applied::Counted | Applied::AlreadyCounted => Report::Counted(id),
            Applied::Gap => Report::Gap(id),
        });
    }

    /// The aggregator hangs with a batch in its hands, and is abandoned.
    pub fn hang_aggregator(&mut self) {
        if let Some(ToAggregator::Counts(counts)) = self.aggregator.queue.pop_front()
            && counts.batch.is_current()
        {
            self.late_counts.push(counts);
        }
        self.aggregator.kill();
    }

    pub fn wake_aggregator(&mut self, witness: &mut Witness) {
        if let Some(counts) = self.late_counts.pop() {
            self.count(counts, witness);
        }
    }
}
