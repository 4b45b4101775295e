//! Carrying records from topic to topic and doing nothing with them, for ever: what the house is
//! measured against. Each is a process of its own and takes the service's own variables.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use greenroom::config::environment;
use greenroom::kafka::{
    Consumer, ControlEvent, NewRecord, Producer, Receipt, Report, Settings, Tag, properties,
};
use greenroom::record::{Record, Records};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::ground::{PATIENCE, client_settings, config};

/// What the bench's own program is told to be S and F.
pub const SAFE: &str = "forward-safely";
pub const FAST: &str = "forward-fast";

const BATCH: usize = 1000;
const POLL: Duration = Duration::from_millis(100);
/// Records under way in a producer at most.
const WINDOW: usize = 40_000;

/// Where from and where to, as the environment says.
fn task() -> (Settings, String, String) {
    let pipeline = config(environment()).pipeline;
    let input = pipeline.input_topics.expect("an input topic").remove(0);
    let output = pipeline.output_topic.expect("an output topic");
    (client_settings(environment()), input, output)
}

/// S: rdkafka's safe calls, one record at a time.
pub fn carry_safely() -> ! {
    let (settings, input, output) = task();
    let config = properties::producer(&settings);
    let producer: BaseProducer<DefaultProducerContext> = config.create().expect("a producer");
    let consumer = reader(&settings, &input);
    let mut unpolled = 0;
    loop {
        let message = consumer.poll(POLL);
        if let Some(message) = &message {
            let message = message.as_ref().expect("a message");
            let mut record = BaseRecord::<[u8], [u8]>::to(&output).partition(message.partition());
            record.key = message.key();
            record.payload = message.payload();
            record.timestamp = message.timestamp().to_millis();
            let sent = producer.send(record).map_err(|(error, _)| error);
            sent.expect("the window is smaller than the queue");
        }
        unpolled += 1;
        if unpolled == BATCH || message.is_none() {
            unpolled = 0;
            producer.poll(Duration::ZERO);
            while producer.in_flight_count() > WINDOW as i32 {
                producer.poll(Duration::from_millis(1));
            }
        }
    }
}

/// A client that reads a topic from its beginning, by the safe calls.
pub fn reader(settings: &Settings, topic: &str) -> BaseConsumer {
    let config = properties::consumer(settings);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let starts = all_partitions(&consumer, &[topic], Offset::Beginning);
    consumer.assign(&starts).expect("the assignment");
    consumer
}

/// The partitions of these topics, at this offset each.
pub fn all_partitions(client: &BaseConsumer, topics: &[&str], at: Offset) -> TopicPartitionList {
    let mut all = TopicPartitionList::new();
    for topic in topics {
        let metadata = client.fetch_metadata(Some(topic), PATIENCE);
        let metadata = metadata.expect("an answer");
        for partition in metadata.topics()[0].partitions() {
            let added = all.add_partition_offset(topic, partition.id(), at);
            added.expect("an offset");
        }
    }
    all
}

/// F: this crate's batch calls, through the batch's arena.
pub fn carry_fast() -> ! {
    let (settings, input, output) = task();
    let mut consumer = Consumer::new(&settings).expect("a consumer");
    let mut sink = Sink::new(&settings, &output);
    consumer.subscribe(&[&input]).expect("a subscription");
    loop {
        for event in consumer.events() {
            if let ControlEvent::Assign(partitions) = event {
                let starts: Vec<_> = partitions.into_iter().map(|tp| (tp, 0)).collect();
                consumer.assign(&starts).expect("the assignment");
            }
        }
        let fetch = consumer.read(POLL, BATCH);
        for run in fetch.runs() {
            let run = run.expect("a run");
            sink.write(run.partition, &run.records());
        }
    }
}

/// A producer to one topic with the count of what it delivered. It holds at most [`WINDOW`]
/// records.
pub struct Sink {
    producer: Producer,
    sent: usize,
    done: Arc<AtomicUsize>,
    reported: mpsc::Receiver<()>,
}

impl Sink {
    pub fn new(settings: &Settings, topic: &str) -> Self {
        let done = Arc::new(AtomicUsize::new(0));
        let (wake, reported) = mpsc::sync_channel(1);
        let counter = done.clone();
        let producer = Producer::new(settings, &[topic], move |report| match report {
            Report::Receipts(receipts) => {
                let delivered = receipts.iter().map(|receipt| match receipt {
                    Receipt::Delivered { records, .. } => *records as usize,
                    failed => panic!("{failed:?}"),
                });
                counter.fetch_add(delivered.sum(), Ordering::Release);
                // A full channel wakes as well.
                let _ = wake.try_send(());
            }
            Report::Error(error) => eprintln!("{error}"),
        });
        Sink {
            producer: producer.expect("a producer"),
            sent: 0,
            done,
            reported,
        }
    }

    pub fn write(&mut self, partition: i32, batch: &Records) {
        for record in batch.iter() {
            self.send(partition, record);
        }
        while self.sent - self.done.load(Ordering::Acquire) > WINDOW {
            self.reported.recv_timeout(PATIENCE).expect("deliveries");
        }
    }

    /// Sends one record, without a look at how many are under way.
    pub fn send(&mut self, partition: i32, record: Record<'_>) {
        let content = NewRecord {
            key: record.key(),
            value: record.value(),
            timestamp: record.timestamp(),
            headers: record.headers(),
        };
        let tag = Tag::new(0, 0);
        let sent = self.producer.send(0, Some(partition), content, tag);
        sent.expect("the window is smaller than the queue");
        self.sent += 1;
    }

    pub fn finish(self) {
        self.producer.flush(PATIENCE).expect("delivery");
        assert_eq!(self.done.load(Ordering::Acquire), self.sent);
    }
}
