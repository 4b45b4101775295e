//! Carrying records from topic to topic and doing nothing with them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use greenroom::kafka::{
    Consumer, ControlEvent, NewRecord, Producer, Receipt, Report, Settings, Tag, properties,
};
use greenroom::record::{Record, Records};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::ground::{BATCH, Ground, PARTITIONS, PATIENCE};

const POLL: Duration = Duration::from_millis(100);
/// Records under way in a producer at most.
const WINDOW: usize = 40_000;

/// S.
pub fn carry_safely(ground: &Ground, input: &str, output: &str, records: usize) {
    let settings = ground.settings();
    let config = properties::producer(&settings);
    let producer: BaseProducer<DefaultProducerContext> = config.create().expect("a producer");
    let consumer = reader(&settings, input);
    for read in 1..=records {
        let message = next(&consumer);
        let mut record = BaseRecord::<[u8], [u8]>::to(output).partition(message.partition());
        record.key = message.key();
        record.payload = message.payload();
        record.timestamp = message.timestamp().to_millis();
        let sent = producer.send(record).map_err(|(error, _)| error);
        sent.expect("the window is smaller than the queue");
        if read % BATCH == 0 {
            producer.poll(Duration::ZERO);
            while producer.in_flight_count() > WINDOW as i32 {
                producer.poll(Duration::from_millis(1));
            }
        }
    }
    producer.flush(PATIENCE).expect("delivery");
}

/// A client that reads a topic from its beginning, by the safe calls.
pub fn reader(settings: &Settings, topic: &str) -> BaseConsumer {
    let config = properties::consumer(settings);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut starts = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        let start = starts.add_partition_offset(topic, partition, Offset::Beginning);
        start.expect("a start offset");
    }
    consumer.assign(&starts).expect("the assignment");
    consumer
}

/// Its next record; there must be one.
pub fn next(consumer: &BaseConsumer) -> rdkafka::message::BorrowedMessage<'_> {
    loop {
        if let Some(message) = consumer.poll(POLL) {
            return message.expect("a message");
        }
    }
}

/// F.
pub fn carry_fast(ground: &Ground, input: &str, output: &str, records: usize) {
    let settings = ground.settings();
    let mut consumer = Consumer::new(&settings).expect("a consumer");
    let mut sink = Sink::new(&settings, output);
    consumer.subscribe(&[input]).expect("a subscription");
    let mut read = 0;
    while read < records {
        for event in consumer.events() {
            if let ControlEvent::Assign(partitions) = event {
                let starts: Vec<_> = partitions.into_iter().map(|tp| (tp, 0)).collect();
                consumer.assign(&starts).expect("the assignment");
            }
        }
        let fetch = consumer.read(POLL, BATCH);
        for run in fetch.runs() {
            let run = run.expect("a run");
            let batch = run.records();
            read += batch.len();
            sink.write(run.partition, &batch);
        }
    }
    sink.finish();
    consumer.close(PATIENCE).expect("the consumer closes");
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
