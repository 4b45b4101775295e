use super::*;
use crate::flow::credit::Budget;
use crate::flow::{Marks, Suspects};

mod ends;
mod parts;
mod transactions;

const DRAIN: Duration = Duration::from_secs(5);
const NOW: Duration = Duration::from_secs(100);

/// An intake, what it shares with other actors, and its actions in words.
struct Desk {
    intake: Intake,
    suspects: Suspects,
    marks: Marks,
    sent: Vec<Dispatch>,
}

fn of(id: i32) -> Partition {
    Partition { topic: 0, id }
}

fn names(partitions: &[Partition]) -> String {
    let names: Vec<_> = partitions.iter().map(|of| of.id.to_string()).collect();
    names.join(" ")
}

fn offsets(offsets: &[(Partition, i64)]) -> String {
    let words = offsets
        .iter()
        .map(|(of, offset)| format!("{}@{offset}", of.id));
    words.collect::<Vec<_>>().join(" ")
}

impl Desk {
    /// With two workers, both in their first incarnation.
    fn new() -> Self {
        Desk::with(Marks::default())
    }

    fn with(marks: Marks) -> Self {
        let heritage = Heritage {
            marks,
            ..Heritage::default()
        };
        Desk {
            intake: Intake::new(vec![1, 1], Split::Whole, DRAIN, heritage.clone()),
            marks: heritage.marks,
            suspects: heritage.suspects,
            sent: Vec::new(),
        }
    }

    /// That reads these partitions, from offset 0.
    fn reading(ids: &[i32]) -> Self {
        let mut desk = Desk::new();
        let starts = ids.iter().map(|id| (of(*id), 0)).collect();
        desk.intake.assigned(starts, NOW);
        ids.iter().for_each(|id| desk.restored(*id, 0));
        desk.actions();
        desk
    }

    fn actions(&mut self) -> Vec<String> {
        let actions = self.intake.take_actions();
        actions
            .into_iter()
            .map(|action| self.words(action))
            .collect()
    }

    fn words(&mut self, action: Action) -> String {
        match action {
            Action::Assign(starts) => format!("assign {}", offsets(&starts)),
            Action::Unassign(partitions) => format!("unassign {}", names(&partitions)),
            Action::Restore {
                partition, start, ..
            } => format!("restore {}@{start}", partition.id),
            Action::Fence(partition) => format!("fence {}", partition.id),
            Action::Seek(partition, offset) => format!("seek {}@{offset}", partition.id),
            Action::Commit(due) => format!("commit {}", offsets(&due)),
            Action::Allow(transaction) => format!("allow {transaction}"),
            Action::Drained => "drained".to_owned(),
            Action::Send(dispatch) => {
                let (id, range) = (dispatch.batch.id(), dispatch.batch.range());
                let words = format!("send {} {}..{}", id.partition.id, range.base, range.next);
                self.sent.push(dispatch);
                words
            }
        }
    }

    fn generation(&self, id: i32) -> Generation {
        let status = self.intake.status();
        let lane = status.iter().find(|lane| lane.partition == of(id));
        lane.expect("the partition is held").generation
    }

    fn report(&mut self, report: Report) {
        self.intake.report(report, NOW);
    }

    fn restored(&mut self, id: i32, next_offset: i64) {
        let generation = self.generation(id);
        self.report(Report::Restored {
            partition: of(id),
            generation,
            next_offset,
        });
    }

    /// Reads records of these offsets and gives the batch.
    fn read(&mut self, id: i32, offsets: &[i64]) -> Arc<Batch> {
        let mut records = Records::default();
        for offset in offsets {
            records.push(*offset, None, None, Some(b"{}"));
        }
        let permit = Budget::new(1).take(1).expect("an empty budget grants");
        self.intake.read(of(id), records, permit, 0);
        self.actions();
        self.last().batch.clone()
    }

    fn last(&self) -> &Dispatch {
        self.sent.last().expect("something was sent")
    }

    fn settle(&mut self, batch: &Batch) {
        self.report(Report::Delivered(batch.id()));
        self.report(Report::Counted(batch.id()));
    }

    fn restart(&mut self, worker: usize, incarnation: u64) {
        self.report(Report::WorkerRestarted {
            worker,
            incarnation,
        });
    }

    fn committed(&mut self, id: i32, offset: i64) {
        self.intake.commit_done(Some(&[(of(id), offset)]), NOW);
    }
}

#[test]
fn an_assignment_is_answered_once_all_of_it_is_restored() {
    let mut desk = Desk::new();
    desk.intake.assigned(vec![(of(0), 7), (of(1), 9)], NOW);
    assert_eq!(desk.actions(), ["restore 0@7", "restore 1@9"]);
    desk.restored(1, 9);
    assert!(desk.actions().is_empty());
    assert_eq!(desk.intake.wants(of(0)), None);
    desk.restored(0, 12);
    assert_eq!(desk.actions(), ["assign 0@7 1@9"]);
    assert_eq!(desk.intake.wants(of(0)), Some(7));
    let range = desk.read(0, &[8, 11]).range();
    let expected = Range {
        base: 7,
        next: 12,
        count_from: 12,
        told_from: 0,
    };
    assert_eq!(range, expected, "a gap belongs to the batch after it");
}

