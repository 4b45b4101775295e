//! P1, P2 and P8 while members come and go in good order, by each of the group's protocols:
//! nothing is lost, nothing comes twice, order holds.

use greenroom::generator::{Generator, Kind, Profile};

use crate::harness::{Broker, Evidence, Pipes, Service, Settings, Topics, eventually, feed};

const RECORDS: i64 = 40_000;

/// Says how many rebalances the one that stayed has seen.
fn come_and_go(settings: impl Fn(Settings, usize) -> Settings) -> u64 {
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
    eventually("the first to own all", || owned(&first) == 6);
    let rebalances = first.metric("greenroom_rebalances_total");
    drop(first);

    let evidence = Evidence::gather(&topics, &pipes);
    evidence.assert_nothing_lost();
    evidence.assert_no_duplicate();
    evidence.assert_in_order();
    rebalances
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_cooperative_members_come_and_go() {
    come_and_go(|settings, _| settings);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_eager_members_come_and_go() {
    let strategy = "GREENROOM_KAFKA_CONSUMER_PARTITION_ASSIGNMENT_STRATEGY";
    let rebalances = come_and_go(|settings, _| settings.with(strategy, "range"));
    assert_eq!(
        rebalances, 3,
        "its own coming, the other's, the other's going"
    );
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
            .missed_soon()
    });
}

/// Who was killed is taken for alive until its session ends. By the classic protocol its successor
/// takes its place; by the brokers' own it has to wait for that.
fn back_after_kill_9(settings: impl Fn(Settings) -> Settings) {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 2);
    let settings = settings(Settings::logins(broker, &pipes))
        .with("GREENROOM_STATIC_MEMBERSHIP", "true")
        .with("GREENROOM_INSTANCE", "the-same");
    let mut usual = Generator::new(Profile::new(Kind::Usual, 6));
    for round in 1..=2 {
        let mut service = Service::start(&settings);
        feed(&topics, &pipes, 1000, &mut usual);
        eventually("all to be committed", || {
            topics.committed(&pipes.group, &pipes.input) == 1000 * round
        });
        service.kill();
    }
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_a_static_member_is_back_after_kill_9() {
    back_after_kill_9(|settings| settings);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_a_static_member_by_the_brokers_own_protocol_is_back_after_kill_9() {
    back_after_kill_9(|settings| {
        settings.with("GREENROOM_KAFKA_CONSUMER_GROUP_PROTOCOL", "consumer")
    });
}

/// Each new client of the one takes the place of the other's, so neither would ever work: who is
/// fenced twice goes, and names the twin. The other carries on.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p3_of_two_instances_with_one_name_one_goes_and_says_why() {
    twins(|settings| settings.with("GREENROOM_STATIC_MEMBERSHIP", "true"));
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p12_of_two_instances_with_one_transactional_id_one_goes_and_says_why() {
    twins(|settings| {
        settings
            .with("GREENROOM_DELIVERY", "exactly-once")
            .missed_soon()
    });
}

fn twins(fencing: impl Fn(Settings) -> Settings) {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 2);
    let settings = Settings::logins(broker, &pipes).with("GREENROOM_INSTANCE", "twin");
    let settings = fencing(settings);
    let mut first = Service::ready(&settings);
    let mut second = Service::start(&settings);
    let mut usual = Generator::new(Profile::new(Kind::Usual, 3));
    let mut codes = [None, None];
    eventually("one of the two to go", || {
        // Who has nothing to write does not hear that another has its transactional id.
        feed(&topics, &pipes, 100, &mut usual);
        codes = [first.ended(), second.ended()];
        codes.iter().any(Option::is_some)
    });
    let (gone, survivor) = match codes {
        [Some(code), None] => ((code, first), second),
        [None, Some(code)] => ((code, second), first),
        both => panic!("only one has to go: {both:?}"),
    };
    assert_eq!(gone.0.code(), Some(1));
    let log = gone.1.log();
    let last = log.lines().last().expect("a last line");
    assert!(last.contains("GREENROOM_INSTANCE set to `twin`"), "{last}");

    let fed: i64 = topics.ends(&pipes.input).iter().sum();
    eventually("the other to carry on", || {
        topics.committed(&pipes.group, &pipes.input) == fed
    });
    drop(survivor);
    Evidence::gather(&topics, &pipes).assert_nothing_lost();
}

fn transacting(settings: Settings, number: usize) -> Settings {
    settings
        .with("GREENROOM_DELIVERY", "exactly-once")
        .with("GREENROOM_INSTANCE", &format!("instance-{number}"))
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_p12_cooperative_members_come_and_go_with_their_transactions() {
    come_and_go(transacting);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_p12_members_by_the_brokers_own_protocol_come_and_go_with_their_transactions() {
    come_and_go(|settings, number| {
        transacting(settings, number).with("GREENROOM_KAFKA_CONSUMER_GROUP_PROTOCOL", "consumer")
    });
}
