//! P8: an orderly stop leaves nothing behind and no duplicate.

use greenroom::generator::{Generator, Kind, Profile};
use greenroom::kafka::EmbeddedBroker;

use crate::harness::{
    Broker, Evidence, Pipes, Program, Service, Settings, Topics, eventually, feed,
};

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p8_sigterm_in_mid_stream_leaves_no_duplicate() {
    const RECORDS: usize = 60_000;
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 4);
    feed(
        &topics,
        &pipes,
        RECORDS,
        &mut Generator::new(Profile::new(Kind::Usual, 8)),
    );
    let settings = Settings::logins(broker, &pipes).with("GREENROOM_IN_FLIGHT_BYTES", "1MiB");

    for round in 1..=3 {
        let mut service = Service::start(&settings);
        eventually("some records", || {
            service.number("/records/produced") > 500 * round
        });
        let ended = service.terminate();
        assert_eq!(ended.code(), Some(0), "drained");
    }
    let service = Service::ready(&settings);
    eventually("the rest", || {
        topics.committed(&pipes.group, &pipes.input) == RECORDS as i64
    });
    drop(service);

    let evidence = Evidence::gather(&topics, &pipes);
    evidence.assert_nothing_lost();
    evidence.assert_no_duplicate();
    evidence.assert_in_order();
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p8_a_service_without_a_broker_ends_when_it_is_told_to() {
    let broker = Broker::shared();
    let pipes = Pipes::lay(&Topics::of(broker), 1);
    let settings = Settings::logins(broker, &pipes).with("KAFKA_BROKERS", "127.0.0.1:9");
    let mut service = Service::start(&settings);
    eventually("the probe to name the address", || {
        let (code, reasons) = service.get("/readyz");
        code == 503 && reasons.contains("127.0.0.1:9")
    });
    assert_eq!(service.get("/healthz").0, 200);
    assert_eq!(service.terminate().code(), Some(0));
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p8_a_drain_that_misses_its_deadline_names_what_is_unsettled() {
    let mut broker = Broker::start(1);
    let topics = Topics::of(&broker);
    let pipes = Pipes::lay(&topics, 1);
    let settings = Settings::logins(&broker, &pipes)
        .with("GREENROOM_DRAIN_TIMEOUT", "1s")
        .with("GREENROOM_IN_FLIGHT_BYTES", "1MiB");
    let mut usual = Generator::new(Profile::new(Kind::Usual, 8));
    feed(&topics, &pipes, 50_000, &mut usual);
    let mut service = Service::start(&settings);
    eventually("some records", || service.number("/records/produced") > 0);
    broker.freeze(0);
    assert_eq!(service.terminate().code(), Some(1));

    let log = service.log();
    let last = log.lines().last().expect("a last line");
    let unsettled = format!("unsettled: {}/0 from ", pipes.input);
    assert!(last.contains(&unsettled), "{last}");
}

#[test]
fn p8_a_generator_that_waits_for_a_broker_ends_at_ctrl_c_and_counts_what_is_undelivered() {
    let broker = EmbeddedBroker::start(1).expect("the embedded broker starts");
    let topics = Topics::at(&broker.bootstrap());
    let generate = |topic: &str, more: &[&str]| {
        broker.create_topic(topic, 1).expect("a new topic");
        let args = [&["generate", "--topic", topic, "--rate", "500"], more].concat();
        let generator = Program::start(&args, &[("KAFKA_BROKERS", &broker.bootstrap())]);
        eventually("it to send", || topics.ends(topic)[0] > 0);
        generator
    };
    let endless = generate("endless", &[]);
    let counted = generate("counted", &["--count", "3000"]);
    let down = broker.cluster().broker_down(1);
    down.expect("the broker can be stopped");

    endless.signal("INT");
    for mut generator in [endless, counted] {
        eventually("it to wait for the broker", || {
            generator.errors().contains("events to be acknowledged")
        });
        generator.signal("INT");
        assert_eq!(generator.end().code(), Some(1));
        let errors = generator.errors();
        let last = errors.lines().last().expect("a last line");
        // A wait that went on to its own end would be named behind that.
        assert!(last.contains("events were not delivered\""), "{last}");
        assert!(!last.contains("\"0 events"), "{last}");
    }
}
