//! Brokers that go: one of three after the other, or the only one there is.

use super::steady::Steady;
use super::{DELIVERIES, outlast};
use crate::harness::Broker;

const NODES: usize = 3;

/// Two of three copies are enough, so that work goes on with any two nodes.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p1_p11_p12_any_of_three_brokers_dies_or_freezes_and_work_goes_on_by_itself() {
    let mut broker = Broker::start(NODES);
    let houses = DELIVERIES.map(|of| Steady::start(&broker, of, |as_is| as_is));
    let go_on = |when: &str| houses.iter().for_each(|house| house.goes_on(when));
    for node in 0..NODES {
        broker.kill(node);
        go_on(&format!("without node {node}"));
        broker.restart(node);
        go_on(&format!("with node {node} again"));
    }
    broker.freeze(0);
    outlast(30);
    broker.thaw(0);
    go_on("with a thawed node");
    houses.into_iter().for_each(Steady::end);
}

/// Nothing restarts for it but a client whose transaction the broker has given up meanwhile.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn storm_p4_p7_p12_the_only_broker_freezes_for_long_and_work_goes_on_by_itself() {
    let mut broker = Broker::start(1);
    let houses = DELIVERIES.map(|of| Steady::start(&broker, of, |as_is| as_is));
    broker.freeze(0);
    outlast(300);
    broker.thaw(0);
    let [without_transactions, transacting] = houses;
    without_transactions.goes_on("after a long time");
    without_transactions.has_restarted_nothing();
    transacting.goes_on("after a long time");
    without_transactions.end();
    transacting.end();
}
