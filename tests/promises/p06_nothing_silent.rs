//! P6: what could not be read, or was not wanted, is said.

use greenroom::generator::{Generator, Kind, Profile};

use crate::harness::{
    Broker, End, Pipes, Service, Settings, Topics, eventually, feed, feed_transaction,
};

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_records_deleted_before_they_were_read_are_counted_and_logged() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    let settings = Settings::logins(broker, &pipes);
    let mut usual = Generator::new(Profile::new(Kind::Usual, 6));
    feed(&topics, &pipes, 1000, &mut usual);
    let mut service = Service::ready(&settings);
    eventually("all to be committed", || {
        topics.committed(&pipes.group, &pipes.input) == 1000
    });
    assert_eq!(service.terminate().code(), Some(0));

    feed(&topics, &pipes, 1000, &mut usual);
    topics.delete_before(&pipes.input, 0, 1500);
    let service = Service::ready(&settings);
    eventually("the rest", || {
        topics.committed(&pipes.group, &pipes.input) == 2000
    });

    let metrics = service.get("/metrics").1;
    assert!(
        metrics.contains("greenroom_records_expired_total 500"),
        "{metrics}"
    );
    let log = service.log();
    let error = log
        .lines()
        .find(|line| line.contains("deleted by retention"));
    let error = error.expect("it is logged");
    assert!(
        error.contains(r#""level":"ERROR""#) && error.contains("500"),
        "{error}"
    );
    assert_eq!(topics.ends(&pipes.output), [1500]);
}

/// A committed transaction leaves a marker behind its last record, an aborted one its records too.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p6_the_ends_of_transactions_are_no_lag() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    let service = Service::ready(&Settings::logins(broker, &pipes));
    let partition = |member: &str| service.number(&format!("/partitions/0/{member}"));
    let mut usual = Generator::new(Profile::new(Kind::Usual, 8));

    feed_transaction(broker, &pipes, 100, End::Commit, &mut usual);
    eventually("the records to be committed", || {
        partition("committed") == 100
    });
    eventually("no lag", || partition("lag_records") == 0);
    assert_eq!(partition("end"), 100, "the marker is no record");
    feed_transaction(broker, &pipes, 100, End::Abort, &mut usual);
    feed_transaction(broker, &pipes, 100, End::Commit, &mut usual);
    eventually("no lag", || {
        partition("committed") == 302 && partition("lag_records") == 0
    });
    assert_eq!(topics.ends(&pipes.input), [303]);
    assert_eq!(service.number("/records/consumed"), 200);
}
