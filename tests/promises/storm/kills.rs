//! Two instances that join, leave and are killed.

use std::collections::HashSet;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rdkafka::Message;

use super::{PARTITIONS, scaled, settings};
use crate::harness::{
    Broker, Evidence, Id, Pipes, Redis, Service, Settings, Topics, eventually, feed_mixed, id_of,
};
use crate::p11_exact_counts::assert_exact;

/// A pipeline and the instances that are at work on it just now.
struct Kills {
    settings: Settings,
    topics: Topics,
    pipes: Pipes,
    rng: SmallRng,
    services: Vec<(&'static str, Service)>,
    /// Names of instances that do not run, the last to go last.
    absent: Vec<&'static str>,
}

impl Kills {
    fn begin(delivery: &str, more: impl FnOnce(Settings) -> Settings) -> Kills {
        let broker = Broker::shared();
        let topics = Topics::of(broker);
        let pipes = Pipes::lay(&topics, PARTITIONS);
        Kills {
            settings: more(settings(broker, &pipes, delivery)),
            topics,
            pipes,
            rng: SmallRng::seed_from_u64(20_26),
            services: Vec::new(),
            absent: vec!["first", "second"],
        }
    }

    /// Kills so many instances in mid-stream, and tells of each when it is dead.
    fn rage(&mut self, mut after_each: impl FnMut(&Kills)) {
        let kills = scaled(30).max(3);
        let share = scaled(300_000) / kills;
        for _ in 0..kills {
            feed_mixed(&self.topics, &self.pipes, share);
            let wanted = self.rng.random_range(1..=2);
            self.have_instances(wanted);
            let some = self.rng.random_range(1..share as i64 / 2);
            self.work_on(some);
            self.take_one().kill();
            after_each(self);
        }
    }

    fn have_instances(&mut self, wanted: usize) {
        while self.services.len() < wanted {
            let name = self.absent.pop().expect("there are two");
            let settings = self.settings.clone().with("GREENROOM_INSTANCE", name);
            self.services.push((name, Service::start(&settings)));
        }
        while self.services.len() > wanted {
            assert_eq!(self.take_one().terminate().code(), Some(0));
        }
    }

    fn work_on(&self, records: i64) {
        let committed = || self.topics.committed(&self.pipes.group, &self.pipes.input);
        let before = committed();
        eventually("progress", || committed() > before + records);
    }

    fn take_one(&mut self) -> Service {
        let number = self.rng.random_range(0..self.services.len());
        let (name, service) = self.services.swap_remove(number);
        self.absent.push(name);
        service
    }

    /// What is left is worked off in peace, and all of it was counted.
    fn end(mut self) -> (Topics, Pipes) {
        self.have_instances(1);
        self.topics.wait_for_all(&self.pipes);
        assert_eq!(self.take_one().terminate().code(), Some(0));
        assert_exact(&self.topics, &self.pipes, &self.settings);
        (self.topics, self.pipes)
    }
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
        let mut had: HashSet<Id> = HashSet::new();
        let sides = [&evidence.outputs, &evidence.dead_letters];
        for (records, ends) in sides.into_iter().zip(&self.ends) {
            let before = records
                .iter()
                .filter(|record| record.offset() < ends[record.partition() as usize]);
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

fn at_least_once(more: impl FnOnce(Settings) -> Settings) {
    let mut kills = Kills::begin("at-least-once", more);
    let mut snapshots = Vec::new();
    kills.rage(|kills| snapshots.push(Snapshot::take(&kills.topics, &kills.pipes)));
    let (topics, pipes) = kills.end();
    let evidence = Evidence::gather(&topics, &pipes);
    evidence.assert_nothing_lost();
    evidence.assert_in_order();
    snapshots
        .iter()
        .for_each(|snapshot| snapshot.assert_acknowledged(&evidence));
}

fn exactly_once(more: impl FnOnce(Settings) -> Settings) {
    let mut kills = Kills::begin("exactly-once", more);
    kills.rage(|_| {});
    let (topics, pipes) = kills.end();
    Evidence::assert_exactly_once(&topics, &pipes);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p1_p2_p11_kills_and_rebalances_lose_nothing_and_keep_order() {
    at_least_once(|settings| settings);
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn storm_p1_p2_p11_kills_and_rebalances_lose_nothing_with_counts_in_redis() {
    let redis = Redis::start();
    at_least_once(|settings| settings.with_counts_in(&redis));
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p11_p12_each_result_is_seen_once_through_kills_and_rebalances() {
    exactly_once(|settings| settings);
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn storm_p11_p12_each_result_is_seen_and_counted_once_with_counts_in_redis() {
    let redis = Redis::start();
    exactly_once(|settings| settings.with_counts_in(&redis));
}
