//! P6: a record comes in once and ends once, however often it is read.

use super::*;

fn produced(records: u64) -> Outcomes {
    Outcomes {
        produced: records,
        ..Outcomes::default()
    }
}

fn deliver(desk: &mut Desk, batch: &Batch, outcomes: Outcomes) {
    batch.part(0).close(outcomes);
    desk.settle(batch);
}

#[test]
fn p6_ends_are_told_with_the_settlement_and_not_again_after_a_rewind() {
    let mut desk = Desk::reading(&[0]);
    let first = desk.read(0, &[0, 1]);
    let second = desk.read(0, &[2, 3]);
    deliver(&mut desk, &second, produced(2));
    assert_eq!(desk.intake.take_outcomes(), produced(0), "the first is due");
    desk.report(Report::Rewind);
    desk.restored(0, 0);
    deliver(&mut desk, &first, produced(2));
    assert_eq!(desk.intake.take_outcomes(), produced(0), "it is void");
    let again = desk.read(0, &[0, 1, 2, 3]);
    deliver(&mut desk, &again, produced(4));
    assert_eq!(desk.intake.take_outcomes(), produced(4));
}

/// What was settled and not committed when the consumer died is read again by the next one.
#[test]
fn p6_a_new_consumer_tells_only_what_the_one_before_had_not() {
    let mut desk = Desk::reading(&[0]);
    let settled = desk.read(0, &[0, 1]);
    deliver(&mut desk, &settled, produced(2));
    desk.read(0, &[2, 3]);
    let marks = desk.marks.clone();
    drop(desk);

    let mut desk = Desk::with(marks);
    desk.intake.assigned(vec![(of(0), 0)], NOW);
    desk.restored(0, 0);
    let read = |desk: &mut Desk, offset: i64| {
        let mut records = Records::default();
        records.push(offset, None, None, None);
        let permit = Budget::new(1).take(1).expect("an empty budget grants");
        desk.intake.read(of(0), records, permit, 0)
    };
    let new: Vec<_> = (0..6).map(|offset| read(&mut desk, offset)).collect();
    assert_eq!(new, [0, 0, 0, 0, 1, 1], "two were never read before");
    desk.actions();
    assert_eq!(desk.last().batch.range().told_from, 2);
}
