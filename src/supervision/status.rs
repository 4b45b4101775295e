//! What watchers read of the supervised actors: plain values, published by a watch channel.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{Exit, Incarnation};

/// All actors of a supervisor, in the order in which they were spawned.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub actors: Vec<ActorStatus>,
    /// Threads of hung actors that were replaced and have not ended yet (P4).
    pub abandoned: usize,
}

impl Status {
    pub fn actor(&self, name: &str) -> Option<&ActorStatus> {
        self.actors.iter().find(|actor| &*actor.name == name)
    }
}

/// One actor, across its incarnations.
#[derive(Clone, Debug)]
pub struct ActorStatus {
    pub name: Arc<str>,
    pub role: &'static str,
    pub state: State,
    pub incarnation: Incarnation,
    /// Restarts since the process began, by [`Exit::kind`] of the exit that each followed.
    pub restarts_by_exit: BTreeMap<&'static str, u64>,
    pub last_exit: Option<Exit>,
    /// How long the present piece of work lasts; zero where the actor rests or waits.
    pub busy: Duration,
}

impl ActorStatus {
    /// Restarts since the process began, those asked for and blamed ones included.
    pub fn restarts(&self) -> u64 {
        self.restarts_by_exit.values().sum()
    }
}

/// Where an actor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Starting,
    Running,
    /// Ended, and waiting for its restart.
    BackingOff,
    /// Told to end.
    Stopping,
    /// Ended for good.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Starting => "starting",
            State::Running => "running",
            State::BackingOff => "backing-off",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
        })
    }
}
