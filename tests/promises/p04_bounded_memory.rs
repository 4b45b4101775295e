//! P4: memory stays bounded, whatever the backlog and however long an outage.

use greenroom::generator::{Generator, Kind, Profile};

use crate::harness::{Broker, Evidence, Pipes, Service, Settings, Topics, eventually, feed};
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

/// The input's broker lives on while the only one there is for the output is frozen: both are the
/// same here, so reading stops too; what counts is that nothing is lost, nothing restarts, and
/// membership is kept.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p4_an_outage_loses_nothing_restarts_nothing_and_ends_by_itself() {
    let outage = std::time::Duration::from_secs(scaled(300).clamp(20, 300) as u64);
    let mut broker = Broker::start(1);
    let topics = Topics::of(&broker);
    let pipes = Pipes::lay(&topics, 4);
    let settings = Settings::logins(&broker, &pipes).with("GREENROOM_IN_FLIGHT_BYTES", "4MiB");
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
