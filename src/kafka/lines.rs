//! librdkafka's lines in our log.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::repeats::{Held, Repeats};
use crate::supervision::{Clock as _, Moment, SystemClock};

/// syslog's level of lines that can quote payloads.
const DEBUG: i32 = 7;

/// In an outage each connection of each client says the same several times a second.
const SAY: Duration = Duration::from_secs(10);

static CLOCK: LazyLock<SystemClock> = LazyLock::new(SystemClock::new);
static SAID: Said = Said(Mutex::new(BTreeMap::new()));

/// What librdkafka said, by level and facility: that is what lines of one cause have in common.
struct Said(Mutex<BTreeMap<(i32, String), Repeats>>);

/// Logs a line of librdkafka's, or holds it back as one of many like it. `level` is syslog's; debug
/// lines are dropped whatever RUST_LOG says (P10).
pub(super) fn log(level: i32, facility: &str, line: &str) {
    if level >= DEBUG {
        return;
    }
    let now = CLOCK.now().since(Moment::START);
    let Some(held) = SAID.admit(level, facility, now) else {
        return;
    };
    match level {
        ..=3 => tracing::error!(target: "librdkafka", facility, "{line}{held}"),
        4 => tracing::warn!(target: "librdkafka", facility, "{line}{held}"),
        _ => tracing::info!(target: "librdkafka", facility, "{line}{held}"),
    }
}

impl Said {
    /// `now` is the time since any fixed moment.
    fn admit(&self, level: i32, facility: &str, now: Duration) -> Option<Held> {
        // Whole after each change, so a poisoned lock is as good as any.
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry((level, facility.to_owned()));
        kind.or_insert_with(|| Repeats::new(SAY)).admit(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_an_outage_is_said_at_once_and_then_once_in_a_while() {
        let said = Said(Mutex::default());
        let line = |level, facility, second| {
            let held = said.admit(level, facility, Duration::from_secs(second));
            held.map(|held| format!("away{held}"))
        };
        assert_eq!(line(3, "FAIL", 0).as_deref(), Some("away"));
        assert_eq!(line(3, "FAIL", 1), None);
        assert_eq!(line(3, "SSL", 1).as_deref(), Some("away"), "it is another");
        assert_eq!(line(6, "FAIL", 1).as_deref(), Some("away"), "it is milder");
        let later = line(3, "FAIL", 10);
        assert_eq!(later.as_deref(), Some("away; and 1 more like it"));
    }
}
