//! Errors that repeat, held back: an outage must not fill the log with one line.

use std::fmt;
use std::time::Duration;

/// Lets one of the same error through in a while, and counts the others.
#[derive(Clone, Debug)]
pub struct Repeats {
    interval: Duration,
    /// When the next one may pass; None before the first.
    due: Option<Duration>,
    held: u64,
}

/// How many like it were held back since the last one that passed. Displays as nothing, or as
/// "; and 3 more like it": write it behind the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held(u64);

impl Repeats {
    /// Lets one through each `interval`.
    pub fn new(interval: Duration) -> Self {
        Repeats {
            interval,
            due: None,
            held: 0,
        }
    }

    /// Whether to log the error that comes at `now`, the time since any fixed moment.
    pub fn admit(&mut self, now: Duration) -> Option<Held> {
        if self.due.is_some_and(|due| now < due) {
            self.held += 1;
            return None;
        }
        self.due = Some(now.saturating_add(self.interval));
        Some(Held(std::mem::take(&mut self.held)))
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            held => write!(f, "; and {held} more like it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is logged of errors at these seconds, with ten seconds between two lines.
    fn logged(seconds: &[u64]) -> Vec<String> {
        let mut repeats = Repeats::new(Duration::from_secs(10));
        let mut admit = |second: &u64| repeats.admit(Duration::from_secs(*second));
        seconds
            .iter()
            .filter_map(&mut admit)
            .map(|held| format!("away{held}"))
            .collect()
    }

    #[test]
    fn the_first_passes_at_once() {
        assert_eq!(logged(&[0]), ["away"]);
        assert_eq!(logged(&[3]), ["away"]);
    }

    #[test]
    fn p6_what_was_held_back_is_told_with_the_next() {
        assert_eq!(
            logged(&[3, 4, 5, 12, 13]),
            ["away", "away; and 3 more like it"]
        );
        assert_eq!(
            logged(&[0, 10, 20, 25, 31]),
            ["away", "away", "away", "away; and 1 more like it"]
        );
    }
}
