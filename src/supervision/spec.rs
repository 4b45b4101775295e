//! How an actor is made, again and again.

use std::{io, sync::Arc, time::Duration};

use actix::{Actor, Context};

use super::{
    Exit, Handle, Incarnation, Pulse, RestartLimits,
    life::{self, Life},
};

/// What a new incarnation is told at birth.
pub struct Birth {
    pub incarnation: Incarnation,
    pub pulse: Pulse,
}

/// An actor was replaced; its [`Handle`] leads to the new incarnation already.
#[derive(Clone, Debug)]
pub struct Restarted {
    /// The new one.
    pub incarnation: Incarnation,
    /// How the one before ended.
    pub exit: Exit,
    /// It ended while at work on an [item](Pulse::item): that item is the suspect (P5).
    pub blamed: bool,
}

/// Makes an incarnation, on the incarnation's own thread, or says why it cannot.
pub(super) type Factory<A> = dyn Fn(Birth) -> Result<A, String> + Send + Sync;

/// Asks an actor to drain; false where it cannot be asked.
type Drain<A> = dyn Fn(&Handle<A>) -> bool + Send;

/// How an actor is made, watched, drained and restarted.
pub struct Spec<A: Actor> {
    handle: Handle<A>,
    plan: Plan,
    make: Arc<Factory<A>>,
    on_restart: Box<dyn Fn(Restarted) + Send>,
    drain: Box<Drain<A>>,
}

/// The part of a [`Spec`] that does not depend on the actor's type.
pub(super) struct Plan {
    pub(super) name: Arc<str>,
    pub(super) role: &'static str,
    pub(super) limits: RestartLimits,
    pub(super) hang_after: Duration,
    pub(super) replaceable: bool,
}

impl<A: Actor<Context = Context<A>>> Spec<A> {
    /// An actor behind `handle`, made by `make` on its own thread at every start. A `make` that
    /// returns an error or panics counts as an exit like any other. Reasons name names and types,
    /// never data (P10).
    pub fn new(
        handle: &Handle<A>,
        role: &'static str,
        make: impl Fn(Birth) -> Result<A, String> + Send + Sync + 'static,
    ) -> Self {
        Spec {
            handle: handle.clone(),
            plan: Plan {
                name: handle.name().clone(),
                role,
                limits: RestartLimits::default(),
                hang_after: Duration::from_secs(30),
                replaceable: true,
            },
            make: Arc::new(make),
            on_restart: Box::new(|_| ()),
            drain: Box::new(|_| false),
        }
    }

    pub fn limits(mut self, limits: RestartLimits) -> Self {
        self.plan.limits = limits;
        self
    }

    /// One piece of work that lasts longer is hung.
    pub fn hang_after(mut self, span: Duration) -> Self {
        self.plan.hang_after = span;
        self
    }

    /// A hang of this actor ends the process: what it holds cannot be had a second time while its
    /// abandoned thread lives.
    pub fn irreplaceable_when_hung(mut self) -> Self {
        self.plan.replaceable = false;
        self
    }

    /// Called once for every exit that is followed by a restart, after the handle leads to the new
    /// incarnation: here replays begin. It runs on the supervisor's thread and must neither block
    /// nor panic.
    pub fn on_restart(mut self, hook: impl Fn(Restarted) + Send + 'static) -> Self {
        self.on_restart = Box::new(hook);
        self
    }

    /// How the actor is asked to finish what it has and then stop by itself, by a message in
    /// general. Without it, it is stopped between two messages. It must neither block nor panic.
    pub fn drain_by(mut self, ask: impl Fn(&Handle<A>) + Send + 'static) -> Self {
        self.drain = Box::new(move |actor| {
            ask(actor);
            true
        });
        self
    }
}

/// A [`Spec`] of any actor.
pub(super) trait Launch: Send {
    fn plan(&self) -> &Plan;
    /// Makes the handle lead to a new incarnation and starts its thread.
    fn launch(&self, life: Life) -> io::Result<()>;
    /// Makes the handle lead nowhere.
    fn vacate(&self);
    /// Asks the actor to drain; false where it cannot be asked.
    fn drain(&self) -> bool;
    fn restarted(&self, restarted: Restarted);
}

impl<A: Actor<Context = Context<A>>> Launch for Spec<A> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn launch(&self, life: Life) -> io::Result<()> {
        let mailbox = self.handle.install(life.birth.incarnation);
        life::begin(&self.plan.name, self.make.clone(), mailbox, life)
    }

    fn vacate(&self) {
        self.handle.vacate();
    }

    fn drain(&self) -> bool {
        (self.drain)(&self.handle)
    }

    fn restarted(&self, restarted: Restarted) {
        (self.on_restart)(restarted);
    }
}
