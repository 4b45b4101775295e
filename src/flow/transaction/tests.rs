use proptest::prelude::*;

use super::*;
use crate::flow::batch::tests::batch_of;
use crate::flow::generation::{Generations, Tenure};

const LONGEST: Duration = Duration::from_secs(30);
const NOW: Duration = Duration::from_secs(100);
const FIRST: u64 = 7;

/// Partitions 0 and 1 under one tenure each, and batches of three records.
struct Desk {
    transaction: Transaction,
    tenures: [Tenure; 2],
}

impl Desk {
    fn new() -> Self {
        let mut desk = Desk::unbegun(false);
        assert!(!desk.transaction.begin(NOW));
        desk
    }

    fn unbegun(in_doubt: bool) -> Self {
        let generations = Generations::default();
        Desk {
            transaction: Transaction::new(FIRST, LONGEST, in_doubt),
            tenures: [(); 2].map(|()| Tenure::begin(&generations)),
        }
    }

    fn batch(&self, partition: usize, sequence: u64) -> Batch {
        let first = 3 * i64::try_from(sequence).expect("a small number");
        let tenure = &self.tenures[partition];
        batch_of(partition as i32, tenure, sequence, first..first + 3)
    }

    fn enter(&mut self, batch: &Batch) {
        assert!(self.transaction.admits(batch));
        self.transaction.enter(batch, NOW);
    }

    /// A batch enters and is acknowledged.
    fn pass(&mut self, partition: usize, sequence: u64) -> BatchId {
        let batch = self.batch(partition, sequence);
        self.enter(&batch);
        self.transaction.acknowledged(&batch, NOW);
        batch.id()
    }

    /// What is open is asked for, allowed and committed.
    fn commit(&mut self) -> Vec<End> {
        self.transaction.close(NOW);
        let Some(Step::Ask(number, ends)) = self.transaction.step() else {
            panic!("it is not whole");
        };
        assert!(self.transaction.allow(number));
        while let Some(step) = self.transaction.step() {
            assert_ne!(step, Step::Abort);
            if let Some(ended) = self.transaction.done(NOW) {
                assert_eq!(ended, Ended::Committed(ends.clone()));
                break;
            }
        }
        ends
    }
}

#[test]
fn p12_nothing_is_sent_before_the_id_is_taken() {
    let mut desk = Desk::unbegun(false);
    let [silent, batch] = [0, 1].map(|sequence| desk.batch(0, sequence));
    assert!(!desk.transaction.admits(&batch));
    desk.transaction.acknowledged(&silent, NOW);
    desk.transaction.close(NOW);
    desk.transaction.abort();
    assert!(!desk.transaction.enter_summary(NOW));
    assert_eq!(desk.transaction.opened(), None);
    assert_eq!(desk.transaction.step(), None);

    assert!(!desk.transaction.begin(NOW), "nobody has sent anything");
    assert_eq!(desk.transaction.opened(), Some(NOW), "the silent one is in");
    let last = desk.pass(0, 1);
    assert_eq!(desk.commit(), [(last, 6)]);
}

#[test]
fn p12_what_was_read_before_a_client_took_over_is_never_sent_by_it() {
    let mut desk = Desk::unbegun(true);
    let [silent, batch] = [0, 1].map(|sequence| desk.batch(0, sequence));
    desk.transaction.acknowledged(&silent, NOW);
    desk.transaction.fence();
    assert!(desk.transaction.begin(NOW), "it is in doubt");
    desk.transaction.acknowledged(&silent, NOW);
    assert!(!desk.transaction.admits(&batch));
    assert_eq!(desk.transaction.opened(), None);

    desk.tenures[0].advance();
    desk.transaction.fence();
    let again = desk.pass(0, 0);
    assert_eq!(desk.commit(), [(again, 3)], "and no transaction is aborted");
}

#[test]
fn p12_a_new_client_is_in_doubt_of_what_the_one_before_has_sent() {
    let mut desk = Desk::unbegun(false);
    desk.transaction.start_over();
    assert!(!desk.transaction.begin(NOW), "that one never began");
    desk.pass(0, 0);
    desk.transaction.start_over();
    assert!(!desk.transaction.is_begun());
    assert!(desk.transaction.begin(NOW));
}

