//! A real Kafka for tests: Apache Kafka's own jars, one or three nodes, killed and frozen at will.
//!
//! [`Broker::shared`] is one node for all tests of this binary; each test makes topics of its own
//! with [`Topics`]. A test that kills or freezes nodes starts its own [`Broker::start`]. No node
//! outlives the test binary, however that ends.

#![expect(
    clippy::disallowed_methods,
    reason = "waits for real processes, by the real clock"
)]

mod broker;
mod collector;
mod distribution;
mod evidence;
mod feeder;
mod house;
mod node;
mod pipes;
mod program;
mod redis;
mod rights;
mod service;
mod slot;
mod tests;
mod tls;
mod topics;

use std::thread;
use std::time::{Duration, Instant};

use rand::distr::{Alphanumeric, SampleString};

pub use broker::{Broker, USER};
pub use collector::{Collector, Span, settings_of_traces};
pub use evidence::{
    End, Evidence, ID, Id, assert_in_order, feed, feed_mixed, feed_transaction, id_of, pour,
    read_id,
};
pub use feeder::Feeder;
pub use house::{Lodger, Terms};
pub use pipes::Pipes;
pub use program::Program;
pub use redis::Redis;
pub use rights::{On, Right, grant};
pub use service::{ADMIN_TOKEN, Service, Settings};
pub use tls::Papers;
pub use topics::{Topics, header};

/// How long anything may take before a test gives up: a node that is up in a second on an idle
/// machine was seen to need most of a minute on a loaded one.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const SHORTEST_REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_millis(200);

/// Waits until `condition` holds; panics with `what` when [`PATIENCE`] is over.
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(in_time(condition), "waited {PATIENCE:?} for {what}");
}

/// Whether `condition` comes to hold within [`PATIENCE`].
fn in_time(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asked = Instant::now();
        if condition() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        // Who asks and who answers work on the machine that is waited for, and most questions to
        // Kafka take a client of their own.
        thread::sleep((asked.elapsed() * 3).clamp(SHORTEST_REST, LONGEST_REST));
    }
}

/// Text that does not compress, so that it is as large to a broker as it looks.
pub fn noise(bytes: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), bytes)
}
