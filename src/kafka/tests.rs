//! On the embedded broker; those that need a real one are ignored in plain `cargo test`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::admin::TopicPlan;
use super::*;
use crate::record::Records;

const TOPIC: &str = "t";
/// Long enough for a loaded machine; reached only where a test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Calls `step` until it gives a value.
fn until<T>(what: &str, mut step: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = step() {
            return value;
        }
        assert!(start.elapsed() < LIMIT, "waited too long for {what}");
    }
}

/// Runs `work` on a thread and fails if it does not end.
fn bounded(what: &str, work: impl FnOnce() + Send + 'static) {
    let (ended, wait) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        ended.send(()).expect("the test waits");
    });
    wait.recv_timeout(LIMIT)
        .unwrap_or_else(|_| panic!("{what} hangs or panicked"));
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

#[test]
fn p9_key_headers_timestamp_tombstone_and_empty_survive() {
    let broker = embedded(1);
    let settings = settings(&broker.bootstrap());
    survive(&settings, TOPIC);
}

fn survive(settings: &Settings, topic: &str) {
    let sender = Sender::new(settings, topic);
    let headers: [(&[u8], Option<&[u8]>); 4] = [
        (b"twice", Some(b"1")),
        (b"twice", Some(&[0, 255])),
        (b"null", None),
        (b"", Some(b"")),
    ];
    let records = [
        (
            Some(&[0, 159, 146, 150][..]),
            Some(&b"{}"[..]),
            Some(1_700_000_000_000),
            &headers[..],
        ),
        (None, None, None, &headers[..0]),
        (Some(b""), Some(b""), Some(1), &headers[..1]),
    ];
    for (key, value, timestamp, headers) in records {
        let record = NewRecord {
            key,
            value,
            timestamp,
            headers: headers.iter().copied(),
        };
        let sent = sender.producer.send(0, Some(0), record, Tag::new(0, 0));
        sent.expect("the record is taken");
    }
    sender.producer.flush(LIMIT).expect("delivery");

    let (mut consumer, _) = consumer_at(settings, topic, 0);
    let batches = read_all(&mut consumer, records.len());
    let read: Vec<_> = batches.iter().flat_map(Records::iter).collect();
    for (index, (read, (key, value, timestamp, headers))) in read.iter().zip(records).enumerate() {
        assert_eq!(read.offset(), index as i64);
        assert_eq!((read.key(), read.value()), (key, value), "record {index}");
        assert_eq!(
            read.headers().collect::<Vec<_>>(),
            headers,
            "record {index}"
        );
        match timestamp {
            Some(_) => assert_eq!(read.timestamp(), timestamp),
            None => assert!(read.timestamp().is_some_and(|now| now > 1_700_000_000_000)),
        }
    }
}

#[test]
fn p4_an_arena_is_exactly_as_large_as_its_run() {
    let broker = embedded(1);
    let settings = settings(&broker.bootstrap());
    Sender::new(&settings, TOPIC).fill(1, 100);
    let (mut consumer, _) = consumer_at(&settings, TOPIC, 0);
    until("a run", || {
        consumer.events();
        let fetch = consumer.read(Duration::from_millis(50), 100);
        let run = fetch.runs().next()?.expect("a run");
        let copied = run.records();
        let mut exact = Records::with_capacity(run.messages.len(), run.bytes());
        assert_eq!(copied.bytes(), exact.bytes());
        for message in run.messages {
            exact.push(message.offset(), None, message.key(), message.value());
        }
        assert_eq!(
            copied.bytes(),
            exact.bytes(),
            "nothing grew while it was filled"
        );
        Some(())
    });
}

#[test]
fn p1_a_rebalance_waits_for_its_answer_and_nothing_is_lost_or_doubled() {
    let broker = embedded(8);
    rebalance(&settings(&broker.bootstrap()), TOPIC);
}

