//! Places where a test has the process die as `kill -9` would have it.
//!
//! A failpoint is a stage of the work and a moment, before or after it. The code says that it is
//! at one in a line; `FAILPOINT=commit:before:3` in the environment ends the process when it is
//! there for the third time. Only builds with debug assertions know of that variable: in a release
//! nothing is left of these calls.

use clap::ValueEnum;

/// A stage of the work that a process may die before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Records are taken from librdkafka.
    Poll,
    /// A worker works through a batch.
    Transform,
    /// Results, or a part of them, are handed to librdkafka.
    Produce,
    /// All that librdkafka was handed is waited for: in each transaction, or at the very end.
    Flush,
    /// Offsets are added to a transaction.
    SendOffsets,
    /// A transaction, or offsets alone, are committed.
    Commit,
    /// Changes of counts are stored.
    CountWrite,
}

/// When, seen from the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Moment {
    Before,
    After,
}

/// The process dies here where this is armed.
#[inline]
pub fn before(stage: Stage) {
    pass(stage, Moment::Before);
}

/// As [`before`]. Who has failed at the stage does not come here.
#[inline]
pub fn after(stage: Stage) {
    pass(stage, Moment::After);
}

/// Both of a stage that is one call.
#[inline]
pub fn around<T, E>(stage: Stage, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    before(stage);
    let done = call()?;
    after(stage);
    Ok(done)
}

#[cfg(debug_assertions)]
use armed::pass;

#[cfg(not(debug_assertions))]
#[inline]
fn pass(_: Stage, _: Moment) {}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use clap::ValueEnum;
    use rustix::process::{Signal, getpid, kill_process};

    use super::{Moment, Stage};

    const VARIABLE: &str = "FAILPOINT";

    /// What the environment asks for.
    static ARMED: LazyLock<Option<Failpoint>> = LazyLock::new(|| {
        let order = std::env::var(VARIABLE).ok()?;
        let read = Failpoint::read(&order);
        Some(read.unwrap_or_else(|| panic!("{VARIABLE}: `{order}` is not stage:moment:passage")))
    });

    pub(super) fn pass(stage: Stage, moment: Moment) {
        if let Some(armed) = &*ARMED
            && armed.is_due(stage, moment)
        {
            kill_process(getpid(), Signal::KILL).expect("a process may end itself");
        }
    }

    #[derive(Debug)]
    struct Failpoint {
        stage: Stage,
        moment: Moment,
        /// Passages that are left.
        left: AtomicU64,
    }

    impl Failpoint {
        fn read(order: &str) -> Option<Failpoint> {
            let (stage, rest) = order.split_once(':')?;
            let (moment, passage) = rest.split_once(':')?;
            Some(Failpoint {
                stage: Stage::from_str(stage, false).ok()?,
                moment: Moment::from_str(moment, false).ok()?,
                left: AtomicU64::new(passage.parse().ok()?),
            })
        }

        fn is_due(&self, stage: Stage, moment: Moment) -> bool {
            (stage, moment) == (self.stage, self.moment)
                && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_failpoint_is_due_at_its_passage_only() {
            let point = Failpoint::read("send-offsets:after:2").expect("it is one");
            assert!(!point.is_due(Stage::SendOffsets, Moment::After));
            assert!(!point.is_due(Stage::SendOffsets, Moment::Before));
            assert!(!point.is_due(Stage::Commit, Moment::After));
            assert!(point.is_due(Stage::SendOffsets, Moment::After));
            assert!(!point.is_due(Stage::SendOffsets, Moment::After));
        }

        #[test]
        fn what_is_no_failpoint_is_refused() {
            for order in [
                "",
                "poll",
                "poll:before",
                "poll:during:1",
                "pull:before:1",
                "poll:before:x",
            ] {
                assert!(Failpoint::read(order).is_none(), "{order}");
            }
        }
    }
}
