//! The harness itself: what a promise's test takes for granted.

use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use super::{Broker, Topics, eventually};

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn harness_starts_a_real_broker() {
    let topics = Topics::of(Broker::shared());
    let topic = topics.create("pass-through", 2);
    let origin = OwnedHeaders::new().insert(Header {
        key: "origin",
        value: Some("test"),
    });
    topics.produce([
        BaseRecord::to(&topic)
            .partition(1)
            .key(b"a".as_slice())
            .payload(b"first".as_slice())
            .timestamp(1_694_479_551_000)
            .headers(origin),
        BaseRecord::to(&topic).partition(1).key(b"a".as_slice()),
    ]);

    let records = topics.drain(&topic);

    assert_eq!(records.len(), 2);
    assert_eq!(records[0].key(), Some(b"a".as_slice()));
    assert_eq!(records[0].payload(), Some(b"first".as_slice()));
    assert_eq!(records[0].timestamp().to_millis(), Some(1_694_479_551_000));
    let headers = records[0].headers().expect("the header came through");
    assert_eq!(headers.get(0).value, Some(b"test".as_slice()));
    assert_eq!((records[1].partition(), records[1].offset()), (1, 1));
    assert_eq!(records[1].payload(), None, "a tombstone");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn harness_keeps_a_killed_nodes_data() {
    let mut broker = Broker::start(1);
    let topics = Topics::of(&broker);
    let topic = topics.create("survivor", 1);
    fill(&topics, &topic, 1000);

    broker.kill(0);
    assert!(!broker.is_ready(0), "a dead node answers nobody");
    broker.restart(0);

    fill(&topics, &topic, 1);
    assert_eq!(topics.drain(&topic).len(), 1001);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn harness_freezes_and_thaws_a_node() {
    let mut broker = Broker::start(1);
    let topics = Topics::of(&broker);
    let topic = topics.create("frozen", 1);
    fill(&topics, &topic, 1);

    broker.freeze(0);
    assert!(!broker.is_ready(0), "a frozen node answers nobody");
    broker.thaw(0);

    eventually("the thawed node", || broker.is_ready(0));
    assert_eq!(topics.drain(&topic).len(), 1);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn harness_writes_on_when_one_of_three_nodes_dies() {
    let mut broker = Broker::start(3);
    let topics = Topics::of(&broker);
    let topic = topics.create("replicated", 6);
    fill(&topics, &topic, 600);

    broker.kill(1);
    fill(&topics, &topic, 600);
    assert_eq!(topics.drain(&topic).len(), 1200);

    broker.restart(1);
    eventually("three nodes again", || {
        (0..3).all(|node| broker.is_ready(node))
    });
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn harness_lets_a_test_override_server_properties() {
    let broker = Broker::start_with(1, &[("auto.create.topics.enable", "true")]);
    let topics = Topics::of(&broker);

    fill(&topics, "never-created", 1);

    assert_eq!(topics.drain("never-created").len(), 1);
}

fn fill(topics: &Topics, topic: &str, records: usize) {
    let payloads: Vec<String> = (0..records).map(|number| number.to_string()).collect();
    topics.produce(
        payloads
            .iter()
            .map(|payload| BaseRecord::to(topic).payload(payload.as_bytes())),
    );
}
