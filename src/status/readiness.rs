//! Whether the service can do its work yet, and what it waits for.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What must be there before the service is ready. Each begins closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Latch {
    /// The consumer group is joined.
    Group,
    /// All topics are there.
    Topics,
    /// The producer is connected.
    Producer,
    /// The counts' store answers.
    Store,
}

impl Latch {
    pub const ALL: [Latch; 4] = [Latch::Group, Latch::Topics, Latch::Producer, Latch::Store];

    pub fn name(self) -> &'static str {
        match self {
            Latch::Group => "group",
            Latch::Topics => "topics",
            Latch::Producer => "producer",
            Latch::Store => "store",
        }
    }

    /// Why it is closed before anybody has said anything of it.
    pub(super) fn at_first(self) -> &'static str {
        match self {
            Latch::Group => "the consumer group is not joined yet",
            Latch::Topics => "the topics are not looked up yet",
            Latch::Producer => "the producer is not connected yet",
            Latch::Store => "the counts' store has not answered yet",
        }
    }
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    pub ready: bool,
    /// Why not, by the name of a [`Latch`], of the `state` or of an `escalation`.
    pub reasons: BTreeMap<&'static str, String>,
}

impl From<BTreeMap<&'static str, String>> for Readiness {
    fn from(reasons: BTreeMap<&'static str, String>) -> Self {
        Readiness {
            ready: reasons.is_empty(),
            reasons,
        }
    }
}

/// A line, and one for each reason.
impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ready { "ready" } else { "not ready" })?;
        let mut reasons = self.reasons.iter();
        reasons.try_for_each(|(what, why)| write!(f, "\n{what}: {why}"))
    }
}
