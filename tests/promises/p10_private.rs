//! P10: nothing of a record, and no secret, is in any log, span, metric, status or error text,
//! whatever fails.

use std::process::Command;
use std::time::Duration;

use greenroom::topology::Sabotage;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::BaseRecord;
use serde_json::Value;

use crate::harness::{
    ADMIN_TOKEN, Broker, Collector, Lodger, On, Pipes, Redis, Right, Service, Settings, Terms,
    Topics, USER, eventually, grant, noise,
};

/// What stands in records: a text that is short enough for any part of it to be told by.
const KEY: &str = "KqxKqxKqxKqx";
const HEADER: &str = "HqxHqxHqxHqx";
const VALUE: &str = "VqxVqxVqxVqx";
const MEMBER: &str = "MqxMqxMqxMqx";
const NUMBER: &str = "777777777777777";
const PARTS: [&str; 5] = ["Kqx", "Hqx", "Vqx", "Mqx", "7777777777"];

const HASH_KEY: &str = "the-secret-key-of-keyed-hashes-0123456789";
const REDIS_PASSWORD: &str = "the-secret-password-of-redis";
const OTEL_KEY: &str = "the-secret-key-of-the-collector";
const SECRETS: [&str; 5] = [HASH_KEY, ADMIN_TOKEN, REDIS_PASSWORD, OTEL_KEY, USER.1];

/// Panics where `text` holds anything that it must not, and says where.
fn assert_private(what: &str, text: &str) {
    for private in PARTS.iter().chain(&SECRETS) {
        if let Some(at) = text.find(private) {
            let around: String = text[..at].chars().rev().take(300).collect();
            let around: String = around.chars().rev().collect();
            panic!("{what} holds {private} after: {around}");
        }
    }
}