#[test]
fn p12_results_and_offsets_are_committed_in_one() {
    let mut desk = Desk::new();
    let [_, last] = [desk.pass(0, 0), desk.pass(0, 1)];
    let other = desk.pass(1, 0);
    desk.transaction.close(NOW);
    let ends = vec![(last, 6), (other, 3)];
    assert_eq!(
        desk.transaction.step(),
        Some(Step::Ask(FIRST, ends.clone()))
    );
    assert_eq!(desk.transaction.step(), None, "it is asked once");
    assert!(desk.transaction.allow(FIRST));
    let counts = Step::StoreCounts(ends.clone());
    assert_eq!(desk.transaction.step(), Some(counts));
    assert_eq!(desk.transaction.done(NOW), None);
    let offsets = vec![(last.partition, 6), (other.partition, 3)];
    assert_eq!(desk.transaction.step(), Some(Step::SendOffsets(offsets)));
    assert_eq!(desk.transaction.done(NOW), None);
    assert_eq!(desk.transaction.step(), Some(Step::Commit));
    assert_eq!(
        desk.transaction.step(),
        Some(Step::Commit),
        "until it is done"
    );
    assert_eq!(desk.transaction.done(NOW), Some(Ended::Committed(ends)));
    assert_eq!(desk.transaction.opened(), None);
}

#[test]
fn p12_while_it_closes_no_further_batch_enters_and_begun_ones_are_finished() {
    let mut desk = Desk::new();
    let (begun, next) = (desk.batch(0, 0), desk.batch(0, 1));
    desk.enter(&begun);
    desk.transaction.close(NOW);
    assert!(desk.transaction.admits(&begun));
    assert!(!desk.transaction.admits(&next));
    assert!(!desk.transaction.admits(&desk.batch(1, 0)));
    assert_eq!(desk.transaction.step(), None, "it is not acknowledged");
    desk.transaction.acknowledged(&begun, NOW);
    assert_eq!(desk.commit(), [(begun.id(), 3)]);
    desk.enter(&next);
}

#[test]
fn p12_an_earlier_batch_of_the_lane_is_waited_for_though_nothing_of_it_was_sent_yet() {
    let mut desk = Desk::new();
    let rejected = desk.batch(0, 0);
    let last = desk.pass(0, 1);
    desk.transaction.close(NOW);
    assert_eq!(desk.transaction.step(), None);
    assert!(
        desk.transaction.admits(&rejected),
        "its dead letters come late"
    );
    desk.transaction.acknowledged(&rejected, NOW);
    assert_eq!(desk.commit(), [(last, 6)]);
}

#[test]
fn p12_what_has_nothing_to_send_enters_with_its_offset() {
    let mut desk = Desk::new();
    let filtered = desk.batch(0, 0);
    desk.transaction.acknowledged(&filtered, NOW);
    assert_eq!(desk.commit(), [(filtered.id(), 3)]);
}

#[test]
fn p12_what_has_nothing_to_send_enters_the_next_where_it_comes_too_late() {
    let mut desk = Desk::new();
    let first = desk.pass(0, 0);
    desk.transaction.close(NOW);
    let filtered = desk.batch(0, 1);
    desk.transaction.acknowledged(&filtered, NOW);
    assert_eq!(desk.commit(), [(first, 3)]);
    assert_eq!(desk.transaction.opened(), Some(NOW));
    assert_eq!(desk.commit(), [(filtered.id(), 6)]);
}

#[test]
fn p3_work_of_an_ended_lease_aborts_what_it_is_in() {
    let mut desk = Desk::new();
    let [void, kept] = [desk.pass(0, 0), desk.pass(1, 0)];
    desk.transaction.close(NOW);
    desk.transaction.step();
    desk.tenures[0].advance();
    assert!(!desk.transaction.allow(FIRST), "the word came too late");
    desk.transaction.fence();
    assert_eq!(desk.transaction.step(), Some(Step::Abort));
    let aborted = desk.transaction.done(NOW);
    assert_eq!(
        aborted,
        Some(Ended::Aborted(Cause::Fenced, vec![void, kept]))
    );
    assert!(!desk.transaction.allow(FIRST));
    assert!(desk.transaction.is_empty());
}

#[test]
fn p3_the_end_of_a_lease_that_it_holds_nothing_of_leaves_it_alone() {
    let mut desk = Desk::new();
    let kept = desk.pass(1, 0);
    desk.tenures[0].advance();
    desk.transaction.fence();
    assert_eq!(desk.commit(), [(kept, 3)]);
}

