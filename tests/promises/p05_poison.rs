//! P5: a record that panics or hangs its worker fails alone.

use std::time::Duration;

use greenroom::topology::Sabotage;

use crate::harness::{Lodger, Terms, eventually, header};

const HANG: Duration = Duration::from_secs(10);

fn poison(value: &[u8]) -> Option<Sabotage> {
    let holds = |word: &[u8]| value.windows(word.len()).any(|window| window == word);
    if holds(b"\"panic\"") {
        Some(Sabotage::Panic)
    } else if holds(b"\"hang\"") {
        Some(Sabotage::Hang(HANG))
    } else {
        None
    }
}

fn event(user: &str) -> String {
    format!(
        r#"{{"user_id":"{user}","app_version":"2.3.0","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":1694479551}}"#
    )
}

#[test]
fn p5_poison_records_close_together_fail_alone() {
    let mut lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_secs(1),
        poison: Some(poison),
        ..Terms::default()
    });
    let names = ["a", "panic", "b", "hang", "c", "panic", "d"];
    let values: Vec<String> = names.iter().map(|name| event(name)).collect();

    lodger.write(&values);
    eventually("all to be committed", || lodger.committed() == 7);

    let letters = lodger.topics.drain(&lodger.pipes.dead_letters);
    let offsets: Vec<_> = letters
        .iter()
        .map(|letter| header(letter, "greenroom.source.offset").expect("an offset"))
        .collect();
    assert_eq!(
        offsets,
        ["1", "3", "5"],
        "each poison record is one dead letter"
    );
    for letter in &letters {
        assert_eq!(header(letter, "greenroom.error.type"), Some("poison"));
        assert_eq!(header(letter, "greenroom.attempts"), Some("3"));
    }
    let detail = header(&letters[0], "greenroom.error.detail").expect("a detail");
    assert!(
        detail.contains(".rs:"),
        "P10: where it panicked, and nothing else: {detail}"
    );
    assert_eq!(
        lodger.users(),
        ["a", "b", "c", "d"],
        "its neighbours go on in order"
    );
    assert_eq!(
        lodger.restarts("transformer-0"),
        9,
        "three for each, none counted"
    );
    lodger.move_out();
}
