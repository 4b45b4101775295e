//! What is done when another client has taken the place of one of ours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::kafka::ClientError;
use crate::supervision::{Clock, Moment, Pulse};

/// When a client of this instance was last fenced. Clones share it, for it outlives the clients.
///
/// Once is mended by a new client: a timed-out transaction looks like this, and so does our own
/// predecessor. Twice within a while is a twin, a process that runs under our name: each new
/// client fences the other's, and neither works. So one of the two has to go.
#[derive(Clone)]
pub struct Fences {
    instance: Arc<str>,
    period: Duration,
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Option<Moment>>>,
}

impl Fences {
    /// Of the clients that run under the name `instance`; two fences within `period` are too many.
    pub fn new(instance: &str, period: Duration, clock: Arc<dyn Clock>) -> Self {
        Fences {
            instance: instance.into(),
            period,
            clock,
            last: Arc::default(),
        }
    }

    /// A client was fenced: the reason for its actor to fail with. The second time within the
    /// period no restart shall follow, and `pulse` says so.
    #[must_use]
    pub fn reason(&self, error: &ClientError, pulse: &Pulse) -> String {
        let (instance, period) = (&self.instance, self.period);
        if !self.is_second() {
            return format!("another client has taken over from `{instance}`: {error}");
        }
        pulse.give_up();
        format!(
            "fenced twice within {period:?}: another process runs with GREENROOM_INSTANCE set to `{instance}`, too: {error}"
        )
    }

    fn is_second(&self) -> bool {
        let now = self.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace(now);
        before.is_some_and(|before| now.since(before) < self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::ManualClock;

    #[test]
    fn p3_the_second_fence_within_the_period_is_one_too_many() {
        const PERIOD: Duration = Duration::from_secs(60);
        let clock = Arc::new(ManualClock::new());
        let consumers = Fences::new("a", PERIOD, clock.clone());
        let producers = consumers.clone();
        assert!(!consumers.is_second());
        clock.advance(PERIOD);
        assert!(!producers.is_second(), "that is long ago");
        clock.advance(PERIOD / 2);
        assert!(consumers.is_second(), "whichever client was fenced before");
    }
}
