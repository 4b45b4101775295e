//! What is done when another client has taken the place of one of ours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::kafka::ClientError;
use crate::supervision::{Clock, Moment, Pulse};

/// The longest that a broker takes a killed member for alive, unless told otherwise
/// (`group.consumer.max.session.timeout.ms`), and some time for its successor to hear of it.
const LONGEST_SESSION: Duration = Duration::from_secs(75);

/// When clients of this instance were fenced or barred. Clones share it, for it outlives the
/// clients.
///
/// Once is mended by a new client: a timed-out transaction looks like this, and so does our own
/// predecessor. Twice within a while is a twin, a process that runs under our name: each new
/// client fences the other's, and neither works. So one of the two has to go.
#[derive(Clone)]
pub struct Fences {
    instance: Arc<str>,
    period: Duration,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    fenced: Option<Moment>,
    barred: Option<Moment>,
}

impl Fences {
    /// Of the clients that run under the name `instance`; two fences within `period` are too many.
    pub fn new(instance: &str, period: Duration, clock: Arc<dyn Clock>) -> Self {
        Fences {
            instance: instance.into(),
            period,
            clock,
            seen: Arc::default(),
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
        let before = self.seen().fenced.replace(now);
        before.is_some_and(|before| now.since(before) < self.period)
    }

    /// The group has a member of our name. One that was killed is gone when its session ends, so
    /// it is tried again; a twin stays: the reason to fail with is that no session lasts so long.
    ///
    /// # Errors
    /// With that reason, when it is time to give up.
    pub fn barred(&self, error: &ClientError, pulse: &Pulse) -> Result<(), String> {
        if !self.is_barred_for_good() {
            return Ok(());
        }
        pulse.give_up();
        let instance = &self.instance;
        Err(format!(
            "barred for {LONGEST_SESSION:?}: another process runs with GREENROOM_INSTANCE set to `{instance}`, too: {error}"
        ))
    }

    fn is_barred_for_good(&self) -> bool {
        let now = self.clock.now();
        let since = *self.seen().barred.get_or_insert(now);
        now.since(since) >= LONGEST_SESSION
    }

    /// The group has taken us.
    pub fn admitted(&self) {
        self.seen().barred = None;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn p7_who_is_barred_gives_up_when_no_session_lasts_so_long() {
        let clock = Arc::new(ManualClock::new());
        let fences = Fences::new("a", Duration::from_secs(60), clock.clone());
        assert!(!fences.is_barred_for_good());
        clock.advance(LONGEST_SESSION - Duration::from_secs(1));
        assert!(!fences.is_barred_for_good());
        fences.admitted();
        clock.advance(LONGEST_SESSION);
        assert!(!fences.is_barred_for_good(), "it was taken meanwhile");
        clock.advance(LONGEST_SESSION);
        assert!(fences.is_barred_for_good());
    }
}
