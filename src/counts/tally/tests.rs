use proptest::prelude::*;

use super::*;
use crate::counts::{Accumulator, Memory, Store};
use crate::flow::Budget;
use crate::flow::batch::{Part, Places};
use crate::flow::generation::{Generations, Tenure};
use crate::record::Records;

const P: Partition = Partition { topic: 0, id: 3 };

/// A tally, the store it is restored from, and the partition's owner.
struct Desk {
    tally: Tally,
    store: Memory,
    tenure: Tenure,
    sequence: u64,
    /// Of each batch.
    parts: usize,
}

impl Desk {
    fn new(store: &Memory) -> Desk {
        Desk::with(store, Storing::Apart)
    }

    fn with(store: &Memory, storing: Storing) -> Desk {
        Desk {
            tally: Tally::new(&["logins".to_owned()], storing),
            store: store.clone(),
            tenure: Tenure::begin(&Generations::default()),
            sequence: 0,
            parts: 1,
        }
    }

    fn restored(start: i64) -> Desk {
        let mut desk = Desk::new(&Memory::default());
        desk.restore(start);
        desk
    }

    fn restore(&mut self, start: i64) -> Option<i64> {
        let stored = self.store.load(&[named()]).unwrap().remove(0);
        self.tally.restore(P, self.tenure.lease(), start, stored)
    }

    fn rewind(&mut self, start: i64) -> Option<i64> {
        self.tenure.advance();
        self.restore(start)
    }

    fn batch(&mut self, base: i64, next: i64, count_from: i64) -> Arc<Batch> {
        let id = BatchId {
            partition: P,
            generation: self.tenure.generation(),
            sequence: self.sequence,
        };
        self.sequence += 1;
        let permit = Budget::new(1).take(1).expect("an empty budget grants");
        let range = Range {
            base,
            next,
            count_from,
            told_from: 0,
        };
        let contents = (Records::default(), permit);
        let parts = (0..self.parts).map(|worker| Part::new(worker, 1, Places::All));
        Arc::new(Batch::new(
            id,
            self.tenure.lease(),
            range,
            contents,
            parts.collect(),
            0,
        ))
    }

    /// Counts each record of a batch under its offset.
    fn count(&mut self, base: i64, next: i64, count_from: i64) -> Applied {
        let batch = self.batch(base, next, count_from);
        self.tally.count(&batch, delta(&batch), false)
    }

    /// The end of a transaction: this batch is its last.
    fn end(&self, sequence: u64, next: i64) -> Vec<End> {
        let id = BatchId {
            partition: P,
            generation: self.tenure.generation(),
            sequence,
        };
        vec![(id, next)]
    }

    fn save(&mut self) {
        if let Some(changes) = self.tally.changes() {
            let answers = self.store.save(&changes).unwrap();
            self.tally.saved(&answers);
        }
    }

    fn counted(&self, offset: i64) -> u64 {
        self.tally.counts().at(&["offset", &offset.to_string()])
    }

    fn stored(&mut self, offset: i64) -> u64 {
        let all = self.store.load_all().unwrap();
        all[&named()].counts.at(&["offset", &offset.to_string()])
    }
}

fn named() -> TopicPartition {
    TopicPartition::new("logins", P.id)
}

fn delta(batch: &Batch) -> Delta {
    let range = batch.range();
    let mut accumulator = Accumulator::default();
    for offset in range.base.max(range.count_from)..range.next {
        accumulator.add(&["offset", &offset.to_string()]);
    }
    accumulator.take()
}

fn counted(reports: &[Report]) -> usize {
    let counted = |report: &&Report| matches!(report, Report::Counted(_));
    reports.iter().filter(counted).count()
}

#[test]
fn p11_a_batch_is_reported_when_its_counts_are_stored() {
    let mut desk = Desk::restored(10);
    assert_eq!(desk.count(10, 20, 0), Applied::Counted);
    assert_eq!(desk.count(20, 30, 0), Applied::Counted);
    assert_eq!(desk.tally.take_reports(), []);
    let changes = desk.tally.changes().unwrap();
    assert_eq!((changes[0].base, changes[0].next_offset), (None, 30));
    assert_eq!(desk.count(30, 40, 0), Applied::Counted);
    assert_eq!(desk.tally.changes(), None, "one after the other");

    let answers = desk.store.save(&changes).unwrap();
    desk.tally.saved(&answers);
    assert_eq!(counted(&desk.tally.take_reports()), 2);
    desk.save();
    assert_eq!(counted(&desk.tally.take_reports()), 1);
    assert_eq!((desk.stored(29), desk.stored(39)), (1, 1));
    assert_eq!(desk.tally.changes(), None);
}

