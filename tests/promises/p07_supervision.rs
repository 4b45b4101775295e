//! P7: panic, stop and hang are detected, and whatever fails is replaced.

use std::time::Duration;

use greenroom::status::Records;
use greenroom::supervision::{Remedy, RestartLimits};
use greenroom::topology::Sabotage;
use rdkafka::producer::BaseRecord;

use crate::harness::{Broker, Lodger, Pipes, Service, Settings, Terms, Topics, eventually};

fn event(number: usize) -> String {
    format!(
        r#"{{"user_id":"{number}","app_version":"2.3.0","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":1694479551}}"#
    )
}

fn events(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(event).collect()
}

/// Each actor panics and stops in turn, with records under way all the while. None of them is lost,
/// and none is counted twice.
fn replace_each_of(actors: &[&str], mut lodger: Lodger) {
    let (mut written, mut rejects) = (0, 0);
    for actor in actors {
        for order in [Sabotage::Panic, Sabotage::Stop] {
            let before = lodger.restarts(actor);
            lodger.write(&events(written..written + 250));
            lodger.sabotage(actor, order);
            lodger.write(&["no event".to_owned()]);
            lodger.write(&events(written + 250..written + 500));
            written += 500;
            rejects += 1;
            eventually("the replacement", || lodger.restarts(actor) > before);
        }
    }
    eventually("all to be committed", || {
        lodger.committed() == (written + rejects) as i64
    });
    let told = Records {
        consumed: (written + rejects) as u64,
        produced: written as u64,
        rejected: rejects as u64,
        ..Records::default()
    };
    eventually("nothing to be in flight", || {
        lodger.records().in_flight == 0 && lodger.records().in_flight_bytes == 0
    });
    assert_eq!(lodger.records(), told, "P6: each record has one end");
    let mut users = lodger.users();
    users.sort_by_key(|user| user.parse::<usize>().expect("a number"));
    let all: Vec<_> = (0..written).map(|number| number.to_string()).collect();
    assert_eq!(users, all);
    lodger.move_out();
}

#[test]
fn p7_every_actor_is_replaced_after_a_panic_and_a_stop_and_nothing_is_lost() {
    let actors = ["transformer-0", "error-router", "aggregator", "producer"];
    replace_each_of(&actors, Lodger::move_in(Terms::default()));
}

/// On a real broker: librdkafka's mock of one ends the process (an assertion of its own) where
/// members come and go while others join.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_the_consumer_is_replaced_after_a_panic_and_a_stop_and_nothing_is_lost() {
    let terms = Terms {
        broker: Some(Broker::shared()),
        partitions: 4,
        ..Terms::default()
    };
    replace_each_of(&["consumer"], Lodger::move_in(terms));
}

#[test]
fn p3_a_worker_that_blocks_its_thread_is_replaced_and_its_late_output_is_fenced() {
    const HANG: Duration = Duration::from_secs(10);
    let mut lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_secs(1),
        ..Terms::default()
    });
    lodger.write(&events(0..10));
    eventually("the first", || lodger.committed() == 10);
    lodger.sabotage("transformer-0", Sabotage::Hang(HANG));
    lodger.write(&events(10..1000));
    eventually("the replacement", || lodger.restarts("transformer-0") == 1);
    assert_eq!(
        lodger.status.borrow().abandoned,
        1,
        "its thread is still there"
    );
    eventually("the others", || lodger.committed() == 1000);
    eventually("the abandoned thread to end", || {
        lodger.status.borrow().abandoned == 0
    });
    lodger.move_out();
    assert_eq!(
        lodger.topics.drain(&lodger.pipes.output).len(),
        1000,
        "nothing came twice"
    );
}

#[test]
fn p7_restarts_over_the_limit_escalate_with_the_reason() {
    let lodger = Lodger::move_in(Terms {
        restarts: RestartLimits {
            restarts: 2,
            first_wait: Duration::from_millis(1),
            ..RestartLimits::default()
        },
        ..Terms::default()
    });
    for restart in 0..3 {
        eventually("the replacement", || {
            lodger.restarts("aggregator") == restart
        });
        lodger.sabotage("aggregator", Sabotage::Panic);
    }
    let escalation = lodger.escalation();
    assert_eq!(&*escalation.actor, "aggregator");
    assert_eq!(escalation.remedy, Remedy::RestartAll);
    assert!(
        escalation.reason.contains("panicked at"),
        "{}",
        escalation.reason
    );
}

/// A producer whose certificates are not there fails at every start, on a house whose other
/// clients do well.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_a_crash_loop_at_start_ends_in_exit_1_with_the_reason_last() {
    const LIMIT: usize = 2;
    let broker = Broker::shared();
    let pipes = Pipes::lay(&Topics::of(broker), 1);
    let settings = Settings::logins(broker, &pipes)
        .with("GREENROOM_RESTART_LIMIT", &LIMIT.to_string())
        .with("GREENROOM_KAFKA_PRODUCER_SECURITY_PROTOCOL", "ssl")
        .with("GREENROOM_KAFKA_PRODUCER_SSL_CA_LOCATION", "/nowhere.pem");
    let mut service = Service::start(&settings);
    assert_eq!(service.wait().code(), Some(1));

    let log = service.log();
    let last = log.lines().last().expect("a last line");
    assert!(last.contains("producer: more than 2 restarts"), "{last}");
    assert!(
        last.contains("ssl.ca.location"),
        "the reason itself: {last}"
    );
    let failures = log.lines().filter(|line| line.contains("actor failed"));
    let of_producer = failures
        .filter(|line| line.contains(r#""actor":"producer""#))
        .count();
    // The limit, and one more that escalates; then the same for the pipeline as a whole.
    assert_eq!(of_producer, 2 * (LIMIT + 1), "{log}");
}

/// The brokers answer every question and refuse every write: that is an outage, and no stall that a
/// new client could mend.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p7_an_output_without_its_replicas_is_away_and_no_stall() {
    let mut broker = Broker::start(3);
    let topics = Topics::of(&broker);
    let output = topics.create_replicated("output", 1, 2);
    let pipes = Pipes {
        output,
        ..Pipes::lay(&topics, 1)
    };
    let settings = Settings::logins(&broker, &pipes).with("GREENROOM_STALL_AFTER", "10s");
    let service = Service::ready(&settings);
    let follower = topics.follower(&pipes.output);
    broker.kill(follower);
    topics.produce([BaseRecord::<[u8], [u8]>::to(&pipes.input).payload(event(1).as_bytes())]);
    eventually("the outage to be noticed, twice", || {
        service.log().matches("its brokers are waited for").count() >= 2
    });
    broker.restart(follower);
    eventually("the record to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == 1
    });
    let actors = service.status()["actors"].clone();
    for actor in actors.as_array().expect("actors") {
        assert_eq!(actor["restarts"], 0, "{actor}");
    }
}