/// The usual event with one of its members' values replaced by this JSON.
fn event_with(member: &str, json: &str) -> String {
    let members = [
        ("user_id", r#""u""#),
        ("app_version", r#""2.3.0""#),
        ("ip", r#""10.0.0.1""#),
        ("locale", r#""CA""#),
        ("device_id", r#""d""#),
        ("timestamp", "1694479551"),
    ];
    let members = members.map(|(name, usual)| {
        let value = if name == member { json } else { usual };
        format!("\"{name}\":{value}")
    });
    format!("{{{}}}", members.join(","))
}

/// What each value is rejected for, or nothing where it goes through.
fn values() -> Vec<(Option<&'static str>, Vec<u8>)> {
    let text = format!("\"{VALUE}\"");
    let object = format!("{{\"{MEMBER}\":\"{VALUE}\"}}");
    let large = event_with("user_id", &format!("\"{VALUE}{}\"", noise(1_048_000)));
    let invalid_utf8 = [b"{\"user_id\":\"Vqx\xff", VALUE.as_bytes(), b"\"}"].concat();
    let rejected = [
        ("invalid_json", VALUE.to_owned()),
        ("invalid_json", format!("{{\"{MEMBER}\":{VALUE}}}")),
        ("invalid_json", format!("{{\"{MEMBER}\":\"\\q{VALUE}")),
        ("invalid_json", format!("{object}{VALUE}")),
        ("not_an_object", format!("[{text}]")),
        ("not_an_object", text.clone()),
        ("missing_field", object.clone()),
        ("invalid_ip", event_with("ip", &text)),
        ("invalid_timestamp", event_with("timestamp", &text)),
        ("invalid_timestamp", event_with("timestamp", NUMBER)),
        ("transformation_error", event_with("user_id", &object)),
        ("transformation_error", event_with("locale", NUMBER)),
        ("too_large", large),
    ];
    let rejected = rejected.map(|(error, value)| (Some(error), value.into_bytes()));
    let emitted = ["user_id", "locale", "device_id"]
        .map(|member| (None, event_with(member, &text).into_bytes()));
    let mut values = vec![(Some("invalid_json"), invalid_utf8)];
    values.extend(rejected);
    values.extend(emitted);
    values
}

/// With marks wherever a record can hold any.
fn write(topics: &Topics, input: &str, values: &[Vec<u8>]) {
    let header = |key, value| Header {
        key,
        value: Some(value),
    };
    topics.produce(values.iter().map(|value| {
        let headers = OwnedHeaders::new()
            .insert(header(HEADER, HEADER))
            .insert(header("traceparent", HEADER))
            .insert(header("tracestate", HEADER));
        BaseRecord::<[u8], [u8]>::to(input)
            .partition(0)
            .key(KEY.as_bytes())
            .payload(value)
            .headers(headers)
    }));
}

/// Our own headers of a dead letter, as text.
fn ours(letter: &OwnedMessage) -> String {
    let headers = letter.headers().expect("a dead letter has headers");
    let ours = headers.iter().filter(|of| of.key.starts_with("greenroom."));
    let texts = ours.filter_map(|of| Some((of.key, String::from_utf8_lossy(of.value?))));
    format!("{:?}", texts.collect::<Vec<_>>())
}

/// All that a running service answers, right and wrong questions alike.
fn assert_answers_private(service: &Service) {
    for path in ["/", "/healthz", "/readyz", "/metrics", "/api/status"] {
        assert_private(path, &service.get(path).1);
    }
    for (path, body) in [
        ("/api/log-level", "greenroom=loud"),
        ("/api/actors/nobody/restart", ""),
    ] {
        assert_private(path, &service.tell(path, body).1);
    }
}

/// Below info libraries print payloads: there, all lines are our own.
fn assert_capped(service: &Service) {
    let log = service.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    for line in lines.filter(|line: &Value| line["level"] == "DEBUG" || line["level"] == "TRACE") {
        let target = line["target"].as_str().expect("a target");
        assert!(target.starts_with("greenroom"), "{line}");
    }
}

/// On a guarded broker, with every secret that there is, and all logged that can be.
fn settings(broker: &Broker, pipes: &Pipes, collector: &Collector, redis: &str) -> Settings {
    let settings = Settings::logins(broker, pipes)
        .with(
            "RUST_LOG",
            "trace,h2=trace,hyper=trace,redis=trace,librdkafka=trace",
        )
        .with("KAFKA_BROKERS", broker.guarded())
        .with("GREENROOM_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext")
        .with("GREENROOM_KAFKA_SASL_MECHANISM", "PLAIN")
        .with("GREENROOM_KAFKA_SASL_USERNAME", USER.0)
        .with("GREENROOM_KAFKA_SASL_PASSWORD", USER.1)
        .with("GREENROOM_HASH_KEY", HASH_KEY)
        .with("GREENROOM_ADMIN_TOKEN", ADMIN_TOKEN)
        .with("GREENROOM_COUNTS_STORE", "redis")
        .with("REDIS_URL", redis)
        .with(
            "OTEL_EXPORTER_OTLP_HEADERS",
            &format!("authorization={OTEL_KEY}"),
        );
    let traces = collector.environment("always_on").into_iter();
    traces.fold(settings, |settings, (name, value)| {
        settings.with(name, value)
    })
}

fn guarded() -> (Broker, Pipes, Topics) {
    let broker = Broker::start_guarded();
    let topics = Topics::of(&broker);
    let pipes = Pipes::lay(&topics, 1);
    for right in [
        Right::Describe,
        Right::DescribeConfigs,
        Right::Read,
        Right::Write,
    ] {
        grant(&broker, On::Topic, "*", right);
    }
    grant(&broker, On::Group, &pipes.group, Right::Read);
    (broker, pipes, topics)
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p10_no_failure_of_a_record_tells_of_its_content() {
    let (broker, pipes, topics) = guarded();
    let collector = Collector::listen();
    let mut redis = Redis::start_with(&["--requirepass", REDIS_PASSWORD]);
    let url = redis.url(&format!(":{REDIS_PASSWORD}@"));
    let settings = settings(&broker, &pipes, &collector, &url);
    let mut service = Service::ready(&settings);
    let (errors, values): (Vec<_>, Vec<_>) = values().into_iter().unzip();
    write(&topics, &pipes.input, &values);
    let committed = |records: usize| {
        eventually("all to be committed", || {
            topics.committed(&pipes.group, &pipes.input) == records as i64
        });
    };
    committed(values.len());
    let status = service.status();
    for error in errors.into_iter().flatten() {
        assert!(status["rejections"][error].is_u64(), "{error}: {status}");
    }

    redis.kill();
    write(&topics, &pipes.input, &values);
    eventually("the store to be away", || {
        service.get("/readyz").1.contains("store")
    });
    assert_answers_private(&service);
    redis.launch();
    committed(2 * values.len());
    assert_answers_private(&service);
    for args in [&["check"][..], &["check", "--broker"]] {
        let output = settings.run(args);
        assert_private("check", &String::from_utf8_lossy(&output.stdout));
        assert_private("check", &String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(service.terminate().code(), Some(0));
    assert_private("the log", &service.log());
    assert_capped(&service);
    assert!(!collector.spans().is_empty());
    assert_private("a span", &collector.everything());
    for letter in topics.drain(&pipes.dead_letters) {
        assert_private("a dead letter's header", &ours(&letter));
    }
}

/// Nobody takes what this one shows: not the broker, not Redis, and no collector is there.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p10_no_failure_to_log_in_tells_of_a_secret() {
    let (broker, pipes, _) = guarded();
    let redis = Redis::start_with(&["--requirepass", "another"]);
    let url = redis.url(&format!(":{REDIS_PASSWORD}@"));
    let settings = settings(&broker, &pipes, &Collector::listen(), &url)
        .with("GREENROOM_KAFKA_SASL_PASSWORD", ADMIN_TOKEN)
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let service = Service::start(&settings);
    eventually("both to be refused", || {
        let reasons = service.get("/readyz").1;
        reasons.contains("password") && reasons.contains("store")
    });
    assert_answers_private(&service);
    let output = settings.run(&["check", "--broker"]);
    assert_private("check", &String::from_utf8_lossy(&output.stdout));
    assert_private("check", &String::from_utf8_lossy(&output.stderr));
    assert_private("the log", &service.log());
}

/// Says what it was given, as a library's panics do.
fn tell_tale(value: &[u8]) -> Option<Sabotage> {
    let value = String::from_utf8_lossy(value);
    assert!(!value.contains("\"panic\""), "cannot work on {value}");
    value
        .contains("\"hang\"")
        .then_some(Sabotage::Hang(Duration::from_secs(5)))
}

#[test]
fn p10_a_poison_record_dies_without_telling_of_itself() {
    let collector = Collector::listen();
    let mut lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_secs(1),
        poison: Some(tell_tale),
        traces: Some(collector.settings("always_on")),
        ..Terms::default()
    });
    let poison = ["panic", "hang"].map(|order| {
        let text = format!("\"{order}\",\"{MEMBER}\":\"{VALUE}\"");
        event_with("user_id", &text).into_bytes()
    });
    write(&lodger.topics, &lodger.pipes.input, &poison);
    eventually("both to be committed", || lodger.committed() == 2);
    let letters = lodger.topics.drain(&lodger.pipes.dead_letters);
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        assert!(ours(letter).contains("poison"), "{}", ours(letter));
        assert_private("a dead letter's header", &ours(letter));
    }
    assert_private("the status", &lodger.status_text());
    lodger.move_out();
    assert!(!collector.spans().is_empty());
    assert_private("a span", &collector.everything());
}

/// The same in a process of its own, for its log and its standard error.
#[test]
fn p10_a_panics_message_is_told_to_nobody() {
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "--nocapture"])
        .arg("p10_private::p10_a_poison_record_dies_without_telling_of_itself")
        .output()
        .expect("it runs");
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let text = text.concat();
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("p10_private.rs:"),
        "the place of the panic: {text}"
    );
    assert_private("the log", &text);
}
