//! Transactions: the embedded broker takes them, but gives them no meaning.

use super::real::real;
use super::*;

/// A transactional producer that has taken its id.
fn begun(settings: &Settings, topic: &str) -> Sender {
    let sender = Sender::new(&settings.clone().transactional(), topic);
    sender.producer.init_transactions(LIMIT).expect("the id");
    sender.producer.begin_transaction().expect("a transaction");
    sender
}

/// Where reading it all, as far as it is committed, ends: its values.
fn visible(settings: &Settings, topic: &str, count: usize) -> Vec<String> {
    let reader = Settings {
        group: format!("reader-{}", unique()),
        ..settings.clone()
    };
    let (mut consumer, _) = consumer_at(&reader, topic, 0);
    let batches = read_all(&mut consumer, count);
    let records = batches.iter().flat_map(Records::iter);
    let values = records.map(|record| record.value().expect("a value").to_vec());
    let values = values.map(|value| String::from_utf8(value).expect("text"));
    values.collect()
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test kafka:: -- --ignored"]
fn p12_records_and_offsets_are_committed_together_or_not_at_all() {
    let (settings, topic) = real(1, &[]);
    let (consumer, partition) = consumer_at(&settings, &topic, 0);
    let sender = begun(&settings, &topic);
    for (value, offset, commits) in [("aborted", 7, false), ("committed", 5, true)] {
        let membership = consumer.membership().expect("a member");
        let offsets = [(partition.clone(), offset)];
        sender.send(0, value, Tag::new(1, 0));
        let sent = sender.producer.send_offsets(&offsets, &membership, LIMIT);
        assert_eq!(sent, Ok(()));
        let ended = match commits {
            true => sender.producer.commit_transaction(LIMIT),
            false => sender.producer.abort_transaction(LIMIT),
        };
        assert_eq!(ended, Ok(()));
        sender.producer.begin_transaction().expect("the next one");
    }
    sender.send(0, "open", Tag::new(2, 0));
    sender.producer.flush(LIMIT).expect("a report");
    let asked = [partition];
    assert_eq!(consumer.committed(&asked, LIMIT), Ok(vec![Some(5)]));
    assert_eq!(visible(&settings, &topic, 1), ["committed"]);
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test kafka:: -- --ignored"]
fn p12_the_offsets_of_a_member_of_before_are_refused() {
    let (settings, topic) = real(2, &[]);
    let (mut first, mut positions) = Member::joined(&settings, &topic, 2);
    let membership = first.consumer.membership().expect("a member");
    let mut second = Member::new(&settings, &topic);
    until("both to hold one", || {
        first.step(&mut positions);
        first.give_back();
        second.step(&mut positions);
        (first.held.len() == 1 && second.held.len() == 1).then_some(())
    });
    let sender = begun(&settings, &topic);
    sender.send(0, "late", Tag::new(1, 0));
    let offsets: Vec<_> = second.held.iter().map(|of| (of.clone(), 1)).collect();
    let refused = sender.producer.send_offsets(&offsets, &membership, LIMIT);
    let refused = refused.expect_err("the group has gone on");
    assert_eq!(refused.remedy, Remedy::Abort, "{refused}");
    assert_eq!(sender.producer.abort_transaction(LIMIT), Ok(()));
    let held: Vec<_> = second.held.iter().cloned().collect();
    assert_eq!(second.consumer.committed(&held, LIMIT), Ok(vec![None]));
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test kafka:: -- --ignored"]
fn p12_the_later_of_two_producers_of_one_id_fences_the_first() {
    let (settings, topic) = real(1, &[]);
    let first = begun(&settings, &topic);
    first.send(0, "fenced", Tag::new(1, 0));
    first.producer.flush(LIMIT).expect("a report");
    let second = begun(&settings, &topic);
    let fenced = first.producer.commit_transaction(LIMIT);
    let fenced = fenced.expect_err("there is another");
    assert_eq!(
        (fenced.remedy, fenced.error.class()),
        (Remedy::Renew, Class::Fenced)
    );
    second.send(0, "second", Tag::new(1, 0));
    assert_eq!(second.producer.commit_transaction(LIMIT), Ok(()));
    assert_eq!(visible(&settings, &topic, 1), ["second"]);
}

#[test]
#[ignore = "needs a real broker: KAFKA_BROKERS=host:port cargo test kafka:: -- --ignored"]
fn p12_after_a_refused_record_a_transaction_can_only_be_aborted() {
    let (mut settings, topic) = real(1, &[("max.message.bytes", "1000")]);
    let none = ("compression.type".into(), "none".into());
    settings.producer_properties.push(none);
    let sender = begun(&settings, &topic);
    sender.send(0, &"x".repeat(2000), Tag::new(1, 0));
    sender.producer.flush(LIMIT).expect("a report");
    let late = sender
        .producer
        .send(0, Some(0), text("late"), Tag::new(2, 0));
    assert_eq!(late, Err(SendError::Aborting));
    let refused = sender.producer.commit_transaction(LIMIT);
    assert_eq!(refused.expect_err("refused").remedy, Remedy::Abort);
    // The record that is missing leaves a gap in the sequence, which costs another transaction.
    until("a commit", || {
        assert_eq!(sender.producer.abort_transaction(LIMIT), Ok(()));
        sender.producer.begin_transaction().expect("the next one");
        sender.send(0, "small", Tag::new(3, 0));
        let ended = sender.producer.commit_transaction(LIMIT);
        ended.is_ok().then_some(())
    });
    assert_eq!(visible(&settings, &topic, 1), ["small"]);
}

#[test]
fn p12_who_has_not_joined_has_no_membership() {
    let broker = embedded(1);
    let mut consumer = Consumer::new(&settings(&broker.bootstrap())).expect("a consumer");
    consumer.subscribe(&[TOPIC]).expect("a subscription");
    assert!(consumer.membership().is_none());
}

#[test]
fn p12_the_settings_of_a_short_transaction_make_a_producer() {
    let mut settings = settings("localhost:1");
    let timeout = ("transaction.timeout.ms".into(), "5000".into());
    settings.producer_properties.push(timeout);
    let made = Producer::new(&settings.transactional(), &[], |_| {});
    assert!(made.is_ok());
}
