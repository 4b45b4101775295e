use proptest::prelude::*;

use super::*;

/// Inputs 0..count, numbered in turn over two partitions: number 2n is (0, n), number 2n + 1 is
/// (1, n).
fn read(audit: &mut Audit, count: u64) {
    for id in 0..count {
        audit.input((id % 2) as i32, (id / 2) as i64, Some(id));
    }
}

/// An audit that has read these inputs.
fn audit(count: u64) -> Audit {
    let mut audit = Audit::default();
    read(&mut audit, count);
    audit
}

fn counts(report: &Report) -> [u64; 8] {
    [
        report.consumed,
        report.produced,
        report.filtered,
        report.rejected,
        report.lost,
        report.duplicated,
        report.out_of_order,
        report.restarts,
    ]
}

#[test]
fn p1_what_has_an_output_or_a_dead_letter_is_not_lost() {
    let mut audit = audit(5);
    audit.output(0, Some(0));
    audit.output(0, Some(2));
    audit.output(1, Some(3));
    audit.dead_letter(1, 0, "invalid_json");
    audit.dead_letter(0, 2, "invalid_ip");
    let report = audit.finish(0, 4);
    assert_eq!(counts(&report), [5, 3, 0, 2, 0, 0, 0, 4]);
    let by_type = [("invalid_ip".to_owned(), 1), ("invalid_json".to_owned(), 1)];
    assert_eq!(report.rejections, BTreeMap::from(by_type));
}

#[test]
fn p1_what_has_no_result_is_lost_unless_it_was_filtered() {
    let of = |filtered| {
        let mut audit = audit(6);
        audit.output(0, Some(0));
        counts(&audit.finish(filtered, 0))
    };
    assert_eq!(of(0), [6, 1, 0, 0, 5, 0, 0, 0]);
    assert_eq!(of(3), [6, 1, 3, 0, 2, 0, 0, 0]);
    // A replay is filtered again, and the service counts it again.
    assert_eq!(of(9), [6, 1, 5, 0, 0, 0, 0, 0]);
}

#[test]
fn results_beyond_the_first_are_duplicates_whatever_they_are() {
    let mut audit = audit(4);
    for id in [0, 2, 0, 2, 2] {
        audit.output(0, Some(id));
    }
    audit.dead_letter(0, 0, "poison");
    audit.dead_letter(1, 0, "poison");
    audit.dead_letter(1, 0, "poison");
    audit.output(1, Some(3));
    assert_eq!(counts(&audit.finish(0, 0)), [4, 3, 0, 1, 0, 5, 0, 0]);
}

#[test]
fn p2_a_first_output_after_a_later_one_is_out_of_order() {
    let mut audit = audit(10);
    // Partition 0 in order but for 2; a replay of 0 and 4 is none; partition 1 mixes freely.
    for id in [0, 1, 4, 3, 0, 4, 2, 6, 5] {
        audit.output(0, Some(id));
    }
    let report = audit.finish(0, 0);
    assert_eq!((report.out_of_order, report.duplicated), (1, 2));
}

#[test]
fn p2_order_holds_for_each_output_partition_alone() {
    let mut audit = audit(10);
    audit.output(0, Some(4));
    audit.output(1, Some(2));
    audit.output(0, Some(6));
    assert_eq!(audit.finish(0, 0).out_of_order, 0);
}

#[test]
fn results_may_be_read_before_their_inputs() {
    let mut audit = Audit::default();
    audit.output(0, Some(1));
    audit.output(0, Some(0));
    audit.dead_letter(0, 2, "invalid_json");
    for id in 0..3 {
        audit.input(0, id, Some(id as u64));
    }
    // The order is the output's, not that in which it was possible to tell.
    assert_eq!(counts(&audit.finish(0, 0)), [3, 2, 0, 1, 0, 0, 1, 0]);
}

