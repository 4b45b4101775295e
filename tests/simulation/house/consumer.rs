//! The shell around the intake.

use std::sync::{Arc, Weak};
use std::time::Duration;

use greenroom::flow::intake::{Dispatch, Heritage};
use greenroom::flow::{Action, Batch, BatchId, Intake, Marks, Partition, Report};
use greenroom::record::Records;

use super::worker::value_of;
use super::{DRAIN, House, Mutation, ToAggregator, ToProducer};
use crate::checks::Witness;
use crate::dice::Dice;
use crate::kafka::Kafka;

impl House {
    /// Fetches some records and hands them to the intake, if it wants them and credit is left.
    pub fn read(&mut self, of: i32, kafka: &Kafka, dice: &mut Dice, witness: &mut Witness) {
        let position = self.fetching[&of];
        let log = kafka.from(of, position);
        let fetched = &log[..log.len().min(1 + dice.below(4))];
        let Some(last) = fetched.last() else { return };
        let partition = Partition { topic: 0, id: of };
        if let Some(wanted) = self.intake.wants(partition) {
            let mut records = Records::default();
            let mut bytes = 0;
            for input in fetched.iter().filter(|input| input.offset >= wanted) {
                let key = match self.mutation {
                    Some(Mutation::SplitByAnythingButTheKey) => Some(input.offset as u8),
                    _ => input.key,
                };
                let key = key.as_ref().map(std::slice::from_ref);
                records.push(input.offset, None, key, Some(&value_of(input)));
                bytes += input.bytes;
            }
            let Some(permit) = self.budget.take(bytes) else {
                return;
            };
            self.intake.read(partition, records, permit, 0);
        }
        self.fetching.insert(of, last.offset + 1);
        witness.note(|| format!("fetched partition {of} to {}", last.offset));
    }

    /// Takes in the next report.
    pub fn take_report(&mut self, now: Duration, kafka: &Kafka, witness: &mut Witness) {
        let Some(report) = self.reports.pop_front() else {
            return;
        };
        witness.note(|| format!("{report:?}"));
        if self.mutation == Some(Mutation::SettleAnOldGeneration) {
            self.settle_late(&report, now);
        }
        if report == Report::Undecided {
            let lanes = self.intake.status().into_iter();
            let lanes = lanes.map(|lane| lane.partition);
            let committed = lanes.map(|of| (of, kafka.committed[of.id as usize]));
            self.intake.rewind_to(&committed.collect::<Vec<_>>(), now);
            self.fence();
        } else {
            self.intake.report(report, now);
        }
    }

    /// What was delivered before a rewind is taken for the batch of that number after it.
    fn settle_late(&mut self, report: &Report, now: Duration) {
        match report {
            Report::Delivered(id) => self.late = Some(*id),
            Report::Counted(id) => {
                let rewound = |late: &mut BatchId| {
                    late.partition == id.partition && late.generation < id.generation
                };
                if let Some(late) = self.late.take_if(rewound) {
                    let generation = id.generation;
                    let report = Report::Delivered(BatchId { generation, ..late });
                    self.intake.report(report, now);
                }
            }
            _ => {}
        }
    }

    /// Carries out what the intake wants done.
    pub fn act(&mut self, kafka: &mut Kafka, witness: &mut Witness) {
        for action in self.intake.take_actions() {
            witness.note(|| describe(&action));
            match action {
                Action::Assign(starts) => self.assign(starts),
                Action::Unassign(partitions) => self.unassign(partitions, kafka),
                Action::Restore {
                    partition,
                    lease,
                    start,
                } => {
                    self.aggregator.send(ToAggregator::Restore {
                        partition,
                        lease,
                        start,
                    });
                }
                Action::Fence(_) => self.fence(),
                Action::Seek(partition, offset) => {
                    self.fetching.insert(partition.id, offset);
                }
                Action::Send(dispatch) => self.dispatch(dispatch, witness),
                Action::Allow(transaction) => {
                    let generation = self.membership(kafka, transaction);
                    self.producer.send(ToProducer::Allow {
                        transaction,
                        generation,
                    });
                }
                Action::Commit(offsets) => self.begin_commit(offsets),
                Action::Drained => self.drained = true,
            }
        }
    }

    /// Who has lost its partitions knows it by now, or knows the group of before only.
    fn membership(&self, kafka: &Kafka, transaction: u64) -> Option<u64> {
        let owns = |id: &i32| kafka.owners[*id as usize] == Some(self.life);
        let knows = transaction.is_multiple_of(2);
        match self.owned.iter().all(owns) {
            true => Some(kafka.generation),
            false if knows => None,
            false => Some(kafka.generation - 1),
        }
    }

    /// The commit interval has passed. Time is short here beside a message's way: one that waits
    /// is enough.
    pub fn commit(&mut self) {
        let mut waiting = self.producer.queue.iter();
        if !waiting.any(|mail| matches!(mail, ToProducer::Close)) {
            self.producer.send(ToProducer::Close);
        }
        self.intake.commit();
    }

