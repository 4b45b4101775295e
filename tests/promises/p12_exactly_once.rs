//! P12: a read_committed reader sees each input's result once, over all output topics together and
//! in order, whatever dies. Summaries are cumulative, so they may say a thing twice.

use std::collections::VecDeque;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use greenroom::generator::{Generator, Kind, Profile};

use crate::harness::{Broker, Evidence, Pipes, Service, Settings, Topics, eventually, feed};
use crate::storm::scaled;

const PARTITIONS: i32 = 8;

/// Exactly-once under this name. The group waits for a killed member as long as its session lasts,
/// and everybody for its transaction until that times out, or somebody of its name begins.
fn settings(broker: &Broker, pipes: &Pipes, instance: &str) -> Settings {
    Settings::logins(broker, pipes)
        .with("GREENROOM_DELIVERY", "exactly-once")
        .with("GREENROOM_INSTANCE", instance)
        .with("GREENROOM_KAFKA_PRODUCER_TRANSACTION_TIMEOUT_MS", "10000")
        .with("GREENROOM_KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "6000")
        .with("GREENROOM_KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS", "1000")
}

fn feed_some(topics: &Topics, pipes: &Pipes, count: usize, seed: u64) {
    let mut usual = Generator::new(Profile::new(Kind::Usual, seed));
    let mut hostile = Generator::new(Profile::new(Kind::Hostile, seed));
    feed(topics, pipes, count - count / 20, &mut usual);
    feed(topics, pipes, count / 20, &mut hostile);
}

fn wait_for_all(topics: &Topics, pipes: &Pipes) {
    let fed: i64 = topics.ends(&pipes.input).iter().sum();
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == fed
    });
}

/// Behind a transaction that a dead instance has left, results are seen when the broker has ended
/// it.
fn assert_exactly_once(topics: &Topics, pipes: &Pipes) {
    let mut gathered = None;
    eventually("all results to be seen", || {
        let evidence = gathered.insert(Evidence::gather(topics, pipes));
        evidence.results().len() == evidence.inputs.len()
    });
    let evidence = gathered.expect("it was gathered");
    evidence.assert_no_duplicate();
    evidence.assert_in_order();
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p12_each_result_is_seen_once_through_kills_and_rebalances() {
    let records = scaled(300_000);
    let kills = scaled(30).max(3);
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let mut rng = SmallRng::seed_from_u64(12);
    let mut names = VecDeque::from(["first", "second"]);
    let mut services: Vec<(&str, Service)> = Vec::new();
    let share = records / (kills + 1);
    for round in 0..=kills {
        feed_some(&topics, &pipes, share, round as u64);
        // One or two instances: the second joins and leaves all the while.
        while services.len() < rng.random_range(1..=2) {
            let name = names.pop_front().expect("there are two");
            services.push((name, Service::start(&settings(broker, &pipes, name))));
        }
        let before = topics.committed(&pipes.group, &pipes.input);
        let some = rng.random_range(1..share as i64 / 2);
        eventually("progress", || {
            topics.committed(&pipes.group, &pipes.input) > before + some
        });
        let (name, mut service) = services.swap_remove(rng.random_range(0..services.len()));
        if round < kills {
            service.kill();
        } else {
            assert_eq!(service.terminate().code(), Some(0));
        }
        names.push_front(name);
    }
    if services.is_empty() {
        services.push((
            names[0],
            Service::start(&settings(broker, &pipes, names[0])),
        ));
    }
    wait_for_all(&topics, &pipes);
    for (_, mut service) in services {
        assert_eq!(service.terminate().code(), Some(0));
    }
    assert_exactly_once(&topics, &pipes);
}

/// What it had in a transaction when it froze, others have done since.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p12_nothing_of_an_instance_that_was_frozen_beyond_its_session_becomes_visible() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    feed_some(&topics, &pipes, 20_000, 1);
    let slow = settings(broker, &pipes, "frozen").with("GREENROOM_COMMIT_INTERVAL", "4s");
    let mut frozen = Service::start(&slow);
    eventually("results in an open transaction", || {
        topics.written(&pipes.output) > 1000
    });
    frozen.signal("STOP");
    let seen = topics.ends(&pipes.output).iter().sum::<i64>();
    assert_eq!(seen, 0, "it was frozen too late");
    let mut heir = Service::start(&settings(broker, &pipes, "heir"));
    wait_for_all(&topics, &pipes);
    assert_exactly_once(&topics, &pipes);

    frozen.signal("CONT");
    eventually("it to notice", || {
        frozen.log().contains("partitions were lost")
    });
    feed_some(&topics, &pipes, 5_000, 2);
    wait_for_all(&topics, &pipes);
    for service in [&mut frozen, &mut heir] {
        assert_eq!(service.terminate().code(), Some(0));
    }
    assert_exactly_once(&topics, &pipes);
}
