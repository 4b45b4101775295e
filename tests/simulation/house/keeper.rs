//! The keeper: it does what the aggregators ask for, one thing after the other.

use greenroom::counts::{Change, Saved, Store};
use greenroom::flow::Partition;
use greenroom::kafka::TopicPartition;

use super::{House, Job, Mutation, TOPIC, Task, ToAggregator};
use crate::checks::Witness;
use crate::dice::Dice;
use crate::kafka::Kafka;

impl House {
    pub(super) fn ask(&mut self, task: Task) {
        self.keeper.push_back(Job {
            incarnation: self.aggregators,
            task,
        });
    }

    /// Does what is next. What is loaded waits for the transactions that had stored counts by then,
    /// and were not decided. An answer to an aggregator that is gone is lost.
    pub fn keep(&mut self, kafka: &Kafka, dice: &mut Dice, witness: &mut Witness) {
        let early = self.mutation == Some(Mutation::RestoreBeforeItIsDecided);
        let may_begin = |job: &mut Job| match &job.task {
            Task::Load { end, .. } => early || kafka.transactions.counts.is_decided(*end),
            Task::Save(_) => true,
        };
        let Some(Job { incarnation, task }) = self.keeper.pop_front_if(may_begin) else {
            return;
        };
        let answer = match task {
            Task::Load {
                partition,
                lease,
                start,
                ..
            } => {
                let stored = self.store.load(&[named(partition)]);
                ToAggregator::Loaded {
                    partition,
                    lease,
                    start,
                    stored: stored.expect("memory is never away").remove(0),
                }
            }
            Task::Save(changes) => {
                let saved = self.save(changes, dice);
                let all = self.store.load_all();
                witness.stored(kafka, &all.expect("memory is never away"));
                ToAggregator::Stored(saved)
            }
        };
        if incarnation == self.aggregators {
            self.aggregator.send(answer);
        }
    }

    /// Now and then the answer is lost on its way, and it is saved again.
    fn save(&mut self, mut changes: Vec<Change>, dice: &mut Dice) -> Vec<Saved> {
        if self.mutation == Some(Mutation::StoreOverWhatOthersCounted) {
            changes.iter_mut().for_each(|change| self.make_fit(change));
        }
        let mut saved = self.store.save(&changes);
        if dice.one_in(6) {
            saved = self.store.save(&changes);
        }
        saved.expect("memory is never away")
    }

    fn make_fit(&mut self, change: &mut Change) {
        let stored = self.store.load(std::slice::from_ref(&change.partition));
        let state = stored.expect("memory is never away").remove(0);
        change.base = state.map(|state| state.next_offset);
    }
}

fn named(partition: Partition) -> TopicPartition {
    TopicPartition::new(TOPIC, partition.id)
}
