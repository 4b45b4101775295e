//! Every client ends, whatever it waits for.

use super::*;

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