#[test]
fn partitions_go_to_the_worker_with_the_fewest() {
    let mut desk = Desk::reading(&[0, 1, 2]);
    desk.intake.lost(vec![of(0), of(2)]);
    desk.intake.assigned(vec![(of(3), 0), (of(4), 0)], NOW);
    [3, 4].iter().for_each(|id| desk.restored(*id, 0));
    [1, 3, 4].iter().for_each(|id| drop(desk.read(*id, &[0])));
    let workers: Vec<_> = desk.sent.iter().map(|dispatch| dispatch.worker()).collect();
    assert_eq!(workers, [1, 0, 0]);
}

#[test]
fn p1_a_revocation_settles_then_commits_then_lets_go() {
    let mut desk = Desk::reading(&[0, 1]);
    let batch = desk.read(0, &[0, 1]);
    desk.intake.revoked(vec![of(0)], NOW);
    assert!(desk.actions().is_empty());
    assert_eq!(desk.intake.wants(of(0)), None);
    assert_eq!(desk.intake.wants(of(1)), Some(0));
    desk.settle(&batch);
    assert_eq!(desk.actions(), ["commit 0@2"]);
    desk.committed(0, 2);
    assert_eq!(desk.actions(), ["fence 0", "unassign 0"]);
    assert!(!batch.is_current());
}

#[test]
fn p1_a_refused_commit_is_asked_for_again() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0]);
    desk.settle(&batch);
    desk.intake.commit();
    assert_eq!(desk.actions(), ["commit 0@1"]);
    desk.intake.commit();
    assert!(desk.actions().is_empty(), "one at a time");
    desk.intake.commit_done(None, NOW);
    desk.intake.commit();
    assert_eq!(desk.actions(), ["commit 0@1"]);
}

#[test]
fn p3_at_its_deadline_a_revocation_fences_what_is_in_flight() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0]);
    desk.intake.revoked(vec![of(0)], NOW);
    desk.intake.progress(NOW + DRAIN - Duration::from_millis(1));
    assert!(desk.actions().is_empty());
    desk.intake.progress(NOW + DRAIN);
    assert_eq!(desk.actions(), ["fence 0", "unassign 0"]);
    assert!(!batch.is_current());
}

#[test]
fn p3_nothing_of_a_lost_partition_is_committed() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0]);
    desk.settle(&batch);
    desk.intake.lost(vec![of(0)]);
    assert_eq!(desk.actions(), ["fence 0", "unassign 0"]);
    desk.intake.commit();
    assert!(desk.actions().is_empty());
}

#[test]
fn p3_a_revocation_that_turns_out_lost_lets_go_at_once() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0]);
    desk.intake.revoked(vec![of(0)], NOW);
    desk.intake.assignment_lost();
    assert_eq!(desk.actions(), ["fence 0", "unassign 0"]);
    assert!(!batch.is_current());
}

/// librdkafka waits for the answer, lost or not: without it the member never joins again.
#[test]
fn an_assignment_that_turns_out_lost_is_answered_all_the_same() {
    let mut desk = Desk::new();
    desk.intake.assigned(vec![(of(0), 7)], NOW);
    desk.intake.assignment_lost();
    desk.actions();
    desk.restored(0, 7);
    assert_eq!(desk.actions(), ["assign 0@7"]);
}

#[test]
fn p3_a_rewind_fences_and_reads_again_from_what_is_settled() {
    let mut desk = Desk::reading(&[0]);
    let first = desk.read(0, &[0, 1]);
    let second = desk.read(0, &[2, 5]);
    desk.settle(&first);
    desk.report(Report::Gap(second.id()));
    assert_eq!(desk.actions(), ["fence 0", "restore 0@2"]);
    assert!(!second.is_current());
    assert_eq!(desk.intake.wants(of(0)), None);
    desk.restored(0, 6);
    assert_eq!(desk.actions(), ["seek 0@2"]);
    assert_eq!(desk.intake.wants(of(0)), Some(2));
    let again = desk.read(0, &[2, 5]);
    assert_eq!(again.id().sequence, 0);
    assert_eq!(again.range().count_from, 6, "they were counted");
}

#[test]
fn p3_reports_of_an_old_generation_change_nothing() {
    let mut desk = Desk::reading(&[0]);
    let old = desk.read(0, &[0]);
    let generation = old.id().generation;
    desk.report(Report::Rewind);
    desk.restored(0, 0);
    desk.read(0, &[0]);
    desk.settle(&old);
    desk.report(Report::Gap(old.id()));
    desk.report(Report::Restored {
        partition: of(0),
        generation,
        next_offset: 9,
    });
    assert!(desk.actions().is_empty());
    desk.intake.commit();
    assert!(desk.actions().is_empty());
    assert_eq!(desk.intake.ledger().in_flight(), 1);
}