/// A second member joins, and leaves again. The first drains in its own loop before it answers.
fn rebalance(settings: &Settings, topic: &str) {
    const PARTITIONS: usize = 8;
    const RECORDS: u32 = 500;
    let sender = Sender::new(settings, topic);
    sender.fill(PARTITIONS as i32, RECORDS);
    let (mut first, mut positions) = Member::joined(settings, topic, PARTITIONS);

    let mut second = Member::new(settings, topic);
    until("the first's revoke", || {
        first.step(&mut positions);
        second.step(&mut positions);
        first.revoked.as_ref().map(drop)
    });
    // Unanswered, the rebalance stands still, whatever is polled meanwhile.
    for _ in 0..100 {
        first.step(&mut positions);
        second.step(&mut positions);
        assert!(second.held.is_empty(), "taken before they were given back");
    }
    until("the shared assignment", || {
        first.give_back();
        first.step(&mut positions);
        second.step(&mut positions);
        let both = !first.held.is_empty() && !second.held.is_empty();
        (both && first.held.len() + second.held.len() == PARTITIONS).then_some(())
    });
    assert!(first.held.is_disjoint(&second.held));
    sender.fill(PARTITIONS as i32, RECORDS);
    until("all records", || {
        first.step(&mut positions);
        second.step(&mut positions);
        positions
            .values()
            .all(|next| *next == 2 * i64::from(RECORDS))
            .then_some(())
    });

    second.consumer.close(LIMIT).expect("the second closes");
    sender.fill(PARTITIONS as i32, RECORDS);
    until("all records again", || {
        first.give_back();
        first.step(&mut positions);
        positions
            .values()
            .all(|next| *next == 3 * i64::from(RECORDS))
            .then_some(())
    });
    assert_eq!(first.held.len(), PARTITIONS);
    assert_eq!(first.read + second.read, PARTITIONS * 3 * RECORDS as usize);
}

#[test]
fn p3_a_seek_drops_what_was_fetched_before() {
    let broker = embedded(1);
    seek(&settings(&broker.bootstrap()), TOPIC);
}

fn seek(settings: &Settings, topic: &str) {
    Sender::new(settings, topic).fill(1, 3000);
    let (mut consumer, partition) = consumer_at(settings, topic, 0);
    for target in [0, 1, 1700, 10] {
        // Some are read; hundreds more are fetched by now, and must not be seen again.
        read_all(&mut consumer, 100);
        consumer
            .seek(&[(partition.clone(), target)])
            .expect("the seek");
        let batches = read_all(&mut consumer, 1000);
        let offsets = batches
            .iter()
            .flat_map(Records::iter)
            .map(|record| record.offset());
        assert!(
            offsets
                .zip(target..)
                .all(|(read, expected)| read == expected)
        );
    }
}

#[test]
fn p4_a_pause_stops_and_a_resume_goes_on_without_gap_or_double() {
    let broker = embedded(1);
    let settings = settings(&broker.bootstrap());
    Sender::new(&settings, TOPIC).fill(1, 3000);
    let (mut member, mut positions) = Member::joined(&settings, TOPIC, 1);
    let partition: Vec<_> = member.held.iter().cloned().collect();
    for goal in [200, 1200, 3000] {
        until("records", || {
            member.step(&mut positions);
            (member.read >= goal).then_some(())
        });
        member.consumer.pause(&partition).expect("a pause");
        let before = member.read;
        for _ in 0..20 {
            member.step(&mut positions);
        }
        assert_eq!(member.read, before, "read while paused");
        member.consumer.resume(&partition).expect("a resume");
    }
    assert_eq!(
        member.consumer.low_high_seen(&partition[0]),
        Some((0, 3000))
    );
    assert_eq!(
        member.consumer.low_high(&partition[0], LIMIT),
        Ok((0, 3000))
    );
}

#[test]
fn p6_an_offset_that_is_gone_is_an_error_and_no_silent_jump() {
    let broker = embedded(1);
    out_of_range(&settings(&broker.bootstrap()), TOPIC);
}

fn out_of_range(settings: &Settings, topic: &str) {
    Sender::new(settings, topic).fill(1, 10);
    let (mut consumer, partition) = consumer_at(settings, topic, 1_000_000);
    let error = until("the error", || {
        consumer.events();
        let fetch = consumer.read(Duration::from_millis(50), 10);
        fetch.runs().next().map(|run| run.err().expect("an error"))
    });
    assert_eq!((error.code, error.partition), (Code::AutoOffsetReset, 0));
    consumer.seek(&[(partition, 4)]).expect("the seek");
    assert_eq!(read_all(&mut consumer, 6)[0].get(0).offset(), 4);
}

#[test]
fn p1_a_commit_is_reported_and_can_be_read_back() {
    let broker = embedded(1);
    commit(&settings(&broker.bootstrap()), TOPIC);
}

fn commit(settings: &Settings, topic: &str) {
    let (mut consumer, partition) = consumer_at(settings, topic, 0);
    let asked = [partition.clone()];
    assert_eq!(consumer.committed(&asked, LIMIT), Ok(vec![None]));
    consumer
        .commit(&[(partition.clone(), 7)])
        .expect("the commit is asked for");
    let committed = until("the result", || {
        consumer.events().into_iter().find_map(|event| match event {
            ControlEvent::Committed(committed) => Some(committed),
            _ => None,
        })
    });
    let expected = Committed {
        partition,
        offset: 7,
        result: Ok(()),
    };
    assert_eq!(committed, [expected]);
    assert_eq!(consumer.committed(&asked, LIMIT), Ok(vec![Some(7)]));
    assert!(!consumer.assignment_lost());
}

