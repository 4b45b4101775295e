//! What an actor at work lets its supervisor see: since when it is busy, and whether the item it
//! is at may be what kills it.
//!
//! Every turn of an actor's thread is marked busy by the supervisor's own code, so no actor can
//! forget it. Handlers add [`Pulse::busy`] where a turn may take many messages, [`Pulse::waiting`]
//! where the outside world is waited for, [`Pulse::item`] where data could be the killer. Each
//! costs a few atomics and one reading of the clock; nothing is allocated.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
    time::Duration,
};

use super::{Clock, Incarnation, Moment};

/// Stands in [`Beat::busy_since`] where nothing is being done.
const IDLE: u64 = u64::MAX;

/// One incarnation's signs of life. Clones show the same.
#[derive(Clone)]
pub struct Pulse {
    beat: Arc<Beat>,
    thread: usize,
}

struct Beat {
    clock: Arc<dyn Clock>,
    incarnation: Incarnation,
    /// Of the actor's thread, and of one beside it: nanoseconds on the clock, or [`IDLE`].
    busy_since: [AtomicU64; 2],
    suspect: AtomicBool,
    abandoned: AtomicBool,
    hopeless: AtomicBool,
    failure: OnceLock<String>,
}

impl Pulse {
    pub(super) fn new(clock: Arc<dyn Clock>, incarnation: Incarnation) -> Self {
        let beat = Beat {
            clock,
            incarnation,
            busy_since: [AtomicU64::new(IDLE), AtomicU64::new(IDLE)],
            suspect: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            hopeless: AtomicBool::new(false),
            failure: OnceLock::new(),
        };
        Pulse {
            beat: Arc::new(beat),
            thread: 0,
        }
    }

    /// For a thread of the actor's beside its own: busy on its own account, so that neither ends
    /// what the other has begun. The actor is hung when one of them is.
    pub fn beside(&self) -> Pulse {
        Pulse {
            beat: self.beat.clone(),
            thread: 1,
        }
    }

    fn busy_since(&self) -> &AtomicU64 {
        &self.beat.busy_since[self.thread]
    }

    /// Whose pulse it is. Hand it on with what is sent, so that late work can be told (P3).
    pub fn incarnation(&self) -> Incarnation {
        self.beat.incarnation
    }

    /// A piece of work begins: it is hung when it lasts too long. Where one is in the midst of
    /// another, as a handler is in its thread's turn, the outer one's time begins anew after it:
    /// what was finished is progress.
    pub fn busy(&self) -> Busy {
        let outer = self.busy_since().swap(self.nanos(), Relaxed);
        Busy {
            pulse: self.clone(),
            outer,
        }
    }

    /// A wait for the outside world begins, the broker's back-pressure for one: the time does not
    /// count as work, so it is never taken for a hang (P7).
    pub fn waiting(&self) -> Waiting {
        let since = self.busy_since().swap(IDLE, Relaxed);
        let worked = (since != IDLE).then(|| self.nanos().saturating_sub(since));
        Waiting {
            pulse: self.clone(),
            worked,
        }
    }

    /// Work on an item begins. Whoever panics or hangs before the guard is dropped is
    /// [blamed](super::Restarted::blamed) on that item (P5).
    pub fn item(&self) -> Item {
        self.beat.suspect.store(true, Release);
        Item {
            pulse: self.clone(),
        }
    }

    /// Says why the actor is about to stop its context: the exit is then
    /// [`Exit::Failed`](super::Exit::Failed). The first reason stays. Names and types only (P10).
    pub fn fail(&self, reason: impl Into<String>) {
        let _ = self.beat.failure.set(reason.into());
    }

    /// No restart can help: however the actor ends now, what follows is
    /// [`GiveUp`](super::Remedy::GiveUp) at once. Say why with [`Pulse::fail`].
    pub fn give_up(&self) {
        self.beat.hopeless.store(true, Release);
    }

    pub(super) fn is_hopeless(&self) -> bool {
        self.beat.hopeless.load(Acquire)
    }

    /// True when another incarnation has taken over and nothing done here is of use any more.
    pub fn is_abandoned(&self) -> bool {
        self.beat.abandoned.load(Acquire)
    }

    pub(super) fn abandon(&self) {
        self.beat.abandoned.store(true, Release);
    }

