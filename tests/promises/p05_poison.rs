//! P5: a record that panics or hangs its worker fails alone.

use std::time::Duration;

use greenroom::topology::Sabotage;
use rdkafka::message::Message;
use rdkafka::producer::BaseRecord;

use crate::harness::{
    Broker, Lodger, Pipes, Service, Settings, Terms, Topics, eventually, header, noise,
};

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

/// The event fits the input; with what the pipeline adds it fits no topic any more, and neither
/// does its dead letter.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p5_an_output_too_large_for_its_topic_fails_alone() {
    too_large("at-least-once");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p5_p12_an_output_too_large_for_its_topic_costs_its_transaction_only() {
    assert_eq!(too_large("exactly-once"), 2, "outputs that are seen");
}

fn too_large(delivery: &str) -> usize {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    let frame = event("").len();
    let large = event(&noise(1_048_400 - frame));
    topics.produce(
        [&event("before"), &large, &event("after")]
            .map(|value| BaseRecord::<[u8], [u8]>::to(&pipes.input).payload(value.as_bytes())),
    );
    let settings = Settings::logins(broker, &pipes).with("GREENROOM_DELIVERY", delivery);
    let service = Service::ready(&settings);
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == 3
    });
    drop(service);

    let letters = topics.drain(&pipes.dead_letters);
    assert_eq!(letters.len(), 1);
    assert_eq!(
        header(&letters[0], "greenroom.error.type"),
        Some("too_large")
    );
    assert_eq!(letters[0].payload(), None, "it fits no topic");
    let omitted = large.len().to_string();
    assert_eq!(
        header(&letters[0], "greenroom.value.omitted"),
        Some(omitted.as_str())
    );
    let outputs = topics.drain(&pipes.output);
    let found = |user: &str| {
        let user = format!("\"user_id\":\"{user}\"");
        let holds = |value: &[u8]| {
            value
                .windows(user.len())
                .any(|part| part == user.as_bytes())
        };
        outputs
            .iter()
            .position(|record| holds(record.payload().expect("a value")))
    };
    assert!(
        found("before") < found("after"),
        "its neighbours go on in order"
    );
    assert!(found("before").is_some());
    outputs.len()
}
