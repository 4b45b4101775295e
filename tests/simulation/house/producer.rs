//! The shell around the outbox.

use greenroom::flow::Report;
use greenroom::flow::outbox::Next;

use super::worker::{LETTERS, kind_of};
use super::{House, ToProducer};
use crate::checks::Witness;
use crate::dice::Dice;
use crate::kafka::{Entry, Kafka, Reason, Target};

impl House {
    pub fn take_results(&mut self, kafka: &mut Kafka) {
        match self.producer.queue.pop_front() {
            Some(ToProducer::Processed {
                batch,
                outgoing,
                rejected,
            }) => {
                self.outbox.processed(batch, outgoing, rejected);
            }
            Some(ToProducer::DeadLetters { batch, outgoing }) => {
                self.outbox.dead_letters(batch, outgoing);
            }
            Some(ToProducer::Fence) => self.purge_what_is_void(kafka),
            None => {}
        }
        self.tell_consumer();
    }

    fn purge_what_is_void(&mut self, kafka: &mut Kafka) {
        if self.outbox.fence() {
            kafka.ghosts.extend(self.client.purge());
        }
    }

    /// Hands records to the client until it is full or the dice say so.
    pub fn hand(&mut self, dice: &mut Dice, witness: &mut Witness) {
        let Some(next) = self.outbox.next_piece(|_| true) else {
            return;
        };
        witness.handed(self.life, next.batch, &self.client);
        let ticket = next.ticket;
        let mut upto = next.from;
        while upto < next.outgoing.len()
            && !dice.one_in(4)
            && self.client.take(entry(self.life, &next, upto))
        {
            upto += 1;
        }
        self.outbox.handed(ticket, upto);
    }

    /// Fetches some delivery reports.
    pub fn receive(&mut self, dice: &mut Dice) {
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
        self.tell_consumer();
    }

    fn tell_consumer(&mut self) {
        let delivered = self.outbox.take_delivered().into_iter();
        self.reports
            .extend(delivered.map(|batch| Report::Delivered(batch.id())));
        self.reports.extend(self.outbox.take_reports());
    }
}

/// The piece's record at `index`, on its way to its topic.
fn entry(life: u32, next: &Next<'_>, index: usize) -> Entry {
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
        ticket: next.ticket,
        index,
        target,
        partition,
        offset: record.source().offset(),
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