#[test]
fn p3_a_rewind_amid_an_assignment_waits_for_the_new_generation() {
    let mut desk = Desk::new();
    desk.intake.assigned(vec![(of(0), 7)], NOW);
    let old = desk.generation(0);
    desk.report(Report::Rewind);
    desk.actions();
    desk.report(Report::Restored {
        partition: of(0),
        generation: old,
        next_offset: 7,
    });
    assert!(desk.actions().is_empty());
    desk.restored(0, 7);
    assert_eq!(desk.actions(), ["assign 0@7"]);
}

#[test]
fn p2_a_new_worker_gets_in_order_what_the_old_one_had_not_handed_on() {
    let mut desk = Desk::reading(&[0]);
    let handed = desk.read(0, &[0]);
    desk.read(0, &[1]);
    desk.read(0, &[2]);
    assert!(handed.part(0).hand_on(1));
    desk.restart(0, 2);
    assert_eq!(desk.actions(), ["send 0 1..2", "send 0 2..3"]);
    assert_eq!(desk.last().incarnation, 2);
}

#[test]
fn p2_each_restart_replays_and_old_news_does_not() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0]);
    desk.restart(0, 2);
    desk.restart(0, 3);
    assert_eq!(desk.actions(), ["send 0 0..1", "send 0 0..1"]);
    desk.restart(0, 2);
    desk.restart(0, 1);
    assert!(desk.actions().is_empty());
    assert!(!batch.part(0).hand_on(2), "its dispatch is void");
    assert!(batch.part(0).hand_on(3));
}

#[test]
fn p5_what_is_held_against_a_record_travels_with_it() {
    let mut desk = Desk::reading(&[0]);
    desk.read(0, &[0, 1, 2]);
    desk.suspects.blame(of(0), 1, "panicked".into());
    desk.suspects.blame(of(0), 1, "panicked".into());
    desk.suspects.blame(of(1), 2, "panicked".into());
    desk.restart(0, 2);
    desk.actions();
    let attempts = |desk: &Desk| -> Vec<_> {
        let suspects = desk.last().suspects.iter();
        suspects.map(|(at, held)| (*at, held.attempts)).collect()
    };
    assert_eq!(attempts(&desk), [(1, 2)]);
    desk.report(Report::Rewind);
    desk.restored(0, 0);
    desk.read(0, &[0, 1, 2]);
    assert_eq!(attempts(&desk), [(1, 2)], "it survives a rewind");
}

#[test]
fn p5_what_was_held_against_a_record_ends_with_its_commit() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0, 1]);
    desk.suspects.blame(of(0), 1, "panicked".into());
    desk.settle(&batch);
    desk.intake.commit();
    desk.committed(0, 2);
    assert!(desk.suspects.among(of(0), 0..10).is_empty());
}

#[test]
fn p5_a_refused_record_is_read_again_as_a_suspect() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0, 1]);
    desk.report(Report::Refused {
        batch: batch.id(),
        offset: 1,
        refusal: Refusal::TooLarge,
    });
    assert_eq!(desk.actions(), ["fence 0", "restore 0@0"]);
    desk.report(Report::Refused {
        batch: batch.id(),
        offset: 0,
        refusal: Refusal::TooLarge,
    });
    assert!(desk.actions().is_empty(), "one rewind is enough");
    desk.restored(0, 0);
    desk.read(0, &[0, 1]);
    let suspects = desk.last().suspects.iter();
    let too_large: Vec<_> = suspects.map(|(at, held)| (*at, held.too_large)).collect();
    assert_eq!(too_large, [(0, true), (1, true)]);
}

#[test]
fn p8_a_drain_ends_when_all_is_settled_and_committed() {
    let mut desk = Desk::reading(&[0]);
    let batch = desk.read(0, &[0]);
    desk.intake.drain(NOW);
    assert_eq!(desk.intake.wants(of(0)), None);
    desk.settle(&batch);
    assert_eq!(desk.actions(), ["commit 0@1"]);
    desk.committed(0, 1);
    assert_eq!(desk.actions(), ["drained"]);
    desk.intake.progress(NOW);
    assert!(desk.actions().is_empty());
}

#[test]
fn p8_a_drain_does_not_wait_for_what_is_still_to_be_restored() {
    let mut desk = Desk::new();
    desk.intake.assigned(vec![(of(0), 7)], NOW);
    desk.actions();
    desk.intake.drain(NOW);
    assert_eq!(desk.actions(), ["assign 0@7", "drained"]);
    assert_eq!(desk.intake.wants(of(0)), None);
}
