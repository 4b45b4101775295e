//! What it costs to carry a record from Kafka to Kafka and do nothing with it: CPU time of this
//! process, all threads, per record. The pipeline's own cost is put beside it.
//!
//! - S: rdkafka's safe calls, `BaseConsumer::poll` to `BaseProducer::send`, on one thread.
//! - F: this crate's `Consumer::read` to `Producer::send`, through the batch's arena.
//!
//! `KAFKA_BROKERS=host:port cargo bench --bench forwarder` uses a real broker (the figures that
//! count); else the embedded one, whose own work is part of the process and of the figures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use greenroom::kafka::{
    Admin, Consumer, ControlEvent, EmbeddedBroker, NewRecord, Producer, Receipt, Report, Settings,
    Tag, admin::TopicPlan, properties,
};
use greenroom::record::Records;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use rustix::time::{ClockId, clock_gettime};

/// The allocator that the service has; librdkafka uses it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PARTITIONS: i32 = 4;
const LIMIT: Duration = Duration::from_secs(60);
/// As long as a login event.
const BYTES: usize = 190;
const BATCH: usize = 1000;
/// Records under way in a producer at most.
const WINDOW: usize = 40_000;

fn main() {
    let brokers = std::env::var("KAFKA_BROKERS").ok();
    // The embedded broker keeps 5 MiB a partition.
    let records = if brokers.is_some() { 1_000_000 } else { 80_000 };
    let embedded = EmbeddedBroker::start(1).expect("an embedded broker");
    let settings = Settings {
        brokers: brokers.clone().unwrap_or_else(|| embedded.bootstrap()),
        group: format!("bench-{}", std::process::id()),
        instance: "bench".into(),
        budget: 64 << 20,
        // The embedded broker's rebalances wait that long.
        consumer_properties: [
            ("heartbeat.interval.ms", "500"),
            ("session.timeout.ms", "6000"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into(),
        ..Settings::default()
    };
    let topic = |name: &str| {
        let name = format!("bench-{name}-{}", std::process::id());
        match brokers {
            Some(_) => create(&settings, &name),
            None => embedded
                .create_topic(&name, PARTITIONS as u32)
                .expect("a topic"),
        }
        name
    };
    let (input, safe, fast) = (topic("in"), topic("safe"), topic("fast"));
    fill(&settings, &input, records);
    println!("ns of CPU a record, {records} records of {BYTES} bytes");
    for _ in 0..3 {
        let s = measure(records, || {
            forward_safely(&settings, &input, &safe, records)
        });
        let f = measure(records, || forward_fast(&settings, &input, &fast, records));
        println!("S {s:5}   F {f:5}   F/S {:.2}", f as f64 / s as f64);
    }
}

fn create(settings: &Settings, name: &str) {
    let plan = TopicPlan {
        name: name.into(),
        partitions: PARTITIONS,
        replication_factor: 1,
        config: Vec::new(),
    };
    let admin = Admin::new(settings).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let created = runtime
        .expect("a runtime")
        .block_on(admin.create(&[plan], LIMIT));
    created.expect("an answer")[0].expect("a new topic");
    let there = || admin.partitions(&[name], LIMIT).expect("an answer")[0].is_ok();
    while !there() {}
}

fn fill(settings: &Settings, topic: &str, records: usize) {
    let mut batch = Records::with_capacity(BATCH, BATCH * BYTES);
    for _ in 0..BATCH {
        batch.push(0, None, None, Some(&[b'x'; BYTES]));
    }
    let mut sink = Sink::new(settings, topic);
    for number in 0..records / BATCH {
        sink.write(number as i32 % PARTITIONS, &batch);
    }
    sink.finish();
}

/// A producer with the count of what it delivered; both forwarders hold at most WINDOW records.
struct Sink {
    producer: Producer,
    sent: usize,
    done: Arc<AtomicUsize>,
    reported: mpsc::Receiver<()>,
}

impl Sink {
    fn new(settings: &Settings, topic: &str) -> Self {
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

    fn write(&mut self, partition: i32, batch: &Records) {
        for record in batch.iter() {
            let content = NewRecord {
                key: record.key(),
                value: record.value(),
                timestamp: record.timestamp(),
                headers: record.headers(),
            };
            let sent = self
                .producer
                .send(0, Some(partition), content, Tag::new(0, 0));
            sent.expect("the window is smaller than the queue");
        }
        self.sent += batch.len();
        while self.sent - self.done.load(Ordering::Acquire) > WINDOW {
            self.reported.recv_timeout(LIMIT).expect("deliveries");
        }
    }

    fn finish(self) {
        self.producer.flush(LIMIT).expect("delivery");
        assert_eq!(self.done.load(Ordering::Acquire), self.sent);
    }
}

fn forward_fast(settings: &Settings, input: &str, output: &str, records: usize) {
    let mut consumer = Consumer::new(settings).expect("a consumer");
    let mut sink = Sink::new(settings, output);
    consumer.subscribe(&[input]).expect("a subscription");
    let mut read = 0;
    while read < records {
        for event in consumer.events() {
            if let ControlEvent::Assign(partitions) = event {
                let starts: Vec<_> = partitions.into_iter().map(|tp| (tp, 0)).collect();
                consumer.assign(&starts).expect("the assignment");
            }
        }
        let fetch = consumer.read(Duration::from_millis(100), BATCH);
        for run in fetch.runs() {
            let run = run.expect("a run");
            let batch = run.records();
            read += batch.len();
            sink.write(run.partition, &batch);
        }
    }
    sink.finish();
    consumer.close(LIMIT).expect("the consumer closes");
}

fn forward_safely(settings: &Settings, input: &str, output: &str, records: usize) {
    let config = properties::consumer(settings);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let config = properties::producer(settings);
    let producer: BaseProducer<DefaultProducerContext> = config.create().expect("a producer");
    let mut starts = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        let start = starts.add_partition_offset(input, partition, Offset::Beginning);
        start.expect("a start offset");
    }
    consumer.assign(&starts).expect("the assignment");
    let mut read = 0;
    while read < records {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.expect("a message");
        let mut record = BaseRecord::<[u8], [u8]>::to(output).partition(message.partition());
        record.key = message.key();
        record.payload = message.payload();
        record.timestamp = message.timestamp().to_millis();
        let sent = producer.send(record).map_err(|(error, _)| error);
        sent.expect("the window is smaller than the queue");
        read += 1;
        if read % BATCH == 0 {
            producer.poll(Duration::ZERO);
            while producer.in_flight_count() > WINDOW as i32 {
                producer.poll(Duration::from_millis(1));
            }
        }
    }
    producer.flush(LIMIT).expect("delivery");
}

/// Nanoseconds of this process's CPU a record.
fn measure(records: usize, work: impl FnOnce()) -> u64 {
    let before = cpu();
    work();
    let spent = cpu() - before;
    u64::try_from(spent.as_nanos()).expect("a short time") / records as u64
}

/// CPU time of all threads of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().expect("CPU time is not negative")
}
