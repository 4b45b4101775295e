//! Batches that all workers share, by the keys of their records.

use super::*;

/// Of two workers the first has `abc`, the second `foobar`, and what has no key.
const KEYS: [Option<&str>; 5] = [
    Some("abc"),
    None,
    Some("foobar"),
    Some("abc"),
    Some("foobar"),
];

impl Desk {
    /// That reads partitions 0 and 1, and splits their batches by key. Partition 1 is the second
    /// worker's.
    fn by_key() -> Self {
        let mut desk = Desk::new();
        desk.intake.split = Split::ByKey;
        desk.intake.assigned(vec![(of(0), 0), (of(1), 0)], NOW);
        desk.restored(0, 0);
        desk.restored(1, 0);
        desk.actions();
        desk
    }

    /// Reads records with these keys into a batch of partition 1, and gives the parts sent.
    fn read_keys(&mut self, keys: &[Option<&str>]) -> Vec<Dispatch> {
        let first = self.intake.wants(of(1)).expect("it is read");
        let mut records = Records::default();
        for (offset, key) in (first..).zip(keys) {
            records.push(offset, None, key.map(str::as_bytes), None);
        }
        let permit = Budget::new(1).take(1).expect("an empty budget grants");
        self.intake.read(of(1), records, permit, 0);
        self.parts()
    }

    /// The parts sent since the last call.
    fn parts(&mut self) -> Vec<Dispatch> {
        self.sent.clear();
        self.actions();
        self.sent.clone()
    }
}

/// The worker and the places of each.
fn shares(parts: &[Dispatch]) -> Vec<(usize, Vec<usize>)> {
    let shares = parts.iter().map(|dispatch| {
        let places = 0..dispatch.batch.records().len();
        let held = places.filter(|place| dispatch.part().places().hold(*place));
        (dispatch.worker(), held.collect())
    });
    shares.collect()
}

#[test]
fn p2_every_worker_has_a_part_of_every_batch_and_a_key_one_worker() {
    let mut desk = Desk::by_key();
    let parts = desk.read_keys(&KEYS);
    assert_eq!(shares(&parts), [(0, vec![0, 3]), (1, vec![1, 2, 4])]);
    let parts = desk.read_keys(&KEYS[..1]);
    assert_eq!(shares(&parts), [(0, vec![0]), (1, vec![])]);
}

#[test]
fn p2_a_new_worker_gets_its_parts_alone() {
    let mut desk = Desk::by_key();
    let first = desk.read_keys(&KEYS);
    desk.read_keys(&KEYS);
    assert!(first[1].part().hand_on(1));
    desk.restart(1, 2);
    let replayed = desk.parts();
    let of: Vec<_> = replayed
        .iter()
        .map(|dispatch| (dispatch.batch.id().sequence, dispatch.worker()))
        .collect();
    assert_eq!(of, [(1, 1)]);
    desk.restart(0, 2);
    let of = desk.parts();
    let of = of
        .iter()
        .map(|dispatch| (dispatch.batch.id().sequence, dispatch.worker()));
    assert_eq!(of.collect::<Vec<_>>(), [(0, 0), (1, 0)]);
}

#[test]
fn p5_what_is_held_against_a_record_travels_with_its_part() {
    let mut desk = Desk::by_key();
    for offset in [0, 2, 3] {
        desk.suspects.blame(of(1), offset, "panicked".into());
    }
    let parts = desk.read_keys(&KEYS);
    let suspects =
        |part: &Dispatch| -> Vec<i64> { part.suspects.iter().map(|(offset, _)| *offset).collect() };
    assert_eq!(
        parts.iter().map(suspects).collect::<Vec<_>>(),
        [vec![0, 3], vec![2]]
    );
}

#[test]
fn p5_each_worker_says_for_itself_where_it_stopped() {
    let mut desk = Desk::by_key();
    let parts = desk.read_keys(&KEYS);
    assert!(parts[0].part().begin_record(1, 3));
    assert!(parts[1].part().begin_record(1, 1));
    assert!(parts[1].part().hand_on(1));
    assert_eq!(parts[0].stopped_at(), Some((of(1), 3)));
    assert_eq!(parts[1].stopped_at(), None);
    assert!(parts[0].batch.is_awaited(), "a part of it is to come");
}

#[test]
fn p6_a_batch_ends_as_all_of_its_parts_do() {
    let mut desk = Desk::by_key();
    let parts = desk.read_keys(&KEYS);
    for (part, produced) in parts.iter().zip([2, 3]) {
        part.part().close(Outcomes {
            produced,
            ..Outcomes::default()
        });
    }
    desk.settle(&parts[0].batch);
    assert_eq!(desk.intake.take_outcomes().produced, 5);
}

/// A partition is at work while any of them is.
#[test]
fn p7_the_restart_of_any_worker_is_none_of_the_partitions_fault() {
    let mut desk = Desk::by_key();
    let incarnation = |desk: &Desk| desk.intake.status()[1].incarnation;
    let before = incarnation(&desk);
    desk.restart(0, 2);
    assert!(incarnation(&desk) > before);
}