#[test]
fn p11_a_batch_in_parts_counts_as_a_whole_or_not_at_all() {
    let mut desk = Desk::restored(0);
    desk.parts = 2;
    let [first, second, void] = [(0, 10), (10, 20), (20, 30)].map(|(base, next)| {
        let batch = desk.batch(base, next, 0);
        (batch.clone(), delta(&batch))
    });
    let mut count = |(batch, delta): &(Arc<Batch>, Delta), part: usize| {
        let mut delta = delta.clone();
        let mut place = 0..;
        delta
            .added
            .retain(|_| place.next().is_some_and(|place| place % 2 == part));
        desk.tally.count(batch, delta, false)
    };
    assert_eq!(count(&first, 1), Applied::Gathered);
    assert_eq!(count(&second, 1), Applied::Gathered);
    assert_eq!(count(&first, 0), Applied::Counted);
    assert_eq!(count(&void, 0), Applied::Gathered);
    assert_eq!(desk.counted(9), 1);
    assert_eq!(desk.counted(11) + desk.counted(12), 0, "a half is nothing");
    desk.save();
    assert_eq!(desk.rewind(0), Some(10), "the halves are void");
    desk.sequence = 0;
    let again = desk.batch(10, 20, 10);
    let delta = delta(&again);
    desk.tally.count(&again, delta, false);
    assert_eq!(
        desk.tally.count(&again, Delta::default(), false),
        Applied::Counted
    );
    for offset in 0..20 {
        assert_eq!(desk.counted(offset), 1, "{offset}");
    }
}

#[test]
fn p11_what_was_not_stored_is_counted_again_after_a_restart() {
    let mut desk = Desk::restored(0);
    desk.count(0, 10, 0);
    desk.save();
    desk.count(10, 20, 0);

    let mut next = Desk::new(&desk.store);
    assert_eq!(next.restore(5), Some(10));
    assert_eq!(next.count(5, 15, 10), Applied::Counted);
    assert_eq!(next.count(15, 20, 10), Applied::Counted);
    next.save();
    for offset in 0..20 {
        assert_eq!(next.stored(offset), 1, "{offset}");
    }
}

#[test]
fn p11_a_replay_is_counted_from_where_the_state_ends() {
    let mut desk = Desk::restored(0);
    desk.count(0, 20, 0);
    assert_eq!(desk.count(5, 15, 20), Applied::AlreadyCounted);
    assert_eq!(desk.count(5, 20, 0), Applied::AlreadyCounted);
    assert_eq!(desk.count(15, 25, 20), Applied::Counted);
    assert_eq!((desk.counted(17), desk.counted(24)), (1, 1));
    assert_eq!(counted(&desk.tally.take_reports()), 0);
    desk.save();
    assert_eq!(counted(&desk.tally.take_reports()), 4);
    assert_eq!(desk.count(15, 25, 0), Applied::AlreadyCounted);
    assert_eq!(counted(&desk.tally.take_reports()), 1, "stored already");
}

#[test]
fn p11_what_does_not_begin_where_the_state_ends_is_refused() {
    let mut desk = Desk::restored(0);
    assert_eq!(desk.count(0, 10, 5), Applied::Gap);
    assert_eq!(desk.count(0, 10, 0), Applied::Counted);
    let before = desk.tally.counts();
    assert_eq!(desk.count(11, 20, 0), Applied::Gap);
    assert_eq!(desk.count(5, 20, 0), Applied::Gap);
    assert_eq!(desk.count(10, 20, 12), Applied::Gap);
    assert_eq!(desk.tally.counts(), before);
    let gaps = desk.tally.take_reports();
    assert!(gaps.iter().all(|report| matches!(report, Report::Gap(_))));
    assert_eq!(gaps.len(), 4);
}

#[test]
fn p3_what_is_old_or_not_restored_is_void() {
    let mut desk = Desk::new(&Memory::default());
    assert_eq!(desk.count(0, 10, 0), Applied::Void);
    desk.restore(0);
    let late = desk.batch(0, 10, 0);
    let lease = desk.tenure.lease();
    desk.rewind(0);
    assert_eq!(desk.tally.count(&late, delta(&late), false), Applied::Void);
    assert_eq!(desk.tally.restore(P, lease, 0, None), None);
    desk.count(0, 10, 0);
    desk.tenure.advance();
    assert_eq!(desk.tally.changes(), None, "nothing is stored of it");
    desk.tally.fence();
    assert!(desk.tally.counts().is_empty());
    assert_eq!(desk.tally.take_reports(), []);
}

#[test]
fn p11_who_is_refused_reads_again_from_what_is_stored() {
    let mut desk = Desk::restored(0);
    desk.count(0, 10, 0);
    let mut other = Desk::new(&desk.store);
    other.restore(0);
    other.count(0, 4, 0);
    other.save();

    desk.save();
    let reports = desk.tally.take_reports();
    assert!(matches!(reports[..], [Report::Gap(_)]), "{reports:?}");
    assert_eq!(desk.count(10, 20, 0), Applied::Void);
    assert_eq!(desk.rewind(0), Some(4));
    desk.count(0, 20, 4);
    desk.save();
    for offset in 0..20 {
        assert_eq!(desk.stored(offset), 1, "{offset}");
    }
}