#[test]
fn p12_once_allowed_it_is_the_brokers_to_refuse() {
    let mut desk = Desk::new();
    desk.pass(0, 0);
    desk.transaction.close(NOW);
    desk.transaction.step();
    assert!(desk.transaction.allow(FIRST));
    desk.tenures[0].advance();
    desk.transaction.fence();
    let step = desk.transaction.step();
    assert!(matches!(step, Some(Step::StoreCounts(_))), "{step:?}");
    desk.transaction.done(NOW);
    let step = desk.transaction.step();
    assert!(matches!(step, Some(Step::SendOffsets(_))), "{step:?}");
    desk.transaction.abort();
    assert_eq!(desk.transaction.step(), Some(Step::Abort));
}

#[test]
fn p12_it_is_aborted_before_the_broker_does_it() {
    let mut desk = Desk::new();
    desk.enter(&desk.batch(0, 0));
    desk.transaction
        .close(NOW + LONGEST - Duration::from_millis(1));
    assert_eq!(desk.transaction.step(), None);
    desk.transaction.close(NOW + LONGEST);
    assert_eq!(desk.transaction.step(), Some(Step::Abort));
}

#[test]
fn a_summary_alone_is_committed_without_offsets() {
    let mut desk = Desk::new();
    assert!(desk.transaction.enter_summary(NOW));
    desk.transaction.close(NOW);
    assert_eq!(desk.transaction.step(), Some(Step::Ask(FIRST, Vec::new())));
    assert!(desk.transaction.allow(FIRST));
    assert_eq!(desk.transaction.step(), Some(Step::Commit));
}

#[derive(Clone, Debug)]
enum Event {
    /// The next batch of a partition is sent, as far as it is admitted.
    Send(usize),
    /// The oldest batch that was sent is acknowledged.
    Acknowledge(usize),
    /// The next batch of a partition has nothing to send.
    Filter(usize),
    Close,
    Allow,
    Step,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0usize..2).prop_map(Event::Send),
        4 => (0usize..2).prop_map(Event::Acknowledge),
        2 => (0usize..2).prop_map(Event::Filter),
        1 => Just(Event::Close),
        1 => Just(Event::Allow),
        3 => Just(Event::Step),
    ]
}

/// A partition as a naive list: how many batches were sent, in which transaction each, and which
/// of them are acknowledged.
#[derive(Default)]
struct Naive {
    sent: Vec<(u64, bool)>,
    committed: usize,
}

proptest! {
    #[test]
    fn p12_a_batch_is_committed_with_the_transaction_it_was_sent_in(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut desk = Desk::new();
        let mut lanes = [Naive::default(), Naive::default()];
        let mut number = FIRST;
        let mut asked = false;
        for event in events {
            match event {
                Event::Send(of) => {
                    let batch = desk.batch(of, lanes[of].sent.len() as u64);
                    if desk.transaction.admits(&batch) {
                        desk.transaction.enter(&batch, NOW);
                        lanes[of].sent.push((number, false));
                    }
                }
                Event::Acknowledge(of) => {
                    let next = lanes[of].sent.iter().position(|(_, done)| !done);
                    if let Some(sequence) = next {
                        lanes[of].sent[sequence].1 = true;
                        let batch = desk.batch(of, sequence as u64);
                        desk.transaction.acknowledged(&batch, NOW);
                    }
                }
                Event::Filter(of) => {
                    let batch = desk.batch(of, lanes[of].sent.len() as u64);
                    let enters = desk.transaction.admits(&batch);
                    lanes[of].sent.push((number + u64::from(!enters), true));
                    desk.transaction.acknowledged(&batch, NOW);
                }
                Event::Close => desk.transaction.close(NOW),
                Event::Allow => {
                    prop_assert_eq!(desk.transaction.allow(number), asked);
                    asked = false;
                }
                Event::Step => {
                    let step = desk.transaction.step();
                    asked |= matches!(step, Some(Step::Ask(..)));
                    if matches!(step, None | Some(Step::Ask(..))) {
                        continue;
                    }
                    let Some(Ended::Committed(ends)) = desk.transaction.done(NOW) else {
                        continue;
                    };
                    for (of, lane) in lanes.iter_mut().enumerate() {
                        let with = |(of, _): &&(u64, bool)| *of <= number;
                        let upto = lane.sent.iter().take_while(with).count();
                        prop_assert!(lane.sent[..upto].iter().all(|(_, done)| *done));
                        let end = ends.iter().find(|(id, _)| id.partition.id == of as i32);
                        let end = end.map_or(lane.committed, |(id, _)| id.sequence as usize + 1);
                        prop_assert_eq!(end, upto);
                        lane.committed = upto;
                    }
                    number += 1;
                }
            }
        }
    }
}
