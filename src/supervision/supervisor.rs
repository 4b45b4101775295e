//! The supervisor as others hold it: it spawns, restarts and stops by asking the [overseer].
//!
//! [overseer]: super::overseer

use std::{sync::Arc, time::Duration};

use actix::{Actor, Context};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Clock, Escalation, Exit, Moment, Remedy, Spec, Status,
    overseer::{Overseer, Wires},
    spec::Launch,
};

/// What a [`Supervisor`] bears, for how long.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorConfig {
    /// More abandoned threads than that end the process: their memory is in use (P4).
    pub max_abandoned: usize,
    /// A second escalation within this time of the first gives up.
    pub escalation_period: Duration,
    /// Time to end for an actor that was told to stop, on top of any drain. An idle one needs
    /// microseconds: this is for what it has in hand.
    pub stop_grace: Duration,
    /// Of the jitter in the waits before restarts.
    pub seed: u64,
}

/// Watches actors, and replaces those that fail. Clones are the same supervisor; when the last one
/// is dropped, its actors stop.
#[derive(Clone)]
pub struct Supervisor {
    clock: Arc<dyn Clock>,
    commands: mpsc::UnboundedSender<Command>,
    status: watch::Receiver<Status>,
}

/// How an actor ended at a shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub actor: Arc<str>,
    /// How its last life ended: [`Exit::Drained`] where all is well, [`Exit::Hung`] where it did
    /// not end in time. None where the supervisor itself was gone.
    pub exit: Option<Exit>,
}

pub(super) enum Command {
    Spawn(Box<dyn Launch>, oneshot::Sender<()>),
    Restart(String, oneshot::Sender<bool>),
    Stop {
        actor: Arc<str>,
        drain_until: Moment,
        ended: oneshot::Sender<Option<Exit>>,
    },
    Escalate {
        actor: Arc<str>,
        reason: String,
        remedy: Remedy,
    },
    Answer(oneshot::Sender<()>),
}

impl Supervisor {
    /// Starts to watch, as a task of the present tokio runtime. That runtime's thread must not be
    /// blocked by others: it is the one that notices hangs.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(config: SupervisorConfig, clock: Arc<dyn Clock>) -> (Self, Escalations) {
        let (commands, asked) = mpsc::unbounded_channel();
        let (escalate, escalations) = mpsc::unbounded_channel();
        let (publish, status) = watch::channel(Status::default());
        let wires = Wires {
            commands: asked,
            escalate,
            publish,
        };
        tokio::spawn(Overseer::new(config, clock.clone(), wires).run());
        let supervisor = Supervisor {
            clock,
            commands,
            status,
        };
        (supervisor, Escalations(escalations))
    }

    /// Starts an actor. When this returns, its handle takes messages. A stopped actor of that name
    /// is replaced and its counts go on; one that has not stopped is a mistake in the wiring,
    /// which gives up.
    pub async fn spawn<A: Actor<Context = Context<A>>>(&self, spec: Spec<A>) {
        self.ask(|reply| Command::Spawn(Box::new(spec), reply))
            .await;
    }

    /// Asks for a restart, which counts against no limit. False where there is no such actor, or
    /// it has ended for good.
    pub async fn restart(&self, actor: &str) -> bool {
        let asked = self.ask(|reply| Command::Restart(actor.to_owned(), reply));
        asked.await.unwrap_or(false)
    }

    /// Ends all actors, one after another, the last spawned first: what is built sink first ends
    /// source first (P8). Those that can drain may do so until `drain` has passed for all of them
    /// together; who has not ended then is stopped, and after a grace abandoned.
    pub async fn shutdown(&self, drain: Duration) -> Vec<Ended> {
        let drain_until = self.clock.now() + drain;
        let mut all = Vec::new();
        let actors = self.status.borrow().actors.clone();
        for actor in actors.into_iter().rev() {
            let stop = |ended| Command::Stop {
                actor: actor.name.clone(),
                drain_until,
                ended,
            };
            let exit = self.ask(stop).await.flatten();
            all.push(Ended {
                actor: actor.name,
                exit,
            });
        }
        all
    }

    /// Escalates what only the owner can see, such as work that makes no progress.
    /// [`Remedy::RestartAll`] may become [`Remedy::GiveUp`], as for any escalation.
    pub fn escalate(&self, actor: &str, reason: impl Into<String>, remedy: Remedy) {
        let _ = self.commands.send(Command::Escalate {
            actor: actor.into(),
            reason: reason.into(),
            remedy,
        });
    }

    /// Whether the supervisor is alive, asked of itself.
    pub async fn answers(&self) -> bool {
        self.ask(Command::Answer).await.is_some()
    }

    /// The actors as they stand, published at every change and at every look of the watchdog.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Threads of hung actors that have not ended yet.
    pub fn abandoned(&self) -> usize {
        self.status.borrow().abandoned
    }

    /// None where the supervisor is no more.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).ok()?;
        answer.await.ok()
    }
}

/// What the actors' owner must act on.
pub struct Escalations(mpsc::UnboundedReceiver<Escalation>);

impl Escalations {
    /// Waits for the next escalation. The supervisor's own end is one: nobody would watch.
    pub async fn next(&mut self) -> Escalation {
        self.0.recv().await.unwrap_or_else(|| Escalation {
            actor: "supervisor".into(),
            reason: "the supervisor has ended".to_owned(),
            remedy: Remedy::GiveUp,
        })
    }
}
