//! The shell around the transaction.

use std::time::Duration;

use greenroom::counts::Storing;
use greenroom::flow::transaction::{Ended, Step};
use greenroom::flow::{End, Report, Transaction};

use super::{House, Mutation};
use crate::checks::Witness;
use crate::dice::Dice;
use crate::kafka::{Denied, Kafka, Producer};

/// What a producer lets a transaction last.
const LONGEST: Duration = Duration::from_secs(10);

/// What a producer with transactions knows besides its outbox.
pub struct Transacting {
    id: usize,
    incarnation: u64,
    pub transaction: Transaction,
    /// None until the id is taken.
    pub producer: Option<Producer>,
    /// The group's generation when the commit was allowed.
    generation: u64,
    /// The step was taken, but no answer came.
    unanswered: bool,
}

impl Transacting {
    /// A process's first.
    pub fn new(id: usize) -> Self {
        Transacting::of(id, 0, false)
    }

    /// A new incarnation's, which is in doubt unless a mutation has it otherwise.
    pub fn renewed(&self, in_doubt: bool) -> Self {
        Transacting::of(self.id, self.incarnation + 1, in_doubt)
    }

    fn of(id: usize, incarnation: u64, in_doubt: bool) -> Self {
        Transacting {
            id,
            incarnation,
            transaction: Transaction::new(incarnation << 32, LONGEST, in_doubt),
            producer: None,
            generation: 0,
            unanswered: false,
        }
    }

    pub fn allow(&mut self, number: u64, generation: Option<u64>) {
        match generation {
            None => self.transaction.abort(),
            Some(generation) if self.transaction.allow(number) => self.generation = generation,
            Some(_) => {}
        }
    }
}

impl House {
    /// Whether a transaction may have a step to take.
    pub fn may_transact(&self) -> bool {
        let transacting = self.transacting.as_ref();
        transacting.is_some_and(|of| of.producer.is_none() || of.transaction.opened().is_some())
    }

    /// The next step of the transaction, which the broker may not hear of, or not answer to.
    pub fn transact(
        &mut self,
        now: Duration,
        kafka: &mut Kafka,
        faulty: Option<&mut Dice>,
        witness: &mut Witness,
    ) {
        let Some(transacting) = &mut self.transacting else {
            return;
        };
        if transacting.producer.is_none() {
            transacting.producer = Some(kafka.transactions.init(transacting.id));
            if transacting.transaction.begin(now) {
                self.reports.push_back(Report::Undecided);
            }
            return;
        }
        let Some(step) = transacting.transaction.step() else {
            return;
        };
        witness.note(|| format!("{step:?}"));
        if let Step::Ask(transaction, ends) = step {
            self.reports.push_back(Report::Whole { transaction, ends });
            return;
        }
        let (arrives, answered) = match faulty {
            Some(dice) => (!dice.one_in(3), !dice.one_in(3)),
            None => (true, true),
        };
        if !arrives {
            return;
        }
        let taken = if transacting.unanswered {
            Ok(())
        } else {
            self.take_step(&step, kafka, witness)
        };
        self.conclude(taken, answered, now, kafka);
    }

    fn take_step(
        &mut self,
        step: &Step,
        kafka: &mut Kafka,
        witness: &mut Witness,
    ) -> Result<(), Denied> {
        let Some(transacting) = &self.transacting else {
            return Ok(());
        };
        let Some(producer) = transacting.producer else {
            return Ok(());
        };
        if self.client.failed && *step != Step::Abort {
            return Err(Denied::NoMember);
        }
        match step {
            Step::StoreCounts(ends) if self.storing == Storing::WithTransactions => {
                let changes = self.tally.changes_upto(&self.reached(ends));
                kafka.store_counts(producer, changes.ok_or(Denied::NoMember)?)
            }
            Step::SendOffsets(offsets) => {
                let plain = offsets.iter().map(|(of, offset)| (of.id, *offset));
                let plain: Vec<_> = plain.collect();
                if self.mutation == Some(Mutation::CommitOutsideTheTransaction) {
                    kafka.commit(self.life, &plain, witness);
                    return Ok(());
                }
                kafka.send_offsets(producer, transacting.generation, &plain)
            }
            Step::Commit => kafka.commit_transaction(producer, witness),
            Step::Abort => {
                // Waits for what is in flight: nothing of it arrives later.
                self.client.purge();
                kafka.abort_transaction(producer)
            }
            Step::StoreCounts(_) | Step::Ask(..) => Ok(()),
        }
    }

    /// Up to where counts are stored with these ends.
    fn reached(&self, ends: &[End]) -> Vec<End> {
        let mut reached = ends.to_vec();
        if self.mutation == Some(Mutation::StoreBeyondTheTransaction) {
            let states = self.tally.states();
            for (id, end) in &mut reached {
                let mut all = states.iter();
                let state = all.find(|(of, _)| of.partition == id.partition.id);
                *end = state.map_or(*end, |(_, state)| state.next_offset);
            }
        }
        reached
    }

    fn conclude(
        &mut self,
        taken: Result<(), Denied>,
        answered: bool,
        now: Duration,
        kafka: &mut Kafka,
    ) {
        let Some(transacting) = &mut self.transacting else {
            return;
        };
        match taken {
            Err(Denied::Fenced) => return self.kill(super::Role::Producer, kafka),
            Err(Denied::NoMember) => return transacting.transaction.abort(),
            Ok(()) => transacting.unanswered = !answered,
        }
        if !answered {
            return;
        }
        match transacting.transaction.done(now) {
            Some(Ended::Committed(ends)) => {
                if self.storing == Storing::WithTransactions {
                    self.tally.stored(&ends);
                }
                self.reports.push_back(Report::Committed(ends));
            }
            Some(Ended::Aborted(_, lanes)) => {
                self.outbox.give_up(lanes);
                self.tell_consumer(now);
            }
            None => {}
        }
    }
}
