use std::time::Duration;

use super::*;
use crate::flow::batch::tests::{batch_in_parts, batch_of};
use crate::flow::batch::{Part, Places};
use crate::flow::generation::{Generations, Tenure};

/// Partitions 0 and 1 under one tenure each, and batches of three records.
struct Desk {
    outbox: Outbox,
    tenures: [Tenure; 2],
}

fn outgoing(sources: &[usize]) -> Outgoing {
    let mut outgoing = Outgoing::default();
    sources
        .iter()
        .for_each(|source| outgoing.push_source(*source, 0));
    outgoing
}

impl Desk {
    fn new() -> Self {
        let generations = Generations::default();
        Desk {
            outbox: Outbox::default(),
            tenures: [(); 2].map(|()| Tenure::begin(&generations)),
        }
    }

    fn batch(&self, partition: usize, sequence: u64) -> Arc<Batch> {
        let first = 3 * i64::try_from(sequence).expect("a small number");
        let tenure = &self.tenures[partition];
        Arc::new(batch_of(
            partition as i32,
            tenure,
            sequence,
            first..first + 3,
        ))
    }

    /// A batch in two parts: the first of them has its records 0 and 2.
    fn split(&self, partition: usize, sequence: u64) -> Arc<Batch> {
        let first = 3 * i64::try_from(sequence).expect("a small number");
        let places = [Places::These(vec![0, 2]), Places::These(vec![1])];
        let parts = (0..).zip(places);
        let parts = parts.map(|(worker, places)| Part::new(worker, 1, places));
        Arc::new(batch_in_parts(
            partition as i32,
            &self.tenures[partition],
            sequence,
            first..first + 3,
            parts.collect(),
        ))
    }

    /// A batch all of whose records go to the output.
    fn processed(&mut self, partition: usize, sequence: u64) -> BatchId {
        let batch = self.batch(partition, sequence);
        let id = batch.id();
        self.outbox.processed(batch, outgoing(&[0, 1, 2]), false);
        id
    }

    /// The next piece, where all may be sent.
    fn next(&mut self) -> Option<Next<'_>> {
        self.outbox.next_piece(|_| true)
    }

    /// What the consumer hears, where what is acknowledged is final.
    fn told(&mut self) -> Vec<Report> {
        let delivered = self.outbox.take_delivered().into_iter();
        let delivered = delivered.map(|batch| Report::Delivered(batch.id()));
        delivered.chain(self.outbox.take_reports()).collect()
    }

    /// Hands the next piece over whole.
    fn hand(&mut self) -> Ticket {
        let next = self.next().expect("something is to be sent");
        let (ticket, upto) = (next.ticket, next.outgoing.len());
        self.outbox.handed(ticket, upto);
        ticket
    }
}

#[test]
fn p1_a_batch_is_delivered_when_its_last_record_is_acknowledged() {
    let mut desk = Desk::new();
    let id = desk.processed(0, 0);
    let ticket = desk.next().expect("a piece").ticket;
    desk.outbox.handed(ticket, 2);
    desk.outbox.acknowledged(ticket, 2);
    assert_eq!(desk.next().expect("the rest").from, 2);
    assert!(desk.told().is_empty());
    desk.outbox.handed(ticket, 3);
    assert!(desk.next().is_none());
    let last = desk.outbox.acknowledged(ticket, 1).expect("a known piece");
    assert_eq!(last.kind, Kind::Outputs);
    assert_eq!(desk.told(), [Report::Delivered(id)]);
    assert_eq!(desk.outbox.open(), 0);
}

#[test]
fn p1_a_batch_with_nothing_to_send_is_delivered_at_once() {
    let mut desk = Desk::new();
    let batch = desk.batch(0, 0);
    desk.outbox
        .processed(batch.clone(), Outgoing::default(), false);
    assert_eq!(desk.told(), [Report::Delivered(batch.id())]);
}

#[test]
fn p1_a_batch_waits_for_its_dead_letters_whichever_come_first() {
    for letters_first in [false, true] {
        let mut desk = Desk::new();
        let batch = desk.batch(0, 0);
        if letters_first {
            desk.outbox.dead_letters(batch.clone(), outgoing(&[1]));
        }
        desk.outbox.processed(batch.clone(), outgoing(&[0]), true);
        if !letters_first {
            let ticket = desk.hand();
            desk.outbox.acknowledged(ticket, 1);
            assert!(desk.told().is_empty());
            desk.outbox.dead_letters(batch.clone(), outgoing(&[1]));
        }
        while desk.next().is_some() {
            let ticket = desk.hand();
            desk.outbox.acknowledged(ticket, 1);
        }
        assert_eq!(desk.told(), [Report::Delivered(batch.id())]);
    }
}