    fn assign(&mut self, starts: Vec<(Partition, i64)>) {
        self.rebalancing = false;
        let fetched = starts
            .into_iter()
            .map(|(partition, start)| (partition.id, start));
        self.fetching.extend(fetched);
    }

    fn unassign(&mut self, partitions: Vec<Partition>, kafka: &mut Kafka) {
        self.rebalancing = false;
        self.commit_is_late = true;
        for partition in partitions {
            self.fetching.remove(&partition.id);
            self.owned.remove(&partition.id);
            kafka.release(partition.id, self.life);
        }
    }

    fn fence(&mut self) {
        if self.mutation != Some(Mutation::SkipAFence) {
            self.producer.send(ToProducer::Fence);
            self.aggregator.send(ToAggregator::Fence);
        }
    }

    fn dispatch(&mut self, dispatch: Dispatch, witness: &mut Witness) {
        if self.is_new(&dispatch.batch) {
            self.watch(&dispatch.batch, witness);
        } else if dispatch.part == 0 && self.mutation == Some(Mutation::LoseAReplay) {
            self.mutation = None;
            return;
        }
        let mut worker = dispatch.worker();
        if self.mutation == Some(Mutation::PartGoesAstray) {
            worker = (worker + 1) % self.workers.len();
        }
        let worker = &mut self.workers[worker];
        if worker.up {
            worker.mailbox.push_back(dispatch);
        }
    }

    fn is_new(&self, batch: &Arc<Batch>) -> bool {
        let known = |(other, _): &(Weak<Batch>, usize)| other.as_ptr() == Arc::as_ptr(batch);
        !self.batches.iter().any(known)
    }

    /// Remembers a batch without holding it, and asks whether all that live fit the budget.
    fn watch(&mut self, batch: &Arc<Batch>, witness: &mut Witness) {
        self.batches.retain(|(batch, _)| batch.strong_count() > 0);
        let values = batch.records().iter().filter_map(|record| record.value());
        let bytes = values.map(<[u8]>::len).sum();
        self.batches.push((Arc::downgrade(batch), bytes));
        let sizes: Vec<_> = self.batches.iter().map(|(_, bytes)| *bytes).collect();
        witness.in_flight(&sizes, self.budget.limit());
    }

    fn begin_commit(&mut self, mut offsets: Vec<(Partition, i64)>) {
        if self.mutation == Some(Mutation::CommitOneTooFar) {
            offsets.iter_mut().for_each(|(_, offset)| *offset += 1);
        }
        self.commit = Some(offsets);
        self.commit_is_late = false;
    }

    /// The commit's request reaches the broker, or not; its answer comes back, or not.
    pub fn answer_commit(
        &mut self,
        now: Duration,
        kafka: &mut Kafka,
        faulty: Option<&mut Dice>,
        witness: &mut Witness,
    ) {
        let Some(offsets) = self.commit.take() else {
            return;
        };
        let (arrives, answered) = match faulty {
            Some(dice) => (!dice.one_in(6), !dice.one_in(6)),
            None => (true, true),
        };
        let plain: Vec<_> = offsets
            .iter()
            .map(|(of, offset)| (of.id, *offset))
            .collect();
        let accepted = arrives && !self.commit_is_late;
        let done = accepted && kafka.commit(self.life, &plain, witness) && answered;
        self.intake.commit_done(done.then_some(&offsets), now);
    }

    /// A new consumer in place of the old one, which has closed its client: it rejoins.
    pub fn replace_consumer(&mut self, now: Duration, kafka: &mut Kafka) {
        let incarnations = self
            .workers
            .iter()
            .map(|worker| worker.incarnation)
            .collect();
        let heritage = Heritage {
            marks: Marks::default(),
            ..self.heritage.clone()
        };
        self.intake = Intake::new(incarnations, self.split, DRAIN, heritage);
        self.reports.clear();
        self.commit = None;
        self.rebalancing = false;
        self.fetching.clear();
        self.leave(kafka);
        self.fence();
        if self.leaving {
            self.intake.drain(now);
        }
    }

    /// The group takes everything back.
    pub fn leave(&mut self, kafka: &mut Kafka) {
        for partition in std::mem::take(&mut self.owned) {
            kafka.release(partition, self.life);
        }
    }

    /// Asks the house to finish, once and again after its consumer was replaced.
    pub fn drain(&mut self, now: Duration) {
        self.leaving = true;
        self.intake.drain(now);
    }
}

fn describe(action: &Action) -> String {
    match action {
        Action::Send(dispatch) => {
            let (id, range) = (dispatch.batch.id(), dispatch.batch.range());
            format!("send {id:?} {range:?} to worker {}", dispatch.worker())
        }
        Action::Restore {
            partition, start, ..
        } => format!("restore {partition:?} from {start}"),
        other => format!("{other:?}"),
    }
}