#[test]
fn inputs_without_a_number_are_told_by_their_dead_letters() {
    let mut audit = Audit::default();
    audit.input(0, 0, None);
    audit.input(0, 1, None);
    audit.dead_letter(0, 1, "tombstone");
    assert_eq!(counts(&audit.finish(0, 0)), [2, 0, 0, 1, 1, 0, 0, 0]);
}

#[test]
fn results_of_no_input_are_strangers_and_answer_nothing() {
    let mut audit = audit(2);
    audit.output(0, None);
    audit.output(0, Some(77));
    audit.output(0, Some(u64::MAX));
    audit.output(0, Some(0));
    audit.dead_letter(-1, 0, "poison");
    audit.dead_letter(0, i64::MAX, "poison");
    audit.dead_letter(0, 50, "poison");
    audit.stray_dead_letter();
    let report = audit.finish(0, 0);
    assert_eq!(report.strangers, 7);
    assert_eq!(counts(&report), [2, 1, 0, 0, 1, 0, 0, 0]);
}

#[test]
fn what_was_deleted_unread_spoils_the_verdict() {
    let mut audit = audit(2);
    audit.output(0, Some(0));
    audit.output(0, Some(1));
    audit.unread(3);
    let report = audit.finish(0, 0);
    assert_eq!((report.lost, report.unread), (0, 3));
    assert!(!report.nothing_lost());
}

#[test]
fn ids_come_back_from_their_header_and_nothing_else_does() {
    for id in [0, 1, u64::MAX] {
        assert_eq!(decode_id(&encode_id(id)), Some(id));
    }
    assert_eq!(decode_id(b""), None);
    assert_eq!(decode_id(b"123456789"), None);
}

const INPUTS: u64 = 40;

/// Says the same the slow way: it keeps everything and counts at the end.
fn naive(outputs: &[(i32, u64)], letters: &[u64]) -> [u64; 8] {
    let is_first = |index: usize| {
        !outputs[..index]
            .iter()
            .any(|(_, id)| *id == outputs[index].1)
    };
    let firsts: Vec<usize> = (0..outputs.len())
        .filter(|&index| is_first(index))
        .collect();
    let late = |&&index: &&usize| {
        let (partition, id) = outputs[index];
        firsts.iter().any(|&before| {
            let (other, earlier) = outputs[before];
            before < index && other == partition && earlier % 2 == id % 2 && earlier > id
        })
    };
    let has_output = |id: u64| outputs.iter().any(|(_, of)| *of == id);
    let produced = (0..INPUTS).filter(|&id| has_output(id)).count();
    let rejected = (0..INPUTS).filter(|id| letters.contains(id)).count();
    let duplicated = outputs.len() + letters.len() - produced - rejected;
    let lost = INPUTS as usize - produced - rejected;
    let out_of_order = firsts.iter().filter(late).count();
    let [produced, rejected, lost, duplicated, late] =
        [produced, rejected, lost, duplicated, out_of_order].map(|count| count as u64);
    [INPUTS, produced, 0, rejected, lost, duplicated, late, 0]
}

proptest! {
    #[test]
    fn the_audit_agrees_with_a_naive_one(
        outputs in prop::collection::vec(0..INPUTS, 0..120),
        mut letters in prop::collection::vec(0..INPUTS, 0..20),
        inputs_last: bool,
    ) {
        letters.retain(|id| !outputs.contains(id));
        // An input's outputs all go to one partition.
        let outputs: Vec<(i32, u64)> = outputs.iter().map(|&id| ((id / 2 % 3) as i32, id)).collect();
        let mut audit = if inputs_last { Audit::default() } else { audit(INPUTS) };
        for &(partition, id) in &outputs {
            audit.output(partition, Some(id));
        }
        for &id in &letters {
            audit.dead_letter((id % 2) as i32, (id / 2) as i64, "poison");
        }
        if inputs_last {
            read(&mut audit, INPUTS);
        }
        prop_assert_eq!(counts(&audit.finish(0, 0)), naive(&outputs, &letters));
    }
}
