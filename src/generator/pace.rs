//! Rate control as a value: time goes in, what is due comes out.

use std::time::Duration;

/// How many records are due at a steady rate.
///
/// What is due is counted from the start, never from the last call, so late calls do not add up
/// to a drift. After a standstill at most one second's worth is made up for; the rest is forgiven.
#[derive(Clone, Debug)]
pub struct Pace {
    per_second: f64,
    /// Records that were due and are sent or forgiven.
    done: u64,
}

impl Pace {
    /// None where the rate is not a number above zero.
    pub fn new(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second > 0.0).then_some(Pace {
            per_second,
            done: 0,
        })
    }

    /// How many records to send now, `elapsed` after the start. They count as sent.
    pub fn due(&mut self, elapsed: Duration) -> u64 {
        let total = (elapsed.as_secs_f64() * self.per_second) as u64;
        let due = total.saturating_sub(self.done).min(self.burst());
        self.done = self.done.max(total);
        due
    }

    /// How long after `elapsed` the next record is due.
    pub fn wait(&self, elapsed: Duration) -> Duration {
        let next = (self.done + 1) as f64 / self.per_second;
        // A rate of once in ages is a wait for ever.
        Duration::try_from_secs_f64(next)
            .unwrap_or(Duration::MAX)
            .saturating_sub(elapsed)
    }

    fn burst(&self) -> u64 {
        (self.per_second as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn late_and_uneven_calls_do_not_drift() {
        let mut pace = Pace::new(333.0).unwrap();
        let mut sent = 0;
        let mut elapsed = Duration::ZERO;
        for step in 0..10_000 {
            elapsed += MILLI * (step % 7);
            sent += pace.due(elapsed);
        }
        assert_eq!(sent, (elapsed.as_secs_f64() * 333.0) as u64);
    }

    #[test]
    fn a_standstill_is_made_up_for_by_one_second_at_most() {
        let mut pace = Pace::new(5_000.0).unwrap();
        assert_eq!(pace.due(Duration::from_secs(60)), 5_000);
        assert_eq!(pace.due(Duration::from_secs(60)), 0);
        assert_eq!(pace.due(Duration::from_secs(60) + MILLI), 5);
    }

    #[test]
    fn waiting_as_told_makes_a_record_due() {
        let mut pace = Pace::new(2.0).unwrap();
        assert_eq!(pace.due(Duration::ZERO), 0);
        let first = pace.wait(Duration::ZERO);
        assert_eq!(first, Duration::from_millis(500));
        assert_eq!(pace.due(first), 1);
        assert_eq!(pace.wait(first + MILLI), Duration::from_millis(499));
    }

    #[test]
    fn a_clock_that_steps_back_makes_nothing_due_twice() {
        let mut pace = Pace::new(10.0).unwrap();
        assert_eq!(pace.due(Duration::from_secs(1)), 10);
        assert_eq!(pace.due(Duration::from_millis(500)), 0);
        assert_eq!(pace.due(Duration::from_millis(1_100)), 1);
    }

    #[test]
    fn slow_rates_send_and_impossible_ones_are_refused() {
        let mut slow = Pace::new(0.1).unwrap();
        assert_eq!(slow.due(Duration::from_secs(9)), 0);
        assert_eq!(slow.due(Duration::from_secs(10)), 1);
        let never = Pace::new(f64::MIN_POSITIVE).unwrap();
        assert_eq!(never.wait(Duration::ZERO), Duration::MAX);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Pace::new(rate).is_none(), "{rate}");
        }
    }
}
