//! P6: rights that are missing are named at once, and nothing is lost for want of them.

use rdkafka::producer::BaseRecord;

use crate::harness::{
    Broker, On, Pipes, Right, Service, Settings, Topics, USER, eventually, grant,
};

const EVENT: &str = r#"{"user_id":"u","app_version":"2.3.0","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":1694479551}"#;

/// As the broker's one user.
fn settings(broker: &Broker, pipes: &Pipes, password: &str) -> Settings {
    Settings::logins(broker, pipes)
        .with("KAFKA_BROKERS", broker.guarded())
        .with("GREENROOM_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext")
        .with("GREENROOM_KAFKA_SASL_MECHANISM", "PLAIN")
        .with("GREENROOM_KAFKA_SASL_USERNAME", USER.0)
        .with("GREENROOM_KAFKA_SASL_PASSWORD", password)
}

/// Readiness fails with these words.
fn names(service: &Service, words: &str) {
    eventually(words, || {
        let (code, reasons) = service.get("/readyz");
        code == 503 && reasons.contains(words)
    });
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_what_is_missing_is_named_until_it_is_there() {
    let broker = Broker::start_guarded();
    let topics = Topics::of(&broker);
    let pipes = Pipes::lay(&topics, 1);
    let made = Settings::logins(&broker, &pipes).run(&["topics", "create"]);
    assert_eq!(made.status.code(), Some(0));
    let counts = format!("{}-counts", pipes.group);
    topics.produce([BaseRecord::<[u8], [u8]>::to(&pipes.input).payload(EVENT.as_bytes())]);

    let mut stranger = Service::start(&settings(&broker, &pipes, "wrong"));
    names(&stranger, "password");
    assert_eq!(stranger.ended(), None);
    drop(stranger);

    let mut service = Service::start(&settings(&broker, &pipes, USER.1));
    names(&service, &pipes.input);
    grant(&broker, On::Topic, "*", Right::Describe);
    grant(&broker, On::Topic, "*", Right::DescribeConfigs);
    names(&service, "the right Read on the consumer group");
    grant(&broker, On::Group, &pipes.group, Right::Read);
    names(&service, "-counts`: the right Read (input)");
    grant(&broker, On::Topic, &counts, Right::Read);
    names(&service, "group: the right Read (input)");
    grant(&broker, On::Topic, &pipes.input, Right::Read);
    names(&service, "producer: the right Write on any topic");
    grant(&broker, On::Topic, &pipes.dead_letters, Right::Write);
    names(
        &service,
        "producer: the right Read (input) or Write (output)",
    );
    grant(&broker, On::Topic, &pipes.output, Right::Write);
    names(&service, "-counts`: the right Read (input) or Write");
    grant(&broker, On::Topic, &counts, Right::Write);
    eventually("the record to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == 1
    });
    eventually("the service to be ready", || {
        service.get("/readyz").0 == 200
    });
    assert_eq!(service.ended(), None, "no crash loop");
    assert_eq!(topics.drain(&pipes.output).len(), 1);
}