#[test]
fn p1_a_batch_in_parts_is_delivered_when_all_of_each_is_acknowledged() {
    let mut desk = Desk::new();
    let batch = desk.split(0, 0);
    desk.outbox.dead_letters(batch.clone(), outgoing(&[2]));
    desk.outbox.processed(batch.clone(), outgoing(&[1]), false);
    assert!(desk.next().is_none(), "the other part is to come (P12)");
    assert!(desk.told().is_empty());
    desk.outbox.processed(batch.clone(), outgoing(&[0]), true);
    let tickets = [(); 3].map(|()| desk.hand());
    let mut last = tickets.map(|ticket| {
        assert!(desk.told().is_empty());
        let acknowledged = desk.outbox.acknowledged(ticket, 1).expect("a piece");
        (acknowledged.kind, acknowledged.last)
    });
    last.sort_by_key(|(kind, last)| (*kind as usize, *last));
    let expected = [
        (Kind::Outputs, false),
        (Kind::Outputs, true),
        (Kind::DeadLetters, true),
    ];
    assert_eq!(
        last, expected,
        "the traces are told with the last of a kind"
    );
    assert_eq!(desk.told(), [Report::Delivered(batch.id())]);
}

#[test]
fn p2_a_batch_in_parts_is_sent_after_the_one_before_it_or_not_at_all() {
    let mut desk = Desk::new();
    let batches = [0, 1, 2].map(|sequence| desk.split(0, sequence));
    for batch in &batches[..2] {
        desk.outbox.processed(batch.clone(), outgoing(&[0]), false);
    }
    for batch in &batches[..2] {
        desk.outbox.processed(batch.clone(), outgoing(&[1]), false);
    }
    let sent = [(); 4].map(|()| {
        let id = desk.next().expect("a piece").batch.id();
        desk.hand();
        id.sequence
    });
    assert_eq!(sent, [0, 0, 1, 1]);

    let lost = desk.split(0, 3);
    for of in [&batches[2], &lost, &lost] {
        desk.outbox.processed(of.clone(), outgoing(&[0]), false);
    }
    assert_eq!(desk.told(), [Report::Gap(lost.id())], "a part of 2 is lost");
    desk.outbox
        .processed(batches[2].clone(), outgoing(&[1]), false);
    assert!(desk.next().is_none());
}

#[test]
fn p2_after_a_missing_batch_nothing_is_taken_until_the_next_generation() {
    let mut desk = Desk::new();
    let first = desk.processed(0, 0);
    let late = desk.processed(0, 2);
    assert_eq!(desk.told(), [Report::Gap(late)]);
    desk.processed(0, 1);
    let ticket = desk.hand();
    desk.outbox.acknowledged(ticket, 3);
    let delivered = [Report::Delivered(first)];
    assert_eq!(desk.told(), delivered, "it came before");
    assert!(desk.next().is_none(), "1 and 2 are read again");
    desk.tenures[0].advance();
    assert!(!desk.outbox.fence());
    desk.processed(0, 0);
    assert!(desk.next().is_some());
}

#[test]
fn p2_a_batch_that_has_come_already_is_not_sent_again() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    desk.processed(0, 1);
    desk.processed(0, 0);
    assert_eq!(desk.outbox.open(), 2);
    desk.processed(0, 2);
    assert!(desk.told().is_empty(), "the order goes on");
}

/// The rest of the piece would overtake the record that is read again.
#[test]
fn p2_after_a_lost_record_not_even_the_rest_of_its_piece_is_sent() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    let ticket = desk.next().expect("a piece").ticket;
    desk.outbox.handed(ticket, 2);
    desk.outbox.refused(ticket, 0, Refusal::Lost);
    assert!(desk.next().is_none());
}

#[test]
fn p3_work_of_an_old_generation_is_neither_taken_nor_sent() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    let (second, third) = (desk.batch(0, 1), desk.batch(0, 2));
    desk.tenures[0].advance();
    assert!(desk.next().is_none());
    desk.outbox.processed(second, outgoing(&[0]), false);
    desk.outbox.dead_letters(third, outgoing(&[0]));
    assert!(!desk.outbox.fence(), "librdkafka has nothing of it");
    assert_eq!(desk.outbox.open(), 0);
    assert!(desk.told().is_empty());
}

#[test]
fn p3_late_receipts_of_what_was_fenced_are_ignored() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    let ticket = desk.hand();
    desk.tenures[0].advance();
    assert!(desk.outbox.fence(), "librdkafka holds it");
    desk.processed(0, 0);
    desk.outbox.acknowledged(ticket, 2);
    desk.outbox.refused(ticket, 2, Refusal::Lost);
    assert!(desk.told().is_empty());
    assert!(desk.next().is_some(), "the new generation goes on");
}

