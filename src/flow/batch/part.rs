//! The part of a batch that one worker has.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::flow::Outcomes;

/// `owner` once the results are handed on. No incarnation gets there by counting up.
const HANDED_ON: u64 = u64::MAX;
/// `at` while no record is worked on.
const NOT_BEGUN: u32 = u32::MAX;

/// The places, in a batch, of the records that a part has.
#[derive(Debug)]
pub enum Places {
    All,
    /// In order.
    These(Vec<u32>),
}

impl Places {
    pub fn hold(&self, place: usize) -> bool {
        match self {
            Places::All => true,
            Places::These(places) => places.binary_search(&(place as u32)).is_ok(),
        }
    }
}

/// What one worker does of a batch.
///
/// Whose results count is decided by one atomic: either the worker of incarnation n hands on, or a
/// replay passes the part to incarnation n + 1, never both.
///
/// Aligned to two cache lines, as processors fetch them: each worker writes down which record it is
/// at, and would else wait at every record for those that have the other parts.
#[derive(Debug)]
#[repr(align(128))]
pub struct Part {
    worker: usize,
    places: Places,
    owner: AtomicU64,
    at: AtomicU32,
    begun: AtomicU64,
    outcomes: OnceLock<Outcomes>,
}

impl Part {
    /// Goes to this incarnation of a worker first.
    pub fn new(worker: usize, incarnation: u64, places: Places) -> Part {
        Part {
            worker,
            places,
            owner: AtomicU64::new(incarnation),
            at: AtomicU32::new(NOT_BEGUN),
            begun: AtomicU64::new(0),
            outcomes: OnceLock::new(),
        }
    }

    pub fn worker(&self) -> usize {
        self.worker
    }

    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The worker begins with it, at `now` in Unix nanoseconds.
    pub fn begin(&self, now: u64) {
        self.begun.store(now, Ordering::Relaxed);
    }

    /// When the worker last began with it, in Unix nanoseconds; 0 before it has.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// The worker publishes the place of the record it is at, so that after its death one knows
    /// which it was (P5). False where a replay has passed the part on meanwhile: an abandoned
    /// thread that wakes up must not go on, nor blame its records on its successor.
    #[must_use]
    pub fn begin_record(&self, incarnation: u64, place: usize) -> bool {
        if self.owner.load(Ordering::Relaxed) != incarnation {
            return false;
        }
        self.at.store(place as u32, Ordering::Relaxed);
        true
    }

    /// The place of the record at which the worker stopped, where it had begun and not handed on.
    pub fn stopped_at(&self) -> Option<usize> {
        let at = self.at.load(Ordering::Relaxed);
        (at != NOT_BEGUN && !self.is_handed_on()).then_some(at as usize)
    }

    /// The worker claims the right to hand its results on. False where a replay has passed the part
    /// to a later incarnation: the results are to be dropped.
    #[must_use]
    pub fn hand_on(&self, incarnation: u64) -> bool {
        self.owner
            .compare_exchange(incarnation, HANDED_ON, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    pub fn is_handed_on(&self) -> bool {
        self.owner.load(Ordering::Acquire) == HANDED_ON
    }

    /// Whoever has handed on says how the records end, once all of them are delivered.
    pub fn close(&self, outcomes: Outcomes) {
        let _ = self.outcomes.set(outcomes);
    }

    /// How its records end. None before it is handed on.
    pub fn outcomes(&self) -> Option<&Outcomes> {
        self.outcomes.get()
    }

    /// Passes the part to a later incarnation. False where it was handed on already.
    #[must_use]
    pub fn pass_to(&self, incarnation: u64) -> bool {
        let pass = |owner| (owner != HANDED_ON).then_some(incarnation);
        let passed = self
            .owner
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, pass)
            .is_ok();
        if passed {
            self.at.store(NOT_BEGUN, Ordering::Relaxed);
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        Part::new(0, 1, Places::All)
    }

    #[test]
    fn p3_results_are_handed_on_once_and_by_the_owner_alone() {
        let handed = part();
        assert!(!handed.hand_on(2));
        assert!(handed.hand_on(1));
        assert!(!handed.pass_to(2), "what was handed on is not replayed");
        let passed = part();
        assert!(passed.pass_to(2));
        assert!(
            !passed.hand_on(1),
            "an abandoned thread's late work is void"
        );
        assert!(passed.hand_on(2));
    }

    #[test]
    fn p5_the_record_a_worker_stopped_at_is_known_and_not_blamed_on_its_successor() {
        let part = part();
        assert_eq!(part.stopped_at(), None);
        assert!(part.begin_record(1, 2));
        assert_eq!(part.stopped_at(), Some(2));
        assert!(part.pass_to(2));
        assert_eq!(part.stopped_at(), None);
        assert!(!part.begin_record(1, 1), "the abandoned thread wakes up");
        assert_eq!(part.stopped_at(), None);
    }
}
