//! The Kafka room's own tests that the embedded broker cannot serve: they reach into the room, so
//! they live there; here is the broker for them.

use std::process::Command;

use crate::harness::Broker;

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn the_kafka_room_does_as_well_on_a_real_broker() {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--lib", "kafka::", "--", "--ignored"])
        .env("KAFKA_BROKERS", Broker::shared().bootstrap())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains(" 0 passed"), "it has such tests: {said}");
}
