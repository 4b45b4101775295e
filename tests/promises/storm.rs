//! Long storms, at the scale of `GREENROOM_STORM_SCALE` (1 is full; `.ci/storm SCALE` sets it).

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use greenroom::generator::{Generator, Kind, Profile};

use crate::harness::{
    Broker, Evidence, Id, Pipes, Service, Settings, Topics, eventually, feed, id_of,
};

const PARTITIONS: i32 = 8;

/// So many of `full`, at least one.
pub fn scaled(full: usize) -> usize {
    let scale = std::env::var("GREENROOM_STORM_SCALE").ok();
    let scale: f64 = scale.map_or(0.1, |text| text.parse().expect("a number"));
    ((full as f64 * scale).ceil() as usize).max(1)
}

/// What was committed at some moment, and how far the output topics were right after it.
struct Snapshot {
    committed: Vec<i64>,
    ends: [Vec<i64>; 2],
}

impl Snapshot {
    fn take(topics: &Topics, pipes: &Pipes) -> Snapshot {
        let committed = topics.committed_each(&pipes.group, &pipes.input);
        Snapshot {
            committed,
            ends: [topics.ends(&pipes.output), topics.ends(&pipes.dead_letters)],
        }
    }

    /// P1: what was committed then had its result then.
    fn assert_acknowledged(&self, evidence: &Evidence) {
        let mut had: std::collections::HashSet<Id> = std::collections::HashSet::new();
        let sides = [&evidence.outputs, &evidence.dead_letters];
        for (records, ends) in sides.into_iter().zip(&self.ends) {
            let before = records.iter().filter(|record| {
                use rdkafka::Message;
                record.offset() < ends[record.partition() as usize]
            });
            had.extend(before.filter_map(id_of));
        }
        for (partition, committed) in self.committed.iter().enumerate() {
            for place in 0..*committed {
                let id = (partition as i32, place);
                assert!(
                    had.contains(&id),
                    "{id:?} was committed and not acknowledged"
                );
            }
        }
    }
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p1_p2_kills_and_rebalances_lose_nothing_and_keep_order() {
    let records = scaled(200_000);
    let kills = scaled(10).max(3);
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS);
    let mut rng = SmallRng::seed_from_u64(20_26);
    // The group waits for a killed member as long as its session lasts.
    let settings = Settings::logins(broker, &pipes)
        .with("GREENROOM_IN_FLIGHT_BYTES", "2MiB")
        .with("GREENROOM_KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "6000")
        .with("GREENROOM_KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS", "1000");
    let mut services = vec![Service::start(&settings)];
    let mut snapshots = Vec::new();

    let share = records / (kills + 1);
    for round in 0..=kills {
        let mut usual = Generator::new(Profile::new(Kind::Usual, round as u64));
        let mut hostile = Generator::new(Profile::new(Kind::Hostile, round as u64));
        feed(&topics, &pipes, share - share / 20, &mut usual);
        feed(&topics, &pipes, share / 20, &mut hostile);
        let before: i64 = topics.committed(&pipes.group, &pipes.input);
        eventually("progress", || {
            topics.committed(&pipes.group, &pipes.input) > before
        });
        let victim = rng.random_range(0..services.len());
        let mut service = services.swap_remove(victim);
        if round < kills {
            service.kill();
            snapshots.push(Snapshot::take(&topics, &pipes));
        }
        // One to three instances: the second and third join and leave all the while.
        while services.len() < rng.random_range(1..=3) {
            services.push(Service::start(&settings));
        }
    }
    let fed: i64 = topics.ends(&pipes.input).iter().sum();
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == fed
    });
    for mut service in services {
        assert_eq!(service.terminate().code(), Some(0));
    }

    let evidence = Evidence::gather(&topics, &pipes);
    evidence.assert_nothing_lost();
    evidence.assert_in_order();
    snapshots
        .iter()
        .for_each(|snapshot| snapshot.assert_acknowledged(&evidence));
}
