//! The shell around the outbox.

use std::time::Duration;

use greenroom::flow::Report;
use greenroom::flow::outbox::Next;
use greenroom::record::Outgoing;

use super::worker::{LETTERS, key_of, kind_of};
use super::{House, Mutation, ToProducer};
use crate::checks::Witness;
use crate::dice::Dice;
use crate::kafka::{Entry, Kafka, Producer, Reason, Target};

impl House {
    pub fn take_results(&mut self, now: Duration, kafka: &mut Kafka) {
        match self.producer.queue.pop_front() {
            Some(ToProducer::Processed {
                batch,
                outgoing,
                rejected,
            }) => {
                if self.mutation == Some(Mutation::DoneAtItsFirstPart) {
                    for _ in 1..batch.parts().len() {
                        let nothing = Outgoing::default();
                        self.outbox.processed(batch.clone(), nothing, false);
                    }
                }
                self.outbox.processed(batch, outgoing, rejected);
            }
            Some(ToProducer::DeadLetters { batch, outgoing }) => {
                self.outbox.dead_letters(batch, outgoing);
            }
            Some(ToProducer::Fence) => self.purge_what_is_void(kafka),
            Some(ToProducer::Close) => {
                if let Some(transacting) = &mut self.transacting {
                    transacting.transaction.close(now);
                }
            }
            Some(ToProducer::Allow {
                transaction,
                generation,
            }) => {
                if let Some(transacting) = &mut self.transacting {
                    transacting.allow(transaction, generation);
                }
            }
            None => {}
        }
        self.tell_consumer(now);
    }

    /// With transactions, what the client holds goes with the abort.
    fn purge_what_is_void(&mut self, kafka: &mut Kafka) {
        if let Some(transacting) = &mut self.transacting {
            transacting.transaction.fence();
            let _held = self.outbox.fence();
        } else if self.outbox.fence() {
            kafka.ghosts.extend(self.client.purge());
        }
    }

    /// Hands records to the client until it is full or the dice say so.
    pub fn hand(&mut self, now: Duration, dice: &mut Dice, witness: &mut Witness) {
        let transacting = self.transacting.as_ref();
        let straddles = self.mutation == Some(Mutation::StraddleTwoTransactions);
        let next = self.outbox.next_piece(|batch| {
            transacting.is_none_or(|of| {
                of.producer.is_some() && (of.transaction.admits(batch) || straddles)
            })
        });
        let Some(next) = next else { return };
        let producer = transacting.and_then(|of| of.producer);
        if let Some(transacting) = &mut self.transacting {
            if self.client.failed {
                return transacting.transaction.abort();
            }
            if transacting.transaction.admits(next.batch) {
                transacting.transaction.enter(next.batch, now);
            }
        }
        witness.handed(self.life, next.batch, &self.client);
        let ticket = next.ticket;
        let mut upto = next.from;
        while upto < next.outgoing.len()
            && !dice.one_in(4)
            && self.client.take(entry(self.life, producer, &next, upto))
        {
            upto += 1;
        }
        self.outbox.handed(ticket, upto);
    }

    /// Fetches some delivery reports.
    pub fn receive(&mut self, now: Duration, dice: &mut Dice) {
        while let Some(receipt) = self.client.receipt() {
            match receipt.verdict {
                Ok(()) => {
                    self.outbox.acknowledged(receipt.ticket, 1);
                }
                Err(refusal) => self.outbox.refused(receipt.ticket, receipt.index, refusal),
            }
            if dice.one_in(3) {
                break;
            }
        }
        self.tell_consumer(now);
    }

    pub fn tell_consumer(&mut self, now: Duration) {
        let settles_early = self.mutation == Some(Mutation::SettleBeforeTheCommit);
        for batch in self.outbox.take_delivered() {
            let transacting = self.transacting.as_mut();
            if transacting.is_none() || settles_early {
                self.reports.push_back(Report::Delivered(batch.id()));
            }
            if let Some(transacting) = transacting {
                transacting.transaction.acknowledged(&batch, now);
            }
        }
        self.reports.extend(self.outbox.take_reports());
    }
}

/// The piece's record at `index`, on its way to its topic.
fn entry(life: u32, producer: Option<Producer>, next: &Next<'_>, index: usize) -> Entry {
    let record = next.outgoing.get(index, next.batch.records());
    let partition = next.batch.partition().id;
    let (target, letter) = match record.topic() {
        LETTERS => {
            let reason = record.headers().last().and_then(|(_, reason)| reason);
            (Target::Letters(partition), reason.map(reason_of))
        }
        shard => (Target::Output(partition, shard), None),
    };
    Entry {
        life,
        producer,
        ticket: next.ticket,
        index,
        target,
        partition,
        offset: record.source().offset(),
        key: key_of(record.source().value()),
        kind: kind_of(record.source().value()),
        generation: next.batch.id().generation,
        letter,
        has_value: record.value().is_some(),
    }
}

/// The one header of a dead letter says in one byte why it is one.
fn reason_of(header: &[u8]) -> Reason {
    let reasons = [Reason::Rejected, Reason::Poison, Reason::TooLarge];
    reasons[usize::from(header[0])]
}
