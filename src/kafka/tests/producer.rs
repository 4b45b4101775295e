//! The producer on the embedded broker.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

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

/// Who hears of a delivery sends what waited for room. If the room came later, nobody would tell.
#[test]
fn p1_what_is_reported_has_made_room_already() {
    let broker = embedded(1);
    let settings = Settings {
        budget: 1 << 20,
        ..settings(&broker.bootstrap())
    };
    let (report, reported) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let producer = Producer::new(&settings, &[TOPIC], move |_| {
        let _ = report.send(());
        let _ = wait.recv();
    });
    let producer = producer.expect("a producer");
    // Two of them are more than the queue may hold.
    let value = "x".repeat(700_000);
    let send = |index| producer.send(0, Some(0), text(&value), Tag::new(1, index));
    assert_eq!(send(0), Ok(()));
    assert_eq!(send(1), Err(SendError::QueueFull));
    reported.recv_timeout(LIMIT).expect("a report");
    let sent = send(1);
    drop(go_on);
    assert_eq!(sent, Ok(()));
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
    // A record that was on its way when the broker went comes back into the queue, perhaps after
    // a purge.
    until("all reports", || {
        sender.producer.purge_queue();
        (sender.producer.pending() == 0).then_some(())
    });
    let mut failed: Vec<_> = sender
        .reported()
        .iter()
        .map(|receipt| match *receipt {
            Receipt::Failed {
                ticket: 5,
                index,
                code: Code::PurgeQueue,
            } => index,
            other => panic!("{other:?}"),
        })
        .collect();
    failed.sort_unstable();
    assert_eq!(failed, (0..100).collect::<Vec<_>>());
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