#[test]
fn p4_a_batch_is_held_only_where_the_store_is_behind() {
    let mut desk = Desk::restored(0);
    let free = desk.batch(0, 10, 0);
    let held = desk.batch(10, 20, 0);
    desk.tally.count(&free, delta(&free), false);
    desk.tally.count(&held, delta(&held), true);
    assert_eq!((Arc::strong_count(&free), Arc::strong_count(&held)), (1, 2));
    desk.save();
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn p4_what_is_not_stored_becomes_too_much() {
    let mut desk = Desk::restored(0);
    let many = HEAVY as i64;
    desk.count(0, many, 0);
    assert!(desk.tally.is_heavy());
    desk.save();
    assert!(!desk.tally.is_heavy());
}

#[test]
fn p12_a_transaction_stores_what_is_counted_up_to_its_end_and_no_more() {
    let mut desk = Desk::with(&Memory::default(), Storing::WithTransactions);
    desk.restore(0);
    desk.count(0, 10, 0);
    desk.count(10, 20, 0);
    assert_eq!(counted(&desk.tally.take_reports()), 2, "to be committed");
    assert_eq!(desk.tally.changes(), None, "transactions store them");
    let (first, second) = (desk.end(0, 10), desk.end(1, 20));
    let aborted = desk.tally.changes_upto(&second).unwrap();
    assert_eq!((aborted[0].base, aborted[0].next_offset), (None, 20));

    for (end, base) in [(first, None), (second, Some(10))] {
        let changes = desk.tally.changes_upto(&end).unwrap();
        assert_eq!((changes[0].base, changes[0].next_offset), (base, end[0].1));
        assert_eq!(desk.store.save(&changes).unwrap(), [Saved::Kept]);
        desk.tally.stored(&end);
        for offset in 0..20 {
            assert_eq!(desk.stored(offset), u64::from(offset < end[0].1));
        }
    }
    assert!(!desk.tally.is_heavy());
    assert_eq!(counted(&desk.tally.take_reports()), 0, "they were before");
}

#[test]
fn p12_a_transaction_whose_counts_are_not_those_of_the_day_stores_nothing() {
    let mut desk = Desk::with(&Memory::default(), Storing::WithTransactions);
    desk.restore(0);
    desk.count(0, 10, 0);
    assert_eq!(desk.tally.changes_upto(&desk.end(1, 20)), None, "not yet");
    let end = desk.end(0, 10);
    desk.tenure.advance();
    assert_eq!(desk.tally.changes_upto(&end), None, "its lease is over");
    desk.restore(0);
    desk.count(0, 10, 0);
    assert_eq!(desk.tally.changes_upto(&end), None, "it is counted anew");
    desk.tally.stored(&end);
    let changes = desk.tally.changes_upto(&desk.end(1, 10)).unwrap();
    assert_eq!(changes[0].base, None, "the late word says nothing of it");
}

/// In at-least-once, which a member of before ran in, counts may be stored before their offset is.
#[test]
fn p12_what_was_stored_by_another_delivery_is_not_stored_again() {
    let mut before = Desk::restored(0);
    before.count(0, 15, 0);
    before.save();
    let mut desk = Desk::with(&before.store, Storing::WithTransactions);
    assert_eq!(desk.restore(0), Some(15));
    desk.count(0, 10, 15);
    assert_eq!(desk.tally.changes_upto(&desk.end(0, 10)), Some(Vec::new()));
    desk.tally.stored(&desk.end(0, 10));
    desk.count(10, 20, 15);
    let changes = desk.tally.changes_upto(&desk.end(1, 20)).unwrap();
    assert_eq!((changes[0].base, changes[0].next_offset), (Some(15), 20));
}

proptest! {
    /// Whatever batches come, in whatever order and however often, and whenever they are stored:
    /// no record counts twice, those below the state's end all count, and the store agrees.
    #[test]
    fn p11_every_record_counts_once(
        steps in prop::collection::vec((0i64..40, 1i64..10, 0i64..50, 0u8..6), 1..60),
    ) {
        let mut desk = Desk::restored(0);
        let mut end = 0;
        for (base, len, count_from, then) in steps {
            match then {
                0 => desk.save(),
                1 => end = desk.rewind(0).unwrap(),
                _ => if desk.count(base, base + len, count_from) == Applied::Counted {
                    end = base + len;
                },
            }
            for offset in 0..60 {
                prop_assert_eq!(desk.counted(offset), u64::from(offset < end));
            }
        }
        desk.save();
        let stored = desk.store.load_all().unwrap();
        if let Some(state) = stored.get(&named()) {
            prop_assert_eq!(&state.counts, &desk.tally.counts());
            prop_assert_eq!(state.next_offset, end);
        }
    }
}
