//! What the embedded broker cannot show: other group protocols, topic settings, idempotence.

use super::consumer::{commit, out_of_range, rebalance, seek, survive};
use super::*;
use crate::kafka::admin::TopicPlan;

/// A real broker, with a new topic.
pub(super) fn real(partitions: i32, config: &[(&str, &str)]) -> (Settings, String) {
    let brokers = std::env::var("KAFKA_BROKERS").expect("KAFKA_BROKERS names a real broker");
    let settings = settings(&brokers);
    let plan = TopicPlan {
        name: format!("greenroom-test-{}", unique()),
        partitions,
        replication_factor: 1,
        config: config
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    };
    let admin = Admin::new(&settings).expect("a client");
    let plans = [plan];
    assert_eq!(wait(admin.create(&plans, LIMIT)), Ok(vec![Ok(())]));
    let again = wait(admin.create(&plans, LIMIT));
    assert_eq!(again, Ok(vec![Err(Code::TopicAlreadyExists)]));
    let [TopicPlan { name, .. }] = plans;
    until("the topic", || {
        let found = admin.partitions(&[&name], LIMIT).expect("an answer");
        (found == [Ok(partitions as usize)]).then_some(())
    });
    (settings, name)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

fn with(mut settings: Settings, property: &str, value: &str) -> Settings {
    settings
        .consumer_properties
        .push((property.into(), value.into()));
    settings
}

#[test]
#[ignore = "needs a real broker; run: cargo test --test promises kafka_room -- --ignored"]
fn p1_rebalances_on_a_real_broker_cooperative() {
    let (settings, topic) = real(8, &[]);
    rebalance(&settings, &topic);
}

#[test]
#[ignore = "needs a real broker; run: cargo test --test promises kafka_room -- --ignored"]
fn p1_rebalances_on_a_real_broker_eager() {
    let (settings, topic) = real(8, &[]);
    rebalance(
        &with(settings, "partition.assignment.strategy", "range"),
        &topic,
    );
}

#[test]
#[ignore = "needs a real broker; run: cargo test --test promises kafka_room -- --ignored"]
fn p1_rebalances_on_a_real_broker_by_the_brokers_protocol() {
    let (settings, topic) = real(8, &[]);
    rebalance(&with(settings, "group.protocol", "consumer"), &topic);
}

#[test]
#[ignore = "needs a real broker; run: cargo test --test promises kafka_room -- --ignored"]
fn a_real_broker_keeps_records_seeks_and_commits() {
    let (settings, topic) = real(1, &[]);
    survive(&settings, &topic);
    for scenario in [seek, out_of_range, commit] {
        let (settings, topic) = real(1, &[]);
        scenario(&settings, &topic);
    }
}

#[test]
#[ignore = "needs a real broker; run: cargo test --test promises kafka_room -- --ignored"]
fn a_record_too_large_for_its_topic_fails_alone() {
    let (settings, topic) = real(1, &[("max.message.bytes", "1000")]);
    let admin = Admin::new(&settings).expect("a client");
    let limits = wait(admin.max_message_bytes(&[&topic], LIMIT));
    assert_eq!(limits, Ok(vec![Ok(1000)]));
    let sender = Sender::new(&with_uncompressed(settings), &topic);
    sender.send(0, &"x".repeat(2000), Tag::new(1, 0));
    sender.producer.flush(LIMIT).expect("a report");
    let failed = Receipt::Failed {
        ticket: 1,
        index: 0,
        code: Code::MessageSizeTooLarge,
    };
    assert_eq!(sender.reported(), [failed]);
    sender.send(0, "small", Tag::new(2, 0));
    sender.producer.flush(LIMIT).expect("delivery");
    assert_eq!(
        sender.reported(),
        [Receipt::Delivered {
            ticket: 2,
            records: 1
        }]
    );
}

fn with_uncompressed(mut settings: Settings) -> Settings {
    let none = ("compression.type".into(), "none".into());
    settings.producer_properties.push(none);
    settings
}

#[test]
#[ignore = "needs a real broker; run: cargo test --test promises kafka_room -- --ignored"]
fn p6_a_missing_topic_is_named_and_never_made() {
    let (settings, _) = real(1, &[]);
    let admin = Admin::new(&settings).expect("a client");
    let missing = admin.partitions(&["no-such-topic"], LIMIT);
    assert_eq!(missing, Ok(vec![Err(Code::UnknownTopicOrPartition)]));
    let mut consumer = Consumer::new(&settings).expect("a consumer");
    consumer
        .subscribe(&["no-such-topic"])
        .expect("a subscription");
    until("the error", || {
        let mut events = consumer.events().into_iter();
        events.find(|event| {
            matches!(event, ControlEvent::Error(error)
                if error.code == Code::UnknownTopicOrPartition && error.text.contains("no-such-topic"))
        })
    });
}

#[test]
#[ignore = "needs a real broker; run: cargo test --test promises kafka_room -- --ignored"]
fn p2_what_is_sent_after_a_purge_comes_after_what_was_sent_before() {
    const ROUNDS: u64 = 5;
    const OLD: u32 = 20_000;
    const NEW: u32 = 100;
    let (settings, topic) = real(1, &[]);
    let sender = Sender::new(&settings, &topic);
    let mut delivered = 0;
    for round in 0..ROUNDS {
        let (old, new) = (2 * round, 2 * round + 1);
        for index in 0..OLD {
            sender.send(0, &format!("{old} {index}"), Tag::new(old, index));
        }
        // Some are written, some under way, some not sent yet.
        let receipt = sender.receipts.recv_timeout(LIMIT).expect("a delivery");
        sender.producer.purge_queue();
        for index in 0..NEW {
            sender.send(0, &format!("{new} {index}"), Tag::new(new, index));
        }
        sender.producer.flush(LIMIT).expect("reports");
        let (mut written, mut purged, mut later) = (0, 0, 0);
        for receipt in std::iter::once(receipt).chain(sender.receipts.try_iter()) {
            match receipt {
                Receipt::Delivered { ticket, records } if ticket == old => written += records,
                Receipt::Delivered { records, .. } => later += records,
                Receipt::Failed { ticket, code, .. } => {
                    assert_eq!((ticket, code), (old, Code::PurgeQueue));
                    purged += 1;
                }
            }
        }
        assert_eq!((written + purged, later), (OLD, NEW));
        delivered += (written + NEW) as usize;
    }
    let (mut consumer, _) = consumer_at(&settings, &topic, 0);
    let batches = read_all(&mut consumer, delivered);
    let order = batches.iter().flat_map(Records::iter).map(|record| {
        let value = std::str::from_utf8(record.value().expect("a value")).expect("text");
        let (round, index) = value.split_once(' ').expect("two numbers");
        let number = |text: &str| text.parse::<u32>().expect("a number");
        (number(round), number(index))
    });
    let order: Vec<_> = order.collect();
    assert_eq!(order.len(), delivered);
    assert!(order.is_sorted_by(|before, after| before < after));
}
