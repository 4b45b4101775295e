//! P4: memory stays bounded, whatever the backlog and however long an outage.

use std::collections::HashSet;
use std::io::Write;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use greenroom::generator::{Event, Generator, Kind, Profile};
use greenroom::supervision::Remedy;
use greenroom::topology::Sabotage;

use crate::harness::{
    Broker, Lodger, Pipes, Service, Settings, Terms, Topics, eventually, feed, id_of, noise, pour,
};
use crate::storm::scaled;

const MIB: u64 = 1 << 20;

/// P4's bound with a budget of 64 MiB, librdkafka's queues included.
const BOUND: u64 = 250 * MIB;

fn hang(value: &[u8]) -> Option<Sabotage> {
    // Longer than any test lasts: these threads never end.
    let forever = Sabotage::Hang(Duration::from_secs(3600));
    value.starts_with(b"hang").then_some(forever)
}

/// The record is found first and becomes a dead letter; then nobody is left who would ever give
/// its memory back.
#[test]
fn p4_hung_threads_that_hold_half_the_budget_end_the_process() {
    const BUDGET: usize = 256 << 10;
    let lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_millis(500),
        poison: Some(hang),
        in_flight_bytes: BUDGET,
        ..Terms::default()
    });
    lodger.write(&["hang".repeat(BUDGET / 16)]);
    let escalation = lodger.escalation();
    assert_eq!(escalation.remedy, Remedy::GiveUp);
    let budget = format!("of a budget of {BUDGET}");
    assert!(escalation.reason.contains(&budget), "{}", escalation.reason);
    assert_eq!(lodger.topics.drain(&lodger.pipes.dead_letters).len(), 1);
}

/// What a producer holds that hangs is read again and goes out; but its memory is in use, and what
/// others work with is too little.
#[test]
fn p4_a_hung_producer_that_holds_half_the_budget_ends_the_process() {
    const BUDGET: usize = 256 << 10;
    let lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_millis(500),
        in_flight_bytes: BUDGET,
        ..Terms::default()
    });
    lodger.sabotage("producer", Sabotage::Hang(Duration::from_secs(3600)));
    lodger.write(&["x".repeat(BUDGET / 6)]);
    let escalation = lodger.escalation();
    assert_eq!(escalation.remedy, Remedy::GiveUp);
    let budget = format!("of a budget of {BUDGET}");
    assert!(escalation.reason.contains(&budget), "{}", escalation.reason);
}

/// What waits in a hung worker's mailbox is worked on by its successor, and its credit returns.
#[test]
fn p4_a_hung_workers_mailbox_keeps_no_credit() {
    const BUDGET: usize = 256 << 10;
    let mut lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_secs(2),
        in_flight_bytes: BUDGET,
        ..Terms::default()
    });
    lodger.sabotage("transformer-0", Sabotage::Hang(Duration::from_secs(3600)));
    // Two of these do not fit into the budget: the second is read when the first's credit is back.
    let value = "x".repeat(BUDGET / 6);
    for written in 1..=2 {
        lodger.write(std::slice::from_ref(&value));
        eventually("it to be committed", || lodger.committed() == written);
    }
    assert_eq!(lodger.status.borrow().abandoned, 1);
    lodger.move_out();
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p4_a_backlog_is_worked_off_within_the_bound() {
    let records = scaled(2_000_000);
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 8);
    feed(
        &topics,
        &pipes,
        records,
        &mut Generator::new(Profile::new(Kind::Usual, 5)),
    );
    let service = Service::start(&Settings::logins(broker, &pipes));
    wait_for(&topics, &pipes, records as i64);
    assert_bounded(&service);
}

/// Waits until so many records are settled, however long it takes, as long as it goes on.
fn wait_for(topics: &Topics, pipes: &Pipes, records: i64) {
    let mut settled = 0;
    while settled < records {
        eventually("the backlog to grow shorter", || {
            let before = settled;
            settled = topics.committed(&pipes.group, &pipes.input);
            settled > before
        });
    }
}

pub fn assert_bounded(service: &Service) {
    let peak = service.peak();
    eprintln!("{} MiB resident at most", peak / MIB);
    assert!(peak < BOUND, "{} MiB", peak / MIB);
}

/// Login events, of which one in a thousand is up to 900 kB large: what it holds beside the usual
/// members passes through.
fn of_all_sizes(records: usize) -> impl Iterator<Item = Event> {
    const LARGEST: usize = 900_000;
    let filling = noise(LARGEST);
    let mut rng = SmallRng::seed_from_u64(4);
    let mut usual = Generator::new(Profile::new(Kind::Usual, 4));
    (0..records).map(move |n| {
        let mut event = Event::default();
        usual.fill(&mut event, 1_700_000_000);
        if n % 1000 == 0 {
            let value = event.value.as_mut().expect("a usual event has a value");
            assert_eq!(value.pop(), Some(b'}'));
            let filling = &filling[..rng.random_range(1000..LARGEST)];
            write!(value, r#","filling":"{filling}"}}"#).expect("a vector takes all");
        }
        event
    })
}

/// Inputs lie on two nodes of three, what is written on the third, which is away for a minute: the
/// group lives on meanwhile, and reading stops.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p4_records_of_all_sizes_on_many_partitions_and_an_outage_stay_within_the_bound() {
    let records = scaled(2_000_000);
    let outage = Duration::from_secs(scaled(60).clamp(20, 60) as u64);
    let mut broker = Broker::start(3);
    let topics = Topics::of(&broker);
    let pipes = Pipes {
        input: topics.create_on("input", 64, &[0, 1]),
        output: topics.create_on("output", 64, &[2]),
        dead_letters: topics.create_on("dead-letters", 1, &[2]),
        ..Pipes::lay(&topics, 1)
    };
    pour(&topics, &pipes.input, of_all_sizes(records));
    let service = Service::ready(&Settings::logins(&broker, &pipes));
    eventually("some results", || {
        service.number("/records/produced") > records as u64 / 100
    });

    let joined = service.metric("greenroom_rebalances_total");
    broker.freeze(2);
    // Nothing is waited for but the outage itself: its length is what is tested.
    std::thread::sleep(outage);
    broker.thaw(2);
    wait_for(&topics, &pipes, records as i64);

    assert_eq!(service.metric("greenroom_rebalances_total"), joined);
    assert_bounded(&service);
    let mut found = HashSet::new();
    for topic in [&pipes.output, &pipes.dead_letters] {
        topics.each(topic, |record| found.extend(id_of(&record)));
    }
    assert_eq!(found.len(), records, "inputs with a result");
}