#[test]
fn p1_receipts_count_every_record_once_under_its_ticket() {
    let broker = embedded(4);
    let sender = Sender::new(&settings(&broker.bootstrap()), TOPIC);
    for ticket in 1..=3 {
        for index in 0..1000 {
            sender.send(index as i32 % 4, "v", Tag::new(ticket, index));
        }
    }
    sender.producer.flush(LIMIT).expect("delivery");
    assert_eq!(sender.producer.pending(), 0);
    let mut delivered = BTreeMap::new();
    let receipts = sender.reported();
    for receipt in &receipts {
        match *receipt {
            Receipt::Delivered { ticket, records } => {
                *delivered.entry(ticket).or_default() += records
            }
            failed => panic!("{failed:?}"),
        }
    }
    assert_eq!(delivered, BTreeMap::from([(1, 1000), (2, 1000), (3, 1000)]));
    assert!(
        receipts.len() < 300,
        "{} receipts are not grouped",
        receipts.len()
    );
}

#[test]
fn p1_a_refused_record_is_named_by_its_index() {
    let broker = embedded(1);
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE];
    broker
        .cluster()
        .request_errors(RDKafkaApiKey::Produce, &refused);
    let sender = Sender::new(&settings(&broker.bootstrap()), TOPIC);
    sender.send(0, "v", Tag::new(9, 4));
    sender.producer.flush(LIMIT).expect("a report");
    let failed = Receipt::Failed {
        ticket: 9,
        index: 4,
        code: Code::MessageSizeTooLarge,
    };
    assert_eq!(sender.reported(), [failed]);
}

#[test]
fn p4_a_full_queue_refuses_and_takes_again_when_it_empties() {
    let broker = embedded(1);
    let sender = Sender::new(
        &Settings {
            budget: 1 << 20,
            ..settings(&broker.bootstrap())
        },
        TOPIC,
    );
    broker.cluster().broker_down(-1).expect("no broker");
    let value = "x".repeat(10_000);
    let mut taken = 0;
    let refused = until("a full queue", || {
        let sent = sender
            .producer
            .send(0, Some(0), text(&value), Tag::new(1, taken));
        taken += u32::from(sent.is_ok());
        sent.err()
    });
    assert_eq!(refused, SendError::QueueFull);
    assert!(
        taken < 200,
        "{taken} records of 10 kB are more than the queue may hold"
    );
    broker.cluster().broker_up(-1).expect("the broker is back");
    sender.send(0, &value, Tag::new(1, taken));
    sender.producer.flush(LIMIT).expect("delivery");
    let delivered: u32 = sender
        .reported()
        .iter()
        .map(|receipt| match receipt {
            Receipt::Delivered { records, .. } => *records,
            failed => panic!("{failed:?}"),
        })
        .sum();
    assert_eq!(delivered, taken + 1);
}

#[test]
fn p3_a_purge_reports_each_unsent_record() {
    let broker = embedded(1);
    let sender = Sender::new(&settings(&broker.bootstrap()), TOPIC);
    sender.fill(1, 1);
    sender.reported();
    broker.cluster().broker_down(-1).expect("no broker");
    for index in 0..100 {
        sender.send(0, "v", Tag::new(5, index));
    }
    sender.producer.purge_queue();
    sender.producer.flush(LIMIT).expect("reports");
    let failed = |index| Receipt::Failed {
        ticket: 5,
        index,
        code: Code::PurgeQueue,
    };
    assert_eq!(sender.reported(), (0..100).map(failed).collect::<Vec<_>>());
}

#[test]
fn a_record_too_large_for_the_client_is_refused_at_once() {
    let broker = embedded(1);
    let sender = Sender::new(&settings(&broker.bootstrap()), TOPIC);
    let value = "x".repeat(sender.producer.max_message_bytes() + 1);
    let sent = sender
        .producer
        .send(0, Some(0), text(&value), Tag::new(0, 0));
    assert_eq!(sent, Err(SendError::TooLarge));
}

