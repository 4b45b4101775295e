//! How spans are gathered before they are sent.

use std::time::Duration;

use crate::config::Config;
use crate::config::setting::{Fallback::Value, Given::Environment, Kind, Setting};

/// The variables of OpenTelemetry's batch processor, with defaults for bursts that it would lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batching {
    /// A span waits no longer than that for company.
    pub delay: Duration,
    /// So many spans wait at most; what comes on top is lost.
    pub queue: usize,
    /// So many spans go at once.
    pub batch: usize,
    /// For sending them, with all attempts.
    pub timeout: Duration,
}

pub(in crate::config) const DELAY: Setting = Setting {
    name: "OTEL_BSP_SCHEDULE_DELAY",
    given: Environment,
    default: Value("1000"),
    help: "how long a span waits for company, in milliseconds",
    kind: Kind::Count(1..=60_000, |config, millis| {
        batching(config).delay = Duration::from_millis(millis.into());
    }),
};

/// A journey takes some 400 bytes for four spans or more, so that the default is 25 MiB (P4), and
/// loses nothing of a burst of 200,000.
pub(in crate::config) const QUEUE: Setting = Setting {
    name: "OTEL_BSP_MAX_QUEUE_SIZE",
    given: Environment,
    default: Value("262144"),
    help: "how many spans wait to be sent at most; a hundred bytes each",
    kind: Kind::Count(1..=1_048_576, |config, spans| {
        batching(config).queue = spans as usize;
    }),
};

/// By default some 600 kB: collectors take 4 MiB by default.
pub(in crate::config) const BATCH: Setting = Setting {
    name: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    given: Environment,
    default: Value("1024"),
    help: "how many spans are sent at once",
    kind: Kind::Count(1..=65_536, |config, spans| {
        batching(config).batch = spans as usize;
    }),
};

pub(in crate::config) const TIMEOUT: Setting = Setting {
    name: "OTEL_BSP_EXPORT_TIMEOUT",
    given: Environment,
    default: Value("30000"),
    help: "how long sending them may take, with all attempts, in milliseconds",
    kind: Kind::Count(1..=600_000, |config, millis| {
        batching(config).timeout = Duration::from_millis(millis.into());
    }),
};

fn batching(config: &mut Config) -> &mut Batching {
    &mut config.traces.batching
}
