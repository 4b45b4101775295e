//! P6: what could not be read, or was not wanted, is said.

use greenroom::generator::{Generator, Kind, Profile};

use rdkafka::message::Message;
use rdkafka::producer::BaseRecord;
use serde_json::Value;

use crate::harness::{
    Broker, End, Pipes, Service, Settings, Topics, eventually, feed, feed_transaction, header,
    noise,
};

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_records_deleted_before_they_were_read_are_counted_and_logged() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    let settings = Settings::logins(broker, &pipes);
    let mut usual = Generator::new(Profile::new(Kind::Usual, 6));
    feed(&topics, &pipes, 1000, &mut usual);
    let mut service = Service::ready(&settings);
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == 1000
    });
    assert_eq!(service.terminate().code(), Some(0));

    feed(&topics, &pipes, 1000, &mut usual);
    topics.delete_before(&pipes.input, 0, 1500);
    let service = Service::ready(&settings);
    eventually("the rest", || {
        topics.committed(&pipes.group, &pipes.input) == 2000
    });

    let metrics = service.get("/metrics").1;
    assert!(
        metrics.contains("greenroom_records_expired_total 500"),
        "{metrics}"
    );
    let log = service.log();
    let error = log
        .lines()
        .find(|line| line.contains("deleted by retention"));
    let error = error.expect("it is logged");
    assert!(
        error.contains(r#""level":"ERROR""#) && error.contains("500"),
        "{error}"
    );
    assert_eq!(topics.ends(&pipes.output), [1500]);
}

/// A committed transaction leaves a marker behind its last record, an aborted one its records too.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_the_ends_of_transactions_are_no_lag() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    let service = Service::ready(&Settings::logins(broker, &pipes));
    let partition = |member: &str| service.number(&format!("/partitions/0/{member}"));
    let mut usual = Generator::new(Profile::new(Kind::Usual, 8));

    feed_transaction(broker, &pipes, 100, End::Commit, &mut usual);
    eventually("the records to be committed", || {
        partition("committed") == 100
    });
    eventually("no lag", || partition("lag_records") == 0);
    assert_eq!(partition("end"), 100, "the marker is no record");
    feed_transaction(broker, &pipes, 100, End::Abort, &mut usual);
    feed_transaction(broker, &pipes, 100, End::Commit, &mut usual);
    eventually("no lag", || {
        partition("committed") == 302 && partition("lag_records") == 0
    });
    assert_eq!(topics.ends(&pipes.input), [303]);
    assert_eq!(service.number("/records/consumed"), 200);
}

/// One of ten has no user, one is of another version, one is no object; the last one's error fits
/// no topic.
fn mixed() -> impl Iterator<Item = String> {
    let event = |n: usize| {
        let (user, version) = match n % 10 {
            0 => ("", "2.3.0"),
            1 => (r#""user_id":"u","#, "1.0"),
            2 => return "[2]".to_owned(),
            _ => (r#""user_id":"u","#, "2.3.0"),
        };
        format!(
            r#"{{{user}"app_version":"{version}","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":{n},"device_type":"iOS"}}"#
        )
    };
    let large = format!(r#"{{"pad":"{}"}}"#, noise(1_048_300));
    (0..3000).map(event).chain([large])
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_what_is_filtered_or_wrong_goes_to_the_topic_that_is_for_it() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 2);
    let (errors, filtered) = (topics.create("errors", 2), topics.create("filtered", 2));
    let events: Vec<String> = mixed().collect();
    topics.produce(
        events
            .iter()
            .map(|value| BaseRecord::<[u8], [u8]>::to(&pipes.input).payload(value.as_bytes())),
    );
    let settings = Settings::logins(broker, &pipes)
        .with("GREENROOM_PIPELINE", "masked")
        .with("GREENROOM_ERRORS_TOPIC", &errors)
        .with("GREENROOM_FILTERED_TOPIC", &filtered);

    let mut service = Service::ready(&settings);
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == 3001
    });
    assert_eq!(service.number("/records/filtered"), 300);
    assert_eq!(service.number("/records/rejected"), 601);
    assert_eq!(service.terminate().code(), Some(0));

    let written = |topic: &str| topics.ends(topic).iter().sum::<i64>();
    let counted = [&pipes.output, &filtered, &errors, &pipes.dead_letters].map(|t| written(t));
    assert_eq!(counted, [2100, 300, 300, 301]);
    let error = &topics.drain(&errors)[0];
    assert_eq!(header(error, "greenroom.error.type"), Some("missing_field"));
    let value: Value = serde_json::from_slice(error.payload().expect("a value")).expect("JSON");
    assert_eq!(value["error_type"], "Missing user_id");
    let letters = topics.drain(&pipes.dead_letters);
    let omitted: Vec<_> = letters
        .iter()
        .filter_map(|letter| header(letter, "greenroom.value.omitted"))
        .collect();
    assert_eq!(omitted, [events[3000].len().to_string()]);
    let summaries = topics.drain(&pipes.summaries);
    assert!(summaries.len() > 1, "one each 1000 records, and the last");
    let last = summaries[summaries.len() - 1].payload().expect("a value");
    assert_eq!(
        str::from_utf8(last),
        Ok(
            r#"{"processed_count":2100,"device_type_counts":{"iOS":2100},"locale_counts":{"CA":2100},"filtered_record_count":300}"#
        )
    );
}

/// A summary that its topic does not take is told, and costs nothing else.
/// Answers with the number of transactions that were aborted for it.
fn too_large_a_summary(delivery: &str) -> u64 {
    const RECORDS: usize = 25_000;
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes {
        summaries: topics.create_set("summaries", &[("max.message.bytes", "100")]),
        ..Pipes::lay(&topics, 1)
    };
    let mut usual = Generator::new(Profile::new(Kind::Usual, 6));
    feed(&topics, &pipes, RECORDS, &mut usual);
    let mut service =
        Service::ready(&Settings::logins(broker, &pipes).with("GREENROOM_DELIVERY", delivery));
    topics.wait_for_all(&pipes);
    eventually("a word on the summary", || {
        service.log().contains("a summary could not be sent")
    });
    let ended = service.status()["transactions"]["ended"].clone();
    assert_eq!(service.terminate().code(), Some(0));
    assert!(topics.drain(&pipes.summaries).is_empty());
    assert_eq!(topics.drain(&pipes.output).len(), RECORDS);
    ended["refused"].as_u64().unwrap_or(0)
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_a_summary_too_large_for_its_topic_is_told() {
    assert_eq!(too_large_a_summary("at-least-once"), 0);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_p12_a_summary_too_large_for_its_topic_costs_its_transaction_only() {
    // A second one may be on its way before the refusal is heard.
    let aborted = too_large_a_summary("exactly-once");
    assert!((1..=2).contains(&aborted), "{aborted}");
}