    /// How long the present piece of work lasts; zero where there is none.
    pub(super) fn busy_for(&self, now: Moment) -> Duration {
        let [own, beside] = &self.beat.busy_since;
        // Whoever is idle stands in the far future.
        match own.load(Relaxed).min(beside.load(Relaxed)) {
            IDLE => Duration::ZERO,
            since => now.since(Moment::START + Duration::from_nanos(since)),
        }
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.beat.suspect.load(Acquire)
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.beat.failure.get().map(String::as_str)
    }

    fn nanos(&self) -> u64 {
        // 584 years fit; a clock that ran longer would merely stand still.
        let since_start = self.beat.clock.now().since(Moment::START);
        u64::try_from(since_start.as_nanos()).unwrap_or(IDLE - 1)
    }
}

/// See [`Pulse::busy`].
#[must_use = "the work ends where this is dropped"]
pub struct Busy {
    pulse: Pulse,
    outer: u64,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let since = match self.outer {
            IDLE => IDLE,
            _ => self.pulse.nanos(),
        };
        self.pulse.busy_since().store(since, Relaxed);
    }
}

/// See [`Pulse::waiting`].
#[must_use = "the wait ends where this is dropped"]
pub struct Waiting {
    pulse: Pulse,
    worked: Option<u64>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(worked) = self.worked {
            let since = self.pulse.nanos().saturating_sub(worked);
            self.pulse.busy_since().store(since, Relaxed);
        }
    }
}

/// See [`Pulse::item`].
#[must_use = "the item is done where this is dropped"]
pub struct Item {
    pulse: Pulse,
}

impl Drop for Item {
    fn drop(&mut self) {
        // A panic drops the guard too: then the item stays the suspect.
        if !thread::panicking() {
            self.pulse.beat.suspect.store(false, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ManualClock, *};

    const SECOND: Duration = Duration::from_secs(1);

    fn pulse() -> (Arc<ManualClock>, Pulse) {
        let clock = Arc::new(ManualClock::new());
        (clock.clone(), Pulse::new(clock, Incarnation::NONE.next()))
    }

    #[test]
    fn p7_a_finished_handler_is_progress_of_its_threads_turn() {
        let (clock, pulse) = pulse();
        let turn = pulse.busy();
        clock.advance(SECOND);
        let handler = pulse.busy();
        clock.advance(3 * SECOND);
        assert_eq!(pulse.busy_for(clock.now()), 3 * SECOND);
        drop(handler);
        assert_eq!(pulse.busy_for(clock.now()), Duration::ZERO);
        clock.advance(SECOND);
        assert_eq!(pulse.busy_for(clock.now()), SECOND);
        drop(turn);
        clock.advance(SECOND);
        assert_eq!(pulse.busy_for(clock.now()), Duration::ZERO);
    }

    #[test]
    fn p7_waiting_is_not_work_but_the_work_around_it_adds_up() {
        let (clock, pulse) = pulse();
        let _turn = pulse.busy();
        clock.advance(2 * SECOND);
        let wait = pulse.waiting();
        clock.advance(100 * SECOND);
        assert_eq!(pulse.busy_for(clock.now()), Duration::ZERO);
        drop(wait);
        clock.advance(SECOND);
        assert_eq!(pulse.busy_for(clock.now()), 3 * SECOND);
    }

    #[test]
    fn p7_two_threads_do_not_end_each_others_work() {
        let (clock, pulse) = pulse();
        let reading = pulse.beside();
        let turn = pulse.busy();
        let read = reading.busy();
        clock.advance(SECOND);
        drop(turn);
        assert_eq!(pulse.busy_for(clock.now()), SECOND, "it reads on");
        drop(read);
        assert_eq!(pulse.busy_for(clock.now()), Duration::ZERO);
    }

    #[test]
    fn p5_an_item_is_suspect_while_it_is_worked_on_and_after_a_panic() {
        let (_, pulse) = pulse();
        drop(pulse.item());
        assert!(!pulse.is_suspect());
        let worker = pulse.clone();
        let death = thread::spawn(move || {
            let _item = worker.item();
            panic!("at the item");
        });
        assert!(death.join().is_err());
        assert!(pulse.is_suspect());
    }
}
