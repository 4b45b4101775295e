//! P4: memory stays bounded, whatever the backlog and however long an outage.

use std::time::Duration;

use greenroom::generator::{Generator, Kind, Profile};
use greenroom::supervision::Remedy;
use greenroom::topology::Sabotage;

use crate::harness::{
    Broker, Evidence, Lodger, Pipes, Service, Settings, Terms, Topics, eventually, feed,
};
use crate::storm::scaled;

const MIB: u64 = 1 << 20;

/// The largest resident memory while `done` does not hold yet.
fn watch(service: &Service, done: impl Fn() -> bool) -> u64 {
    let mut peak = 0;
    eventually("the backlog to be worked off", || {
        peak = peak.max(service.resident());
        done()
    });
    peak
}

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

/// The input's broker lives on while the only one there is for the output is frozen: both are the
/// same here, so reading stops too; what counts is that nothing is lost, nothing restarts, and
/// membership is kept.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p4_an_outage_loses_nothing_restarts_nothing_and_ends_by_itself() {
    outage("at-least-once");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p4_p12_an_outage_in_a_transaction_doubles_nothing_either() {
    outage("exactly-once").assert_no_duplicate();
}

fn outage(delivery: &str) -> Evidence {
    let outage = std::time::Duration::from_secs(scaled(300).clamp(20, 300) as u64);
    let mut broker = Broker::start(1);
    let topics = Topics::of(&broker);
    let pipes = Pipes::lay(&topics, 4);
    let settings = Settings::logins(&broker, &pipes)
        .with("GREENROOM_DELIVERY", delivery)
        .with("GREENROOM_IN_FLIGHT_BYTES", "4MiB");
    let mut usual = Generator::new(Profile::new(Kind::Usual, 4));
    let service = Service::ready(&settings);
    feed(&topics, &pipes, 100_000, &mut usual);
    eventually("some records", || {
        service.number("/records/produced") > 1000
    });

    broker.freeze(0);
    // Nothing is waited for but the outage itself: its length is what is tested.
    std::thread::sleep(outage);
    let peak = service.resident();
    broker.thaw(0);

    eventually("the rest", || {
        topics.committed(&pipes.group, &pipes.input) == 100_000
    });
    assert!(peak < 250 * MIB, "{} MiB during the outage", peak / MIB);
    let actors = service.status()["actors"].clone();
    for actor in actors.as_array().expect("actors") {
        assert_eq!(actor["restarts"], 0, "{actor}");
    }
    let evidence = Evidence::gather(&topics, &pipes);
    evidence.assert_nothing_lost();
    evidence.assert_in_order();
    evidence
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
    let peak = watch(&service, || {
        service.number("/records/produced") == records as u64
    });
    eprintln!("{records} records: {} MiB at most", peak / MIB);
    assert!(peak < 250 * MIB, "{} MiB", peak / MIB);
}
