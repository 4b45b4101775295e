//! Counts whose store goes away in mid-stream.

use super::steady::Steady;
use super::{DELIVERIES, outlast};
use crate::harness::{Broker, Redis, Topics};

fn all(houses: &[Steady], each: impl Fn(&Steady)) {
    houses.iter().for_each(each);
}

/// Redis writes every change to its file before it answers, so what it has said is kept.
#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn storm_p4_p11_redis_dies_and_comes_back_and_counts_stay_exact() {
    let mut redis = Redis::start_with(&["--appendfsync", "always"]);
    let broker = Broker::shared();
    let houses = DELIVERIES.map(|of| Steady::start(broker, of, |set| set.with_counts_in(&redis)));
    redis.kill();
    redis.launch();
    all(&houses, |house| house.goes_on("with Redis again"));
    redis.kill();
    outlast(60);
    all(&houses, |house| house.misses("store"));
    redis.launch();
    all(&houses, |house| house.goes_on("after a long time"));
    houses.into_iter().for_each(Steady::end);
}

/// The counts have one copy, on one node; all other topics have three.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p4_p11_the_broker_of_the_counts_is_away_and_they_stay_exact() {
    let mut broker = Broker::start(3);
    let houses = DELIVERIES.map(|of| {
        Steady::start(&broker, of, |settings| {
            settings.call(&["topics", "create", "--replication-factor", "1"]);
            settings
        })
    });
    let topics = Topics::of(&broker);
    for house in &houses {
        let node = topics.leader(&format!("{}-counts", house.pipes.group));
        broker.kill(node);
        outlast(60);
        house.misses("store");
        broker.restart(node);
        all(&houses, |house| house.goes_on("with their broker again"));
    }
    houses.into_iter().for_each(Steady::end);
}
