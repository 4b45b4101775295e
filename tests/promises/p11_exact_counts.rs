//! P11: counts are exact, whatever dies in mid-stream.

use greenroom::counts::Snapshot;
use greenroom::generator::{Event, Generator, Kind, Profile};

use crate::harness::{Broker, Evidence, Pipes, Redis, Service, Settings, Topics, eventually, pour};
use crate::reference::{Counts, counts_of_logins};

const PARTITIONS: i32 = 4;
const RECORDS: usize = 40_000;

pub fn settings(broker: &Broker, pipes: &Pipes) -> Settings {
    // The group waits for a killed member as long as its session lasts.
    Settings::logins(broker, pipes)
        .with("GREENROOM_IN_FLIGHT_BYTES", "1MiB")
        .with("GREENROOM_COMMIT_INTERVAL", "100ms")
        .with("GREENROOM_KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "3000")
        .with("GREENROOM_KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS", "500")
}

/// So many usual events, and some of another kind, under a hundred keys.
fn fill(topics: &Topics, pipes: &Pipes, records: usize) {
    let seed = topics.ends(&pipes.input).iter().sum::<i64>().unsigned_abs();
    for (kind, share) in [
        (Kind::Usual, records - records / 20),
        (Kind::Sample, records / 20),
    ] {
        let mut generator = Generator::new(Profile::new(kind, seed));
        let events = (0..share).map(|n| {
            let mut event = Event::default();
            generator.fill(&mut event, 1_700_000_000);
            event.key = Some(format!("key-{}", n % 100).into());
            event
        });
        pour(topics, &pipes.input, events);
    }
}

/// Kills the service three times while it is at work, and lets a fourth finish. `between` comes in
/// the midst of the second's life, `after` after each death.
pub fn live_and_die(
    topics: &Topics,
    pipes: &Pipes,
    settings: &Settings,
    mut between: impl FnMut(),
    after: impl Fn(),
) {
    for round in 1..=3 {
        fill(topics, pipes, RECORDS / 4);
        let mut service = Service::start(settings);
        committed_more(topics, pipes);
        if round == 2 {
            between();
            fill(topics, pipes, RECORDS / 4);
            committed_more(topics, pipes);
        }
        service.kill();
        after();
    }
    let mut service = Service::start(settings);
    topics.wait_for_all(pipes);
    assert_eq!(service.terminate().code(), Some(0));
}

fn committed_more(topics: &Topics, pipes: &Pipes) {
    let before = topics.committed(&pipes.group, &pipes.input);
    eventually("commits", || {
        topics.committed(&pipes.group, &pipes.input) > before
    });
}

/// What `greenroom counts` reads from the store.
fn stored(settings: &Settings) -> Snapshot {
    let output = settings.run(&["counts", "--json"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    serde_json::from_slice(&output.stdout).expect("it is a snapshot")
}

/// All that went in is in the store, by the slow reference.
pub fn assert_exact(topics: &Topics, pipes: &Pipes, settings: &Settings) {
    let stored = stored(settings);
    let ends = stored.partitions.iter().map(|of| of.next_offset);
    assert_eq!(ends.collect::<Vec<i64>>(), topics.ends(&pipes.input));
    let expected = counts_of_logins(&topics.drain(&pipes.input));
    let counted = serde_json::to_value(&stored.counts).expect("counts are JSON");
    let differences = expected.differences(&Counts::read(&counted));
    assert_eq!(differences, [""; 0]);
}

/// Of every partition the counts end where the group's offsets do. Both are asked for where nobody
/// is at work, and wait for what was open.
fn assert_together(topics: &Topics, pipes: &Pipes, settings: &Settings) {
    let mut committed = Vec::new();
    eventually("the committed offsets", || {
        committed = topics.committed_each(&pipes.group, &pipes.input);
        !committed.is_empty()
    });
    let mut counted = vec![0; committed.len()];
    for of in stored(settings).partitions {
        counted[of.partition as usize] = of.next_offset;
    }
    assert_eq!(counted, committed);
}

pub fn exactly_once(settings: Settings) -> Settings {
    settings
        .with("GREENROOM_DELIVERY", "exactly-once")
        .with("GREENROOM_KAFKA_PRODUCER_TRANSACTION_TIMEOUT_MS", "10000")
}

/// Counts are in the transaction of the results and offsets that they belong to.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p12_counts_end_where_the_offsets_do_through_kill_9() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let settings = exactly_once(settings(broker, &pipes));
    let together = || assert_together(&topics, &pipes, &settings);
    live_and_die(&topics, &pipes, &settings, || {}, together);
    assert_together(&topics, &pipes, &settings);
    assert_exact(&topics, &pipes, &settings);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p11_counts_in_kafka_are_exact_after_kill_9() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let settings = settings(broker, &pipes);
    live_and_die(&topics, &pipes, &settings, || {}, || {});
    assert_exact(&topics, &pipes, &settings);
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn p11_counts_in_redis_are_exact_after_kill_9_of_either() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let mut redis = Redis::start();
    let settings = settings(broker, &pipes).with_counts_in(&redis);
    let restart = || {
        redis.kill();
        redis.launch();
    };
    live_and_die(&topics, &pipes, &settings, restart, || {});
    assert_exact(&topics, &pipes, &settings);
}

/// An instance is frozen with results written and counts in its hands, until the group has given its
/// partitions to another, which does them all. Then it goes on.
fn freeze(topics: &Topics, pipes: &Pipes, settings: impl Fn() -> Settings, interval: &str) {
    fill(topics, pipes, RECORDS);
    let zombie = settings().with("GREENROOM_INSTANCE", "zombie");
    let zombie = zombie.with("GREENROOM_COMMIT_INTERVAL", interval);
    let mut zombie = Service::start(&zombie);
    eventually("results of which nothing is committed", || {
        zombie.signal("STOP");
        let committed = topics.committed(&pipes.group, &pipes.input);
        let caught = topics.written(&pipes.output) > committed + 1000;
        if !caught {
            zombie.signal("CONT");
        }
        caught
    });
    let heir = settings().with("GREENROOM_INSTANCE", "heir");
    let _heir = Service::start(&heir);
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == RECORDS as i64
    });
    assert_exact(topics, pipes, &heir);

    zombie.wake();
    // Whatever it still had to write or to store is written and stored by then.
    assert_eq!(zombie.terminate().code(), Some(0));
    assert_eq!(
        topics.committed_each(&pipes.group, &pipes.input),
        topics.ends(&pipes.input)
    );
    assert_exact(topics, pipes, &heir);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p11_a_zombie_commits_nothing_and_changes_no_count_in_kafka() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    freeze(&topics, &pipes, || settings(broker, &pipes), "1m");
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn p11_a_zombie_commits_nothing_and_changes_no_count_in_redis() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let redis = Redis::start();
    let settings = || settings(broker, &pipes).with_counts_in(&redis);
    freeze(&topics, &pipes, settings, "1m");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p12_a_zombie_changes_no_count_by_its_transaction() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let settings = || exactly_once(settings(broker, &pipes));
    freeze(&topics, &pipes, settings, "4s");
    Evidence::gather(&topics, &pipes).assert_no_duplicate();
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn p12_a_zombie_of_exactly_once_changes_no_count_in_redis() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let redis = Redis::start();
    let settings = || exactly_once(settings(broker, &pipes).with_counts_in(&redis));
    freeze(&topics, &pipes, settings, "4s");
    Evidence::gather(&topics, &pipes).assert_no_duplicate();
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn p4_reading_stops_while_the_store_is_away_and_goes_on_by_itself() {
    const MORE: usize = 5_000;
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let mut redis = Redis::start();
    let settings = settings(broker, &pipes).with_counts_in(&redis);
    let mut service = Service::ready(&settings);
    redis.kill();
    fill(&topics, &pipes, RECORDS);
    eventually("the probe to name the store", || {
        let (code, reasons) = service.get("/readyz");
        code == 503 && reasons.contains("store")
    });
    // What is delivered would give its credit back, were its counts stored.
    let delivered = || -> i64 {
        let out = [&pipes.output, &pipes.dead_letters];
        out.iter().flat_map(|topic| topics.ends(topic)).sum()
    };
    eventually("all that was read to be delivered", || {
        let consumed = service.number("/records/consumed");
        consumed > 0 && delivered() == consumed as i64
    });
    let consumed = service.number("/records/consumed");
    fill(&topics, &pipes, MORE);
    assert_eq!(service.number("/records/consumed"), consumed);
    assert!(service.number("/records/in_flight_bytes") > 0);
    assert_eq!(topics.committed(&pipes.group, &pipes.input), 0);

    redis.launch();
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == (RECORDS + MORE) as i64
    });
    assert_eq!(service.get("/readyz").0, 200);
    assert_eq!(service.number("/actors/0/restarts"), 0);
    assert_eq!(service.terminate().code(), Some(0));
}