#[test]
fn p3_a_purge_has_every_lane_it_hits_read_again() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    let hit = desk.processed(1, 0);
    desk.hand();
    let ticket = desk.hand();
    desk.tenures[0].advance();
    assert!(desk.outbox.fence());
    assert_eq!(desk.told(), [Report::Gap(hit)]);
    desk.outbox.refused(ticket, 0, Refusal::Lost);
    desk.processed(1, 1);
    assert!(desk.told().is_empty(), "once is enough");
    assert!(desk.next().is_none());
}

#[test]
fn p3_a_purge_spares_the_lanes_it_does_not_hit() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    desk.hand();
    desk.processed(1, 0);
    desk.tenures[0].advance();
    assert!(desk.outbox.fence());
    assert!(desk.told().is_empty());
    assert!(desk.next().is_some());
}

#[test]
fn p3_what_a_refused_lane_has_left_with_librdkafka_is_purged() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    let ticket = desk.hand();
    desk.outbox.refused(ticket, 0, Refusal::TooLarge);
    desk.tenures[0].advance();
    assert!(desk.outbox.fence());
}

/// A record may be refused before librdkafka has taken it.
#[test]
fn p3_a_record_that_was_never_handed_over_needs_no_purge() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    let ticket = desk.next().expect("a piece").ticket;
    desk.outbox.handed(ticket, 1);
    desk.outbox.refused(ticket, 1, Refusal::TooLarge);
    desk.outbox.acknowledged(ticket, 1);
    desk.tenures[0].advance();
    assert!(!desk.outbox.fence());
}

#[test]
fn p5_each_refused_record_is_named_and_its_lane_waits() {
    let mut desk = Desk::new();
    let id = desk.processed(0, 0);
    desk.processed(0, 1);
    let ticket = desk.hand();
    desk.outbox.refused(ticket, 1, Refusal::TooLarge);
    desk.outbox.refused(ticket, 2, Refusal::TooLarge);
    let refused = |offset| Report::Refused {
        batch: id,
        offset,
        refusal: Refusal::TooLarge,
    };
    assert_eq!(desk.told(), [refused(1), refused(2)]);
    desk.outbox.acknowledged(ticket, 1);
    assert!(desk.told().is_empty(), "it is not delivered");
    assert!(desk.next().is_none());
}

#[test]
fn p5_a_dead_letter_too_large_is_told_from_an_output_too_large() {
    let mut desk = Desk::new();
    let batch = desk.batch(0, 0);
    desk.outbox
        .processed(batch.clone(), Outgoing::default(), true);
    desk.outbox.dead_letters(batch.clone(), outgoing(&[2]));
    let ticket = desk.hand();
    desk.outbox.refused(ticket, 0, Refusal::TooLarge);
    let expected = Report::Refused {
        batch: batch.id(),
        offset: 2,
        refusal: Refusal::DeadLetterTooLarge,
    };
    assert_eq!(desk.told(), [expected]);
}

#[test]
fn p12_what_may_not_be_sent_now_waits_and_holds_nobody_up() {
    let mut desk = Desk::new();
    let (waits, goes) = (desk.processed(0, 0), desk.processed(1, 0));
    let may = |batch: &Batch| batch.id() == goes;
    let ticket = desk.outbox.next_piece(may).expect("a piece").ticket;
    desk.outbox.handed(ticket, 3);
    assert!(desk.outbox.next_piece(may).is_none());
    let next = desk.next().expect("the other");
    assert_eq!(next.batch.id(), waits);
}

#[test]
fn p12_what_is_given_up_is_read_again_once_and_sent_no_more() {
    let mut desk = Desk::new();
    let (void, kept) = (desk.processed(0, 0), desk.processed(1, 0));
    desk.outbox.give_up([void, void]);
    assert_eq!(desk.told(), [Report::Gap(void)]);
    desk.processed(0, 1);
    assert_eq!(desk.next().expect("the other lane").batch.id(), kept);
    desk.hand();
    assert!(desk.next().is_none());
}

#[test]
fn a_piece_took_from_its_first_record_to_the_last_acknowledgement() {
    let mut desk = Desk::new();
    desk.processed(0, 0);
    let ticket = desk.next().expect("a piece").ticket;
    desk.outbox.begun(ticket, 100);
    desk.outbox.handed(ticket, 2);
    desk.outbox.begun(ticket, 150);
    desk.outbox.handed(ticket, 3);
    let mut took = |records, now| {
        let acknowledged = desk.outbox.acknowledged(ticket, records);
        acknowledged.expect("a piece").took(now)
    };
    assert_eq!(took(2, 200), None);
    assert_eq!(took(1, 300), Some(Duration::from_nanos(200)));
}
