//! P1, P2 and P8 while members come and go in good order, by each of the group's protocols:
//! nothing is lost, nothing comes twice, order holds.

use greenroom::generator::{Generator, Kind, Profile};

use crate::harness::{Broker, Evidence, Pipes, Service, Settings, Topics, eventually, feed};

const RECORDS: i64 = 40_000;

fn come_and_go(settings: impl Fn(Settings, usize) -> Settings) {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 6);
    let start = |number| {
        let common = Settings::logins(broker, &pipes).with("GREENROOM_IN_FLIGHT_BYTES", "1MiB");
        Service::ready(&settings(common, number))
    };
    let owned = |service: &Service| {
        let status = service.status();
        status["partitions"].as_array().map_or(0, Vec::len)
    };
    let mut usual = Generator::new(Profile::new(Kind::Usual, 2));
    feed(&topics, &pipes, RECORDS as usize / 2, &mut usual);

    let first = start(1);
    let mut second = start(2);
    eventually("both to own partitions", || {
        owned(&first) == 3 && owned(&second) == 3
    });
    feed(&topics, &pipes, RECORDS as usize / 2, &mut usual);
    eventually("the second to work", || {
        second.number("/records/produced") > 0
    });
    assert_eq!(second.terminate().code(), Some(0));
    eventually("the rest", || {
        topics.committed(&pipes.group, &pipes.input) == RECORDS
    });
    drop(first);

    let evidence = Evidence::gather(&topics, &pipes);
    evidence.assert_nothing_lost();
    evidence.assert_no_duplicate();
    evidence.assert_in_order();
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_cooperative_members_come_and_go() {
    come_and_go(|settings, _| settings);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_members_by_the_brokers_own_protocol_come_and_go() {
    come_and_go(|settings, _| settings.with("GREENROOM_KAFKA_CONSUMER_GROUP_PROTOCOL", "consumer"));
}

/// A static member that leaves keeps its partitions until its session ends: it is expected back.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_static_members_come_and_go() {
    come_and_go(|settings, number| {
        settings
            .with("GREENROOM_STATIC_MEMBERSHIP", "true")
            .with("GREENROOM_INSTANCE", &format!("instance-{number}"))
            .with("GREENROOM_KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "6000")
            .with("GREENROOM_KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS", "1000")
    });
}
