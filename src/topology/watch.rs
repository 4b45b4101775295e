//! The supervisor, as the status board asks it.

use crate::status::{ActorSource, ActorState, ActorStatus, Answer};
use crate::supervision::{self, State, Supervisor};

impl ActorSource for Supervisor {
    fn actors(&self) -> Vec<ActorStatus> {
        let status = self.status();
        let status = status.borrow();
        let mut actors: Vec<_> = status.actors.iter().map(describe).collect();
        actors.push(ActorStatus {
            name: "supervisor".to_owned(),
            role: "supervisor",
            state: ActorState::Running,
            restarts: Default::default(),
            last_exit: None,
            busy_seconds: 0.0,
        });
        actors
    }

    fn answers(&self) -> Answer {
        let supervisor = self.clone();
        Box::pin(async move { Supervisor::answers(&supervisor).await })
    }

    fn restart(&self, actor: &str) -> Answer {
        let (supervisor, actor) = (self.clone(), actor.to_owned());
        Box::pin(async move { Supervisor::restart(&supervisor, &actor).await })
    }
}

fn describe(actor: &supervision::ActorStatus) -> ActorStatus {
    ActorStatus {
        name: actor.name.to_string(),
        role: actor.role,
        state: match actor.state {
            State::Starting => ActorState::Starting,
            State::Running => ActorState::Running,
            State::BackingOff => ActorState::BackingOff,
            State::Stopping => ActorState::Stopping,
            State::Stopped => ActorState::Stopped,
        },
        restarts: actor.restarts_by_exit.clone(),
        last_exit: actor.last_exit.as_ref().map(ToString::to_string),
        busy_seconds: actor.busy.as_secs_f64(),
    }
}
