//! Long storms, at the scale of `GREENROOM_STORM_SCALE` (1 is full; `.ci/storm SCALE` sets it).

mod brokers;
mod kills;
mod steady;
mod stores;

use std::time::Duration;

use crate::harness::{Broker, Pipes, Settings};

const PARTITIONS: i32 = 8;
const DELIVERIES: [&str; 2] = ["at-least-once", "exactly-once"];

/// So many of `full`, at least one.
pub fn scaled(full: usize) -> usize {
    let scale = std::env::var("GREENROOM_STORM_SCALE").ok();
    let scale: f64 = scale.map_or(0.1, |text| text.parse().expect("a number"));
    ((full as f64 * scale).ceil() as usize).max(1)
}

/// Lets an outage last. Nothing else is waited for: its length is what is tested.
fn outlast(full_seconds: usize) {
    std::thread::sleep(Duration::from_secs(scaled(full_seconds) as u64));
}

/// The group waits for a killed member as long as its session lasts, and everybody for its
/// transaction until that times out, or somebody of its name begins.
fn settings(broker: &Broker, pipes: &Pipes, delivery: &str) -> Settings {
    Settings::logins(broker, pipes)
        .with("GREENROOM_DELIVERY", delivery)
        .with("GREENROOM_IN_FLIGHT_BYTES", "2MiB")
        .missed_soon()
        .with("GREENROOM_KAFKA_PRODUCER_TRANSACTION_TIMEOUT_MS", "10000")
}