#[test]
fn p2_a_key_goes_where_javas_partitioner_puts_it() {
    let broker = embedded(8);
    let settings = settings(&broker.bootstrap());
    let sender = Sender::new(&settings, TOPIC);
    // From Kafka's own tests of Utils.murmur2: -973932308, -790332482, 479470107 and, of nothing,
    // 275646681; the sign bit cleared, modulo 8.
    let keys: [(&[u8], i32); 4] = [(b"21", 4), (b"foobar", 6), (b"abc", 3), (b"", 1)];
    for (key, _) in keys {
        let record = NewRecord::new(Some(key), Some(b"v"));
        sender
            .producer
            .send(0, None, record, Tag::new(0, 0))
            .expect("the record is taken");
    }
    sender.producer.flush(LIMIT).expect("delivery");
    let (mut consumer, _) = consumer_at(&settings, TOPIC, 0);
    let mut found = BTreeMap::new();
    until("the keys", || {
        consumer.events();
        let fetch = consumer.read(Duration::from_millis(50), 10);
        for run in fetch.runs() {
            let run = run.expect("a run");
            for message in run.messages {
                found.insert(message.key().expect("a key").to_vec(), run.partition);
            }
        }
        (found.len() == keys.len()).then_some(())
    });
    for (key, partition) in keys {
        assert_eq!(found[key], partition);
    }
}

#[test]
fn partitions_are_counted() {
    let broker = embedded(3);
    let settings = settings(&broker.bootstrap());
    let admin = Admin::new(&settings).expect("a client");
    assert_eq!(admin.partitions(&[TOPIC], LIMIT), Ok(vec![Ok(3)]));
    let sender = Sender::new(&settings, TOPIC);
    assert_eq!(sender.producer.partition_count(0, LIMIT), Ok(3));
}

#[test]
fn p8_closing_never_waits_for_an_answer_nobody_gives() {
    let broker = embedded(4);
    let settings = settings(&broker.bootstrap());
    Sender::new(&settings, TOPIC).fill(4, 500);
    // Never polled, an unanswered assign, records fetched but not read, an unanswered revoke.
    Consumer::new(&settings)
        .expect("a consumer")
        .close(LIMIT)
        .expect("a fresh one closes");

    let mut consumer = Consumer::new(&settings).expect("a consumer");
    consumer.subscribe(&[TOPIC]).expect("a subscription");
    until("an assign", || {
        let events = consumer.events();
        events
            .iter()
            .any(|event| matches!(event, ControlEvent::Assign(_)))
            .then_some(())
    });
    consumer
        .close(LIMIT)
        .expect("one with an unanswered assign closes");

    let (mut first, mut positions) = Member::joined(&settings, TOPIC, 4);
    let mut second = Member::new(&settings, TOPIC);
    until("a revoke", || {
        first.step(&mut positions);
        second.step(&mut positions);
        first.revoked.as_ref().map(drop)
    });
    first
        .consumer
        .close(LIMIT)
        .expect("one with an unanswered revoke closes");
    bounded("dropping a consumer", move || drop(second));
}

#[test]
fn p8_clients_end_with_no_broker_to_talk_to() {
    let broker = embedded(1);
    let settings = settings(&broker.bootstrap());
    let sender = Sender::new(&settings, TOPIC);
    sender.fill(1, 100);
    let (consumer, _) = consumer_at(&settings, TOPIC, 0);
    broker.cluster().broker_down(-1).expect("no broker");
    sender.send(0, "v", Tag::new(3, 1));
    sender.reported();
    let Sender { producer, receipts } = sender;
    bounded("dropping a producer", move || drop(producer));
    let failed: Vec<_> = receipts.try_iter().collect();
    assert!(
        matches!(
            failed[..],
            [Receipt::Failed {
                ticket: 3,
                index: 1,
                ..
            }]
        ),
        "what was given up is reported: {failed:?}"
    );
    consumer.close(LIMIT).expect("the consumer closes");
}

/// A real broker, with a new topic.
fn real(partitions: i32, config: &[(&str, &str)]) -> (Settings, String) {
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
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test -- --ignored"]
fn p1_rebalances_on_a_real_broker_cooperative() {
    let (settings, topic) = real(8, &[]);
    rebalance(&settings, &topic);
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test -- --ignored"]
fn p1_rebalances_on_a_real_broker_eager() {
    let (settings, topic) = real(8, &[]);
    rebalance(
        &with(settings, "partition.assignment.strategy", "range"),
        &topic,
    );
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test -- --ignored"]
fn p1_rebalances_on_a_real_broker_by_the_brokers_protocol() {
    let (settings, topic) = real(8, &[]);
    rebalance(&with(settings, "group.protocol", "consumer"), &topic);
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test -- --ignored"]
fn a_real_broker_keeps_records_seeks_and_commits() {
    let (settings, topic) = real(1, &[]);
    survive(&settings, &topic);
    for scenario in [seek, out_of_range, commit] {
        let (settings, topic) = real(1, &[]);
        scenario(&settings, &topic);
    }
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test -- --ignored"]
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
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test -- --ignored"]
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
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test -- --ignored"]
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
