//! P9: key, headers, timestamp and tombstones survive; P2: where an output goes.

use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use crate::harness::{Broker, Pipes, Service, Settings, Topics, eventually, header};

const EVENT: &str = r#"{"user_id":"u","app_version":"2.3.0","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":1694479551,"device_type":"iOS"}"#;

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p9_key_headers_timestamp_and_tombstones_pass_through() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 4);
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "origin",
            value: Some(&b"\xff\x00"[..]),
        })
        .insert(Header::<&[u8]> {
            key: "empty",
            value: None,
        })
        .insert(Header {
            key: "origin",
            value: Some(&b"again"[..]),
        });
    topics.produce([
        BaseRecord::to(&pipes.input)
            .partition(3)
            .key(b"\x00key".as_slice())
            .payload(EVENT.as_bytes())
            .timestamp(1_694_479_551_123)
            .headers(headers),
        BaseRecord::to(&pipes.input)
            .partition(3)
            .key(b"gone".as_slice()),
    ]);
    let bare = BaseRecord::<[u8], [u8]>::to(&pipes.input).partition(2);
    topics.produce([bare.payload(EVENT.as_bytes())]);
    let service = Service::ready(&Settings::logins(broker, &pipes));
    eventually("three outputs", || service.number("/records/produced") == 3);
    drop(service);

    let outputs = topics.drain(&pipes.output);

    let full = outputs
        .iter()
        .find(|record| record.headers().is_some())
        .expect("with headers");
    assert_eq!(full.key(), Some(b"\x00key".as_slice()));
    assert_eq!(full.timestamp().to_millis(), Some(1_694_479_551_123));
    let headers: Vec<_> = full
        .headers()
        .expect("headers")
        .iter()
        .map(|h| (h.key, h.value))
        .collect();
    assert_eq!(
        headers,
        [
            ("origin", Some(&b"\xff\x00"[..])),
            ("empty", None),
            ("origin", Some(&b"again"[..]))
        ]
    );
    let tombstone = outputs
        .iter()
        .find(|record| record.payload().is_none())
        .expect("a tombstone");
    assert_eq!(tombstone.key(), Some(b"gone".as_slice()));
    let bare = outputs
        .iter()
        .find(|record| record.key().is_none())
        .expect("without a key");
    assert_eq!(
        bare.partition(),
        2,
        "without a key the input's partition decides"
    );
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p9_a_dead_letter_keeps_the_record_and_says_what_was_wrong() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "origin",
            value: Some("test"),
        })
        .insert(Header {
            key: "greenroom.error.type",
            value: Some("of before"),
        });
    topics.produce([BaseRecord::to(&pipes.input)
        .key(b"k".as_slice())
        .payload(b"{\"secret-value\": nope".as_slice())
        .timestamp(1_694_479_551_123)
        .headers(headers)]);
    let service = Service::ready(&Settings::logins(broker, &pipes));
    eventually("a rejection", || service.number("/records/rejected") == 1);
    eventually("the commit", || {
        topics.committed(&pipes.group, &pipes.input) == 1
    });

    let letters = topics.drain(&pipes.dead_letters);

    let letter = &letters[0];
    assert_eq!(
        letter.payload(),
        Some(b"{\"secret-value\": nope".as_slice())
    );
    assert_eq!(letter.key(), Some(b"k".as_slice()));
    assert_eq!(letter.timestamp().to_millis(), Some(1_694_479_551_123));
    assert_eq!(header(letter, "origin"), Some("test"));
    assert_eq!(header(letter, "greenroom.error.type"), Some("invalid_json"));
    assert_eq!(
        header(letter, "greenroom.source.topic"),
        Some(pipes.input.as_str())
    );
    assert_eq!(header(letter, "greenroom.source.partition"), Some("0"));
    assert_eq!(header(letter, "greenroom.source.offset"), Some("0"));
    assert_eq!(header(letter, "greenroom.attempts"), Some("1"));
    assert_eq!(header(letter, "greenroom.pipeline"), Some("logins"));
    let types = letter.headers().expect("headers").iter();
    assert_eq!(
        types.filter(|h| h.key == "greenroom.error.type").count(),
        1,
        "never repeated"
    );
    let detail = header(letter, "greenroom.error.detail").expect("a detail");
    assert!(!detail.contains("secret"), "P10: {detail}");
    assert!(!service.log().contains("secret-value"), "P10");
}
