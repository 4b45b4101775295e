//! What is done when restarting one actor does not help. A pure value (P7).

use std::{sync::Arc, time::Duration};

use super::Moment;

/// What the owner of the actors is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Shut all actors down and spawn them again.
    RestartAll,
    /// End the process with a code that is not zero.
    GiveUp,
}

/// An actor that could not be helped by restarting it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub actor: Arc<str>,
    /// Why, in one line; names, numbers and types only (P10).
    pub reason: String,
    pub remedy: Remedy,
}

/// Actor → all actors → exit: which step is next.
///
/// ```text
///            escalate              escalate within the period
///   Calm ───────────────▶ Acting        ┌──────────────────▶ GivenUp
///    ▲      RestartAll      │           │       GiveUp          ▲
///    └──────────────────────┘         Calm                      │
///          brought_back                  any ── give_up ────────┘
/// ```
#[derive(Clone, Debug)]
pub struct Ladder {
    period: Duration,
    last: Option<Moment>,
    rung: Rung,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    Calm,
    Acting,
    GivenUp,
}

impl Ladder {
    /// A second escalation within `period` of the first gives up.
    pub fn new(period: Duration) -> Self {
        Ladder {
            period,
            last: None,
            rung: Rung::Calm,
        }
    }

    /// What to do about an escalation at `now`. None while the remedy of an earlier one is under
    /// way: one cause that fells two actors is one escalation.
    pub fn escalate(&mut self, now: Moment) -> Option<Remedy> {
        if self.rung != Rung::Calm {
            return None;
        }
        if self.last.is_some_and(|last| now.since(last) < self.period) {
            return self.give_up();
        }
        self.last = Some(now);
        self.rung = Rung::Acting;
        Some(Remedy::RestartAll)
    }

    /// Straight to the end; None where that was reached before.
    pub fn give_up(&mut self) -> Option<Remedy> {
        if self.rung == Rung::GivenUp {
            return None;
        }
        self.rung = Rung::GivenUp;
        Some(Remedy::GiveUp)
    }

    /// The actors are being spawned again.
    pub fn brought_back(&mut self) {
        if self.rung == Rung::Acting {
            self.rung = Rung::Calm;
        }
    }

    pub fn has_given_up(&self) -> bool {
        self.rung == Rung::GivenUp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Moment {
        Moment::START + Duration::from_secs(seconds)
    }

    #[test]
    fn p7_a_second_escalation_within_the_period_gives_up() {
        let mut ladder = Ladder::new(PERIOD);
        assert_eq!(ladder.escalate(at(0)), Some(Remedy::RestartAll));
        ladder.brought_back();
        assert_eq!(ladder.escalate(at(59)), Some(Remedy::GiveUp));
        ladder.brought_back();
        assert!(ladder.has_given_up());
        assert_eq!(ladder.escalate(at(200)), None);
    }

    #[test]
    fn p7_a_later_escalation_restarts_all_again() {
        let mut ladder = Ladder::new(PERIOD);
        assert_eq!(ladder.escalate(at(0)), Some(Remedy::RestartAll));
        ladder.brought_back();
        assert_eq!(ladder.escalate(at(60)), Some(Remedy::RestartAll));
    }

    #[test]
    fn p7_one_cause_that_fells_two_actors_is_one_escalation() {
        let mut ladder = Ladder::new(PERIOD);
        assert_eq!(ladder.escalate(at(0)), Some(Remedy::RestartAll));
        assert_eq!(ladder.escalate(at(1)), None);
        assert_eq!(ladder.give_up(), Some(Remedy::GiveUp));
        assert_eq!(ladder.give_up(), None);
    }
}
