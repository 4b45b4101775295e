//! Which life of an actor it was, and how that life ended.

use std::fmt;

/// Counts an actor's lives: grows by one at each start, never goes back. Messages carry it, and
/// what carries an old one is dropped (P3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(u64);

impl Incarnation {
    /// Before the first start.
    pub const NONE: Incarnation = Incarnation(0);

    pub fn next(self) -> Incarnation {
        Incarnation(self.0 + 1)
    }

    pub fn is_first(self) -> bool {
        self == Incarnation::NONE.next()
    }

    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How an incarnation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It ended because it was told to, at shutdown.
    Drained,
    /// It stopped although nobody asked.
    Stopped,
    /// It gave up with this reason, at work or while it was made. Names and types only (P10).
    Failed(String),
    /// It panicked at this `file:line`. The message is never kept: it may quote a record (P10).
    Panicked(String),
    /// It worked too long on one thing, or did not end when told to: its thread is abandoned.
    Hung,
    /// A restart was asked for.
    Asked,
}

impl Exit {
    /// One word for it, as metrics' labels have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Exit::Drained => "drained",
            Exit::Stopped => "stopped",
            Exit::Failed(_) => "failed",
            Exit::Panicked(_) => "panicked",
            Exit::Hung => "hung",
            Exit::Asked => "asked",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Failed(reason) => write!(f, "failed: {reason}"),
            Exit::Panicked(place) => write!(f, "panicked at {place}"),
            other => f.write_str(other.kind()),
        }
    }
}
