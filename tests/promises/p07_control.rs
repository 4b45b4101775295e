//! P7: what an administrator may ask for over HTTP, and that it costs nothing.

use std::collections::BTreeSet;

use greenroom::generator::{Generator, Kind, Profile};
use serde_json::Value;

use crate::harness::{
    ADMIN_TOKEN, Broker, Evidence, Pipes, Service, Settings, Topics, eventually, feed,
};

const PARTITIONS: usize = 4;

struct House {
    topics: Topics,
    pipes: Pipes,
    settings: Settings,
}

fn house() -> House {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, PARTITIONS as i32);
    let settings = Settings::logins(broker, &pipes).with("GREENROOM_ADMIN_TOKEN", ADMIN_TOKEN);
    House {
        topics,
        pipes,
        settings,
    }
}

impl House {
    fn feed(&self, records: usize) {
        let mut usual = Generator::new(Profile::new(Kind::Usual, 7));
        feed(&self.topics, &self.pipes, records, &mut usual);
    }

    fn wait_until_committed(&self, records: usize) {
        eventually("all to be committed", || {
            self.topics.committed(&self.pipes.group, &self.pipes.input) == records as i64
        });
    }

    fn evidence(&self) -> Evidence {
        Evidence::gather(&self.topics, &self.pipes)
    }
}

/// The partitions that a service owns, and whether each is paused.
fn partitions(service: &Service) -> Vec<(i64, bool)> {
    let status = service.status();
    let partitions = status["partitions"].as_array().cloned().unwrap_or_default();
    let read = |of: &Value| Some((of["partition"].as_i64()?, of["paused"].as_bool()?));
    partitions.iter().filter_map(read).collect()
}

fn restarts(service: &Service, actor: &str) -> u64 {
    let status = service.status();
    let mut actors = status["actors"].as_array().into_iter().flatten();
    let found = actors.find(|of| of["name"] == actor);
    found.and_then(|of| of["restarts"].as_u64()).unwrap_or(0)
}

fn wait_until_paused(service: &Service, owned: usize) {
    eventually("its partitions to be paused", || {
        let partitions = partitions(service);
        partitions.len() == owned && partitions.iter().all(|(_, paused)| *paused)
    });
    assert_eq!(service.status()["state"], "paused");
    assert_eq!(service.get("/readyz").0, 200, "a pause is no failure");
}

/// The other one works all the while: what it has done by its time, the paused one has not.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_a_pause_outlives_a_restart_and_a_rebalance_and_loses_nothing() {
    let house = house();
    let service = Service::ready(&house.settings);
    house.feed(1_000);
    house.wait_until_committed(1_000);
    assert_eq!(service.tell("/api/pause", "").0, 200);
    wait_until_paused(&service, PARTITIONS);
    house.feed(1_000);
    assert_eq!(service.tell("/api/actors/consumer/restart", "").0, 202);
    eventually("the new consumer", || restarts(&service, "consumer") == 1);
    wait_until_paused(&service, PARTITIONS);

    let mut other = Service::ready(&house.settings);
    house.wait_until_committed(1_500);
    wait_until_paused(&service, PARTITIONS / 2);
    let committed = house
        .topics
        .committed_each(&house.pipes.group, &house.pipes.input);
    for (paused, _) in partitions(&service) {
        assert_eq!(committed[paused as usize], 250, "nothing more was read");
    }
    assert_eq!(service.number("/records/consumed"), 1_000);
    assert_eq!(other.terminate().code(), Some(0));
    wait_until_paused(&service, PARTITIONS);

    assert_eq!(service.tell("/api/resume", "").0, 200);
    house.wait_until_committed(2_000);
    assert_eq!(service.status()["state"], "running");
    drop(service);
    let evidence = house.evidence();
    evidence.assert_nothing_lost();
    evidence.assert_no_duplicate();
    evidence.assert_in_order();
}

/// No restart is borne here but those that are asked for.
fn restart_each(delivery: &str) -> Evidence {
    const RECORDS: usize = 20_000;
    let mut house = house();
    house.settings = house
        .settings
        .with("GREENROOM_DELIVERY", delivery)
        .with("GREENROOM_RESTART_LIMIT", "0")
        .with("GREENROOM_IN_FLIGHT_BYTES", "1MiB");
    let service = Service::ready(&house.settings);
    let (code, names) = service.tell("/api/actors/nobody/restart", "");
    assert_eq!(code, 404);
    let status = service.status();
    let actors = status["actors"].as_array().expect("actors");
    let actors: BTreeSet<_> = actors.iter().filter_map(|of| of["name"].as_str()).collect();
    assert!(actors.iter().all(|name| names.contains(name)), "{names}");

    let rounds = 2 * (actors.len() - 1);
    for actor in actors
        .iter()
        .chain(&actors)
        .filter(|of| **of != "supervisor")
    {
        let before = restarts(&service, actor);
        house.feed(RECORDS / rounds);
        let path = format!("/api/actors/{actor}/restart");
        assert_eq!(service.tell(&path, "").0, 202, "{actor}");
        eventually("the replacement", || restarts(&service, actor) > before);
    }
    house.wait_until_committed(RECORDS / rounds * rounds);
    assert_eq!(service.metric("greenroom_escalations_total"), 0);
    let metrics = service.get("/metrics").1;
    let restarts = metrics
        .lines()
        .filter(|line| line.starts_with("greenroom_actor_restarts"));
    let others: Vec<_> = restarts
        .filter(|of| !of.contains("exit=\"asked\""))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    drop(service);
    house.evidence()
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_every_actor_is_restarted_by_its_name_in_mid_stream_and_nothing_is_lost() {
    let evidence = restart_each("at-least-once");
    evidence.assert_nothing_lost();
    evidence.assert_in_order();
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p12_every_actor_is_restarted_by_its_name_and_each_input_has_one_result() {
    let evidence = restart_each("exactly-once");
    evidence.assert_nothing_lost();
    evidence.assert_no_duplicate();
    evidence.assert_in_order();
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_chaos_restarts_actors_and_nothing_is_lost() {
    let house = house();
    let service = Service::ready(&house.settings);
    house.feed(5_000);
    let args = ["chaos", "--count", "5", "--every", "1"];
    let output = service.beside(&house.settings, &args);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8_lossy(&output.stdout).lines().count();
    assert_eq!(told, 5, "nobody was about to end");
    house.feed(5_000);
    house.wait_until_committed(10_000);
    drop(service);
    let evidence = house.evidence();
    evidence.assert_nothing_lost();
    evidence.assert_in_order();
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn what_is_logged_is_changed_while_it_runs() {
    let service = Service::ready(&house().settings);
    let (code, allowed) = service.tell("/api/log-level", "greenroom=loud");
    assert_eq!(code, 400);
    assert!(allowed.contains("info,greenroom=debug"), "{allowed}");
    for (directives, control) in [("warn", "/api/pause"), ("info", "/api/resume")] {
        assert_eq!(service.tell("/api/log-level", directives).0, 200);
        assert_eq!(service.tell(control, "").0, 200);
    }
    let messages = service.messages();
    let logged = |word: &str| messages.iter().any(|message| message.contains(word));
    assert!(!logged("paused"), "{messages:?}");
    assert!(logged("resumed"), "{messages:?}");
}
