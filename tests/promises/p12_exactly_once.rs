//! P12: a read_committed reader sees each input's result once, over all output topics together and
//! in order, whatever dies. Summaries are cumulative, so they may say a thing twice.

use crate::harness::{Broker, Evidence, Pipes, Service, Settings, Topics, eventually, feed_mixed};

const PARTITIONS: i32 = 8;

/// Exactly-once under this name. The group waits for a killed member as long as its session lasts,
/// and everybody for its transaction until that times out, or somebody of its name begins.
fn settings(broker: &Broker, pipes: &Pipes, instance: &str) -> Settings {
    Settings::logins(broker, pipes)
        .with("GREENROOM_DELIVERY", "exactly-once")
        .with("GREENROOM_INSTANCE", instance)
        .with("GREENROOM_KAFKA_PRODUCER_TRANSACTION_TIMEOUT_MS", "10000")
        .missed_soon()
}

/// At a start nobody has sent anything before: what waits until the id is taken goes into the first
/// transaction.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p12_no_transaction_is_aborted_at_a_start() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    for start in 1..=3 {
        feed_mixed(&topics, &pipes, 5_000);
        let mut service = Service::start(&settings(broker, &pipes, "restarted"));
        topics.wait_for_all(&pipes);
        let ended = service.status()["transactions"]["ended"].clone();
        let ended = ended.as_object().expect("outcomes by their names");
        assert_eq!(ended.keys().collect::<Vec<_>>(), ["committed"], "{start}");
        assert_eq!(service.terminate().code(), Some(0));
    }
}

/// What it had in a transaction when it froze, others have done since.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p12_nothing_of_an_instance_that_was_frozen_beyond_its_session_becomes_visible() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    feed_mixed(&topics, &pipes, 20_000);
    let slow = settings(broker, &pipes, "frozen").with("GREENROOM_COMMIT_INTERVAL", "4s");
    let mut frozen = Service::start(&slow);
    eventually("results in an open transaction", || {
        topics.written(&pipes.output) > 1000
    });
    frozen.signal("STOP");
    let seen = topics.drain(&pipes.output);
    assert!(seen.is_empty(), "it was frozen too late");
    let mut heir = Service::start(&settings(broker, &pipes, "heir"));
    topics.wait_for_all(&pipes);
    Evidence::assert_exactly_once(&topics, &pipes);

    frozen.wake();
    feed_mixed(&topics, &pipes, 5_000);
    topics.wait_for_all(&pipes);
    for service in [&mut frozen, &mut heir] {
        assert_eq!(service.terminate().code(), Some(0));
    }
    Evidence::assert_exactly_once(&topics, &pipes);
}
