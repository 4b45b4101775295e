//! On the embedded broker; those that need a real one are ignored in plain `cargo test`.

mod closing;
mod consumer;
mod producer;
mod real;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::*;
use crate::record::Records;

const TOPIC: &str = "t";
/// Long enough for a loaded machine; reached only where a test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Calls `step` until it gives a value.
#[allow(
    clippy::disallowed_methods,
    reason = "brokers answer in real time; the limit only ends a test that fails"
)]
fn until<T>(what: &str, mut step: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = step() {
            return value;
        }
        assert!(start.elapsed() < LIMIT, "waited too long for {what}");
    }
}

fn embedded(partitions: u32) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(1).expect("an embedded broker");
    broker.create_topic(TOPIC, partitions).expect("a topic");
    broker
}

fn settings(brokers: &str) -> Settings {
    Settings {
        brokers: brokers.into(),
        group: format!("g-{}", unique()),
        instance: "test".into(),
        budget: 16 << 20,
        // Members of a test notice each other at once.
        consumer_properties: [
            ("heartbeat.interval.ms", "100"),
            ("session.timeout.ms", "6000"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into(),
        ..Settings::default()
    }
}

fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", std::process::id())
}

fn text(value: &str) -> NewRecord<'_> {
    NewRecord::new(None, Some(value.as_bytes()))
}

/// A producer, and what it reported.
struct Sender {
    producer: Producer,
    receipts: mpsc::Receiver<Receipt>,
}

impl Sender {
    fn new(settings: &Settings, topic: &str) -> Self {
        let (report, receipts) = mpsc::channel();
        let producer = Producer::new(settings, &[topic], move |reported| {
            if let Report::Receipts(receipts) = reported {
                for receipt in receipts {
                    // The test may have dropped its end already.
                    let _ = report.send(*receipt);
                }
            }
        });
        Sender {
            producer: producer.expect("a producer"),
            receipts,
        }
    }

    /// Sends `count` numbered records to each of `partitions` and waits for them.
    fn fill(&self, partitions: i32, count: u32) {
        for number in 0..count {
            for partition in 0..partitions {
                self.send(partition, &number.to_string(), Tag::new(0, 0));
            }
        }
        self.producer.flush(LIMIT).expect("delivery");
    }

    fn send(&self, partition: i32, value: &str, tag: Tag) {
        until("room in the queue", || {
            let sent = self.producer.send(0, Some(partition), text(value), tag);
            (sent != Err(SendError::QueueFull)).then(|| sent.expect("the record is taken"))
        });
    }

    fn reported(&self) -> Vec<Receipt> {
        self.receipts.try_iter().collect()
    }
}

/// A consumer that answers assignments, and checks that each partition goes on where it was.
struct Member {
    consumer: Consumer,
    held: BTreeSet<TopicPartition>,
    /// A revoke that is not answered yet.
    revoked: Option<Vec<TopicPartition>>,
    read: usize,
}

/// Where each partition goes on.
type Positions = BTreeMap<TopicPartition, i64>;

impl Member {
    fn new(settings: &Settings, topic: &str) -> Self {
        let mut consumer = Consumer::new(settings).expect("a consumer");
        consumer.subscribe(&[topic]).expect("a subscription");
        Member {
            consumer,
            held: BTreeSet::new(),
            revoked: None,
            read: 0,
        }
    }

    /// One with the first assignment made.
    fn joined(settings: &Settings, topic: &str, partitions: usize) -> (Self, Positions) {
        let mut positions = Positions::new();
        let mut member = Member::new(settings, topic);
        until("the assignment", || {
            member.step(&mut positions);
            (member.held.len() == partitions).then_some(())
        });
        (member, positions)
    }

    fn step(&mut self, positions: &mut Positions) {
        for event in self.consumer.events() {
            match event {
                ControlEvent::Assign(partitions) => self.assign(partitions, positions),
                ControlEvent::Revoke(partitions) => self.revoked = Some(partitions),
                ControlEvent::Error(error) if error.fatal => panic!("{error}"),
                ControlEvent::Error(_) | ControlEvent::Committed(_) => {}
            }
        }
        let fetch = self.consumer.read(Duration::from_millis(5), 500);
        for run in fetch.runs() {
            let run = run.expect("no partition fails");
            let partition = TopicPartition::new(fetch.topics[run.topic].name(), run.partition);
            assert!(self.held.contains(&partition), "{partition} is not ours");
            let position = positions.get_mut(&partition).expect("assigned once");
            for message in run.messages {
                assert_eq!(message.offset(), *position, "{partition}");
                *position += 1;
                self.read += 1;
            }
        }
    }

    fn assign(&mut self, partitions: Vec<TopicPartition>, positions: &mut Positions) {
        let starts: Vec<_> = partitions
            .into_iter()
            .map(|partition| {
                let start = *positions.entry(partition.clone()).or_default();
                (partition, start)
            })
            .collect();
        self.consumer.assign(&starts).expect("the assignment");
        self.held
            .extend(starts.into_iter().map(|(partition, _)| partition));
    }

    fn give_back(&mut self) {
        if let Some(partitions) = self.revoked.take() {
            self.consumer.unassign(&partitions).expect("giving back");
            self.held
                .retain(|partition| !partitions.contains(partition));
        }
    }
}

/// A consumer that has all partitions from `start` on, nothing read yet; and one of them.
fn consumer_at(settings: &Settings, topic: &str, start: i64) -> (Consumer, TopicPartition) {
    let mut consumer = Consumer::new(settings).expect("a consumer");
    consumer.subscribe(&[topic]).expect("a subscription");
    let partitions = until("the assignment", || {
        consumer.events().into_iter().find_map(|event| match event {
            ControlEvent::Assign(partitions) => Some(partitions),
            _ => None,
        })
    });
    let starts: Vec<_> = partitions
        .into_iter()
        .map(|partition| (partition, start))
        .collect();
    consumer.assign(&starts).expect("the assignment");
    (consumer, starts[0].0.clone())
}

/// Reads until `count` records are there.
fn read_all(consumer: &mut Consumer, count: usize) -> Vec<Records> {
    let mut batches: Vec<Records> = Vec::new();
    until("the records", || {
        consumer.events();
        let fetch = consumer.read(Duration::from_millis(50), 1000);
        batches.extend(fetch.runs().map(|run| run.expect("a run").records()));
        (batches.iter().map(Records::len).sum::<usize>() >= count).then_some(())
    });
    batches
}
