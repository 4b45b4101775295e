//! P2 where workers share partitions by key: each key keeps its order, and one partition has more
//! than one worker.

use std::sync::Barrier;
use std::time::Duration;

use greenroom::config::WorkerKey;
use greenroom::topology::Sabotage;
use rdkafka::producer::BaseRecord;

use crate::harness::{
    Broker, Evidence, Lodger, Pipes, Settings, Terms, Topics, eventually, header,
};
use crate::p11_exact_counts::{assert_exact, exactly_once, live_and_die, settings};

/// Of two workers the first has this key, the second the other.
const KEYS: [&str; 2] = ["abc", "foobar"];

fn terms(transformers: usize) -> Terms {
    Terms {
        transformers,
        worker_key: WorkerKey::Key,
        ..Terms::default()
    }
}

/// Writes an event a user into the one partition, under the key that its name begins with.
fn write(lodger: &Lodger, users: &[String]) {
    let events: Vec<_> = users.iter().map(|user| event(user)).collect();
    lodger
        .topics
        .produce(users.iter().zip(&events).map(|(user, event)| {
            let record = BaseRecord::<[u8], [u8]>::to(&lodger.pipes.input).partition(0);
            let record = record.payload(event.as_bytes());
            match key_of(user) {
                "" => record,
                key => record.key(key.as_bytes()),
            }
        }));
}

fn event(user: &str) -> String {
    format!(
        r#"{{"user_id":"{user}","app_version":"2.3.0","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":1694479551}}"#
    )
}

fn key_of(user: &str) -> &str {
    user.split('-').next().unwrap_or_default()
}

/// The users of one key.
fn of_key(users: &[String], key: &str) -> Vec<String> {
    let users = users.iter().filter(|user| key_of(user) == key);
    users.cloned().collect()
}

#[test]
fn p2_each_key_keeps_its_order_while_workers_are_replaced() {
    const ROUND: usize = 300;
    let keys: Vec<String> = (0..8).map(|n| format!("key{n}")).collect();
    let mut names = keys.iter().map(String::as_str).collect::<Vec<_>>();
    names.push("");
    let users = (0..).zip(names.iter().cycle());
    let users: Vec<_> = users
        .map(|(n, key)| format!("{key}-{n}"))
        .take(5 * ROUND)
        .collect();

    let mut lodger = Lodger::move_in(terms(4));
    let mut rounds = users.chunks(ROUND);
    for worker in 0..4 {
        let actor = format!("transformer-{worker}");
        write(&lodger, rounds.next().expect("five rounds"));
        lodger.sabotage(&actor, Sabotage::Panic);
        eventually("the replacement", || lodger.restarts(&actor) == 1);
    }
    write(&lodger, rounds.next().expect("five rounds"));
    eventually("all to be committed", || {
        lodger.committed() == users.len() as i64
    });
    let written = lodger.users();
    assert_eq!(written.len(), users.len());
    for key in names {
        assert_eq!(of_key(&written, key), of_key(&users, key), "{key}");
    }
    lodger.move_out();
}

fn poison(value: &[u8]) -> Option<Sabotage> {
    let holds = |word: &[u8]| value.windows(word.len()).any(|window| window == word);
    if holds(b"-panic\"") {
        Some(Sabotage::Panic)
    } else if holds(b"-hang\"") {
        Some(Sabotage::Hang(Duration::from_secs(10)))
    } else {
        None
    }
}

#[test]
fn p5_poison_records_of_one_key_fail_alone() {
    let mut lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_secs(1),
        poison: Some(poison),
        ..terms(2)
    });
    let users = [
        "abc-1",
        "foobar-1",
        "abc-panic",
        "abc-2",
        "foobar-2",
        "abc-hang",
        "foobar-3",
        "abc-3",
    ];
    write(&lodger, &users.map(str::to_owned));
    eventually("all to be committed", || lodger.committed() == 8);

    let letters = lodger.topics.drain(&lodger.pipes.dead_letters);
    let told = |name| -> Vec<_> { letters.iter().map(|of| header(of, name)).collect() };
    assert_eq!(told("greenroom.source.offset"), [Some("2"), Some("5")]);
    assert_eq!(told("greenroom.error.type"), [Some("poison"); 2]);
    assert_eq!(told("greenroom.attempts"), [Some("3"); 2]);
    let written = lodger.users();
    for key in KEYS {
        let all = [1, 2, 3].map(|n| format!("{key}-{n}"));
        assert_eq!(of_key(&written, key), all);
    }
    assert_eq!(lodger.restarts("transformer-0"), 6, "three for each");
    assert_eq!(lodger.restarts("transformer-1"), 0, "it had no part in it");
    lodger.move_out();
}

static MEETING: Barrier = Barrier::new(2);

/// No record of these goes on before another worker is at one, too.
fn meet(_: &[u8]) -> Option<Sabotage> {
    MEETING.wait();
    None
}

#[test]
fn one_partition_has_two_workers_at_the_same_time() {
    let mut lodger = Lodger::move_in(Terms {
        poison: Some(meet),
        ..terms(2)
    });
    write(&lodger, &KEYS.map(|key| format!("{key}-1")));
    eventually("both to be committed", || lodger.committed() == 2);
    lodger.move_out();
}

fn die_and_keep_order(delivery: impl Fn(Settings) -> Settings) -> Evidence {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 4);
    let settings = delivery(settings(broker, &pipes))
        .with("GREENROOM_WORKER_KEY", "key")
        .with("GREENROOM_TRANSFORMERS", "4");
    live_and_die(&topics, &pipes, &settings, || {}, || {});
    assert_exact(&topics, &pipes, &settings);
    let evidence = Evidence::gather(&topics, &pipes);
    evidence.assert_nothing_lost();
    evidence.assert_keys_in_order();
    evidence
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_p11_keys_are_in_order_and_counts_exact_after_kill_9() {
    die_and_keep_order(|settings| settings);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p2_p11_p12_keys_are_in_order_and_counts_exact_after_kill_9_in_mid_transaction() {
    die_and_keep_order(exactly_once).assert_no_duplicate();
}
