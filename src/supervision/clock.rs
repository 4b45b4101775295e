//! Time, handed in: every actor's thread has a runtime of its own, so pausing one runtime's time
//! would not reach the others. Tests set the clock instead.

use std::{
    ops::Add,
    pin::Pin,
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// A point on a clock that never goes back: the time since that clock was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// When the clock was made.
    pub const START: Moment = Moment(Duration::ZERO);

    /// The time from `earlier` to here; zero where `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    /// Saturates: a moment never reached stands for "never".
    fn add(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(span))
    }
}

/// What [`Clock::sleep_until`] returns.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and wakes at a time.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Moment;

    /// Resolves once [`Clock::now`] is `at` or later. Needs a tokio runtime with time enabled.
    fn sleep_until(&self, at: Moment) -> Sleep;
}

/// The machine's monotonic clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where the machine's time enters"
    )]
    pub fn new() -> Self {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment(self.start.elapsed())
    }

    fn sleep_until(&self, at: Moment) -> Sleep {
        Box::pin(tokio::time::sleep(at.since(self.now())))
    }
}

/// The time of day, in nanoseconds since 1970: for what is told to people and other programs,
/// never for how long something takes.
pub fn unix_nanos() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the time of day comes from"
    )]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |time| time.as_nanos());
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// A clock that stands still until it is told to go on.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: watch::Sender<Moment>,
}

impl ManualClock {
    pub fn new() -> Self {
        ManualClock::default()
    }

    /// Lets `span` pass at once and wakes whoever slept until then.
    pub fn advance(&self, span: Duration) {
        self.now.send_modify(|now| *now = *now + span);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Moment) -> Sleep {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            if now.wait_for(|now| *now >= at).await.is_err() {
                // The clock is gone, so this moment never comes.
                std::future::pending().await
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_at_their_time_and_not_before() {
        let clock = ManualClock::new();
        let mut early = clock.sleep_until(Moment::START + Duration::from_secs(1));
        let mut late = clock.sleep_until(Moment::START + Duration::from_secs(2));

        clock.advance(Duration::from_secs(1));
        tokio::select! {
            biased;
            () = &mut late => panic!("woke a second early"),
            () = &mut early => {}
        }
        clock.advance(Duration::from_secs(1));
        late.await;
    }

    #[tokio::test]
    async fn the_system_clock_never_wakes_early() {
        let clock = SystemClock::new();
        let at = clock.now() + Duration::from_millis(2);
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
    }

    #[test]
    fn moments_saturate() {
        let never = Moment::START + Duration::MAX;
        assert_eq!(never + Duration::from_secs(1), never);
        assert_eq!(Moment::START.since(never), Duration::ZERO);
    }
}
