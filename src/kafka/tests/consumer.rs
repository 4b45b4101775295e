//! The consumer on the embedded broker.

use super::*;

#[test]
fn p9_key_headers_timestamp_tombstone_and_empty_survive() {
    let broker = embedded(1);
    let settings = settings(&broker.bootstrap());
    survive(&settings, TOPIC);
}

pub(super) fn survive(settings: &Settings, topic: &str) {
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
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let bytes = run.messages.iter();
        let bytes = bytes.map(|message| length(message.key()) + length(message.value()));
        let mut exact = Records::with_capacity(run.messages.len(), bytes.sum());
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
pub(super) fn rebalance(settings: &Settings, topic: &str) {
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

pub(super) fn seek(settings: &Settings, topic: &str) {
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

pub(super) fn out_of_range(settings: &Settings, topic: &str) {
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

pub(super) fn commit(settings: &Settings, topic: &str) {
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
