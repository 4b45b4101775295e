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
    // One transaction may be aborted already: what was sent before the broker was asked what is
    // committed is read again.
    eventually("results in an open transaction", || {
        let decided: i64 = topics.ends(&pipes.output).iter().sum();
        topics.written(&pipes.output) - decided > 1000
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
