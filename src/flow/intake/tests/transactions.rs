use super::*;

/// With one batch of partition 0, up to offset 2, in a transaction that is whole.
fn whole() -> (Desk, Arc<Batch>, Report) {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0, 1]);
    let report = Report::Whole {
        transaction: 7,
        ends: vec![(batch.id(), 2)],
    };
    (desk, batch, report)
}

#[test]
fn p11_a_commit_is_allowed_when_all_of_its_transaction_is_counted() {
    let (mut desk, batch, report) = whole();
    desk.report(report);
    assert!(desk.actions().is_empty());
    desk.report(Report::Counted(batch.id()));
    assert_eq!(desk.actions(), ["allow 7"]);
    desk.intake.progress(NOW);
    assert!(desk.actions().is_empty(), "once");
}

#[test]
fn p12_a_committed_transaction_settles_its_batches_and_nothing_is_left_to_commit() {
    let (mut desk, batch, report) = whole();
    desk.report(Report::Counted(batch.id()));
    desk.report(report);
    desk.report(Report::Committed(vec![(batch.id(), 2)]));
    assert_eq!(desk.actions(), ["allow 7"]);
    desk.intake.commit();
    assert!(desk.actions().is_empty());
    assert_eq!(desk.intake.ledger().last_committed(of(0)), Some(2));
    assert_eq!(desk.intake.ledger().in_flight(), 0);
}

#[test]
fn p3_the_commit_of_a_rewound_lane_is_not_allowed() {
    let (mut desk, batch, report) = whole();
    desk.report(Report::Rewind);
    desk.actions();
    desk.report(Report::Counted(batch.id()));
    desk.report(report);
    assert!(desk.actions().is_empty());
}

#[test]
fn p12_what_was_rewound_while_its_commit_was_under_way_is_read_from_its_end() {
    let (mut desk, batch, report) = whole();
    desk.report(Report::Counted(batch.id()));
    desk.report(report);
    desk.report(Report::Rewind);
    desk.restored(0, 2);
    desk.actions();
    desk.report(Report::Committed(vec![(batch.id(), 2)]));
    assert_eq!(desk.actions(), ["fence 0", "restore 0@2"]);
    desk.report(Report::Committed(vec![(batch.id(), 2)]));
    assert!(desk.actions().is_empty(), "it stands there already");
}

#[test]
fn p12_where_nobody_knows_it_is_read_from_what_the_broker_says() {
    let (mut desk, _, _) = whole();
    desk.intake.rewind_to(&[(of(0), 2)], NOW);
    assert_eq!(desk.actions(), ["fence 0", "restore 0@2"]);
    desk.intake.rewind_to(&[(of(0), 1)], NOW);
    assert_eq!(desk.actions(), ["fence 0", "restore 0@2"], "never back");
}

#[test]
fn p8_what_leaves_is_in_a_hurry() {
    let mut desk = Desk::reading(&[0, 1]);
    assert!(!desk.intake.is_leaving());
    desk.read(0, &[0]);
    desk.intake.revoked(vec![of(0)], NOW);
    assert!(desk.intake.is_leaving());
    desk.intake.lost(vec![of(0)]);
    assert!(!desk.intake.is_leaving());
    desk.intake.drain(NOW);
    assert!(desk.intake.is_leaving());
}
