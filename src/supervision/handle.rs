//! What others hold of an actor. An actix address dies with its actor; a handle leads to
//! whichever incarnation lives.

use std::{error, fmt, sync::Arc};

use actix::{
    Actor, Addr, Context, Handler, Message,
    dev::{
        ToEnvelope,
        channel::{AddressReceiver, channel},
    },
};
use arc_swap::ArcSwap;

use super::Incarnation;

/// Room in a mailbox: more than any credit allows (P4), so sending never fails for want of it.
const MAILBOX: usize = usize::MAX >> 3;

/// Leads to the current incarnation of an actor, across its restarts. Clones lead to the same.
pub struct Handle<A: Actor> {
    name: Arc<str>,
    current: Arc<ArcSwap<Current<A>>>,
}

struct Current<A: Actor> {
    incarnation: Incarnation,
    /// None before the first start, and between an end and the next start.
    addr: Option<Addr<A>>,
}

/// The actor is not there; here is the message back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Gone<M>(pub M);

/// The actor is not there, or died before it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the actor did not reply")]
pub struct NoReply;

impl<A: Actor<Context = Context<A>>> Handle<A> {
    /// A handle that leads nowhere until an actor is spawned for it, so that actors which need
    /// each other's can be wired.
    pub fn new(name: &str) -> Self {
        Handle {
            name: name.into(),
            current: Arc::new(ArcSwap::from_pointee(Current {
                incarnation: Incarnation::NONE,
                addr: None,
            })),
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The incarnation that messages go to now, or the last there was.
    pub fn incarnation(&self) -> Incarnation {
        self.current.load().incarnation
    }

    /// Queues a message; never waits, never drops it in silence. That it was queued does not say
    /// that it will be handled: the actor may die first.
    pub fn send<M>(&self, message: M) -> Result<(), Gone<M>>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result: Send> + Send + 'static,
    {
        self.current.load().send(message)
    }

    /// Like [`Handle::send`], but only to the incarnation named. What was meant for one life never
    /// reaches the next ahead of the replay, so order holds (P2).
    pub fn send_to<M>(&self, incarnation: Incarnation, message: M) -> Result<(), Gone<M>>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result: Send> + Send + 'static,
    {
        let current = self.current.load();
        if current.incarnation != incarnation {
            return Err(Gone(message));
        }
        current.send(message)
    }

    /// Sends a message and waits for its result.
    ///
    /// # Errors
    /// [`NoReply`] where the actor is not there or dies before it answers.
    pub async fn request<M>(&self, message: M) -> Result<M::Result, NoReply>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result: Send> + Send + 'static,
    {
        let sent = {
            let current = self.current.load();
            current.addr.as_ref().map(|addr| addr.send(message))
        };
        sent.ok_or(NoReply)?.await.map_err(|_| NoReply)
    }

    /// Leads to a new incarnation from now on. The receiver is for its context: it ends with the
    /// actor, so each incarnation has its own.
    pub(super) fn install(&self, incarnation: Incarnation) -> AddressReceiver<A> {
        let (sender, receiver) = channel(MAILBOX);
        self.current.store(Arc::new(Current {
            incarnation,
            addr: Some(Addr::new(sender)),
        }));
        receiver
    }

    /// Leads nowhere until the next [`Handle::install`]: an abandoned actor's mailbox still takes
    /// messages, and they would be lost.
    pub(super) fn vacate(&self) {
        let incarnation = self.incarnation();
        self.current.store(Arc::new(Current {
            incarnation,
            addr: None,
        }));
    }
}

impl<A: Actor<Context = Context<A>>> Current<A> {
    fn send<M>(&self, message: M) -> Result<(), Gone<M>>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result: Send> + Send + 'static,
    {
        match &self.addr {
            Some(addr) => addr.try_send(message).map_err(|e| Gone(e.into_inner())),
            None => Err(Gone(message)),
        }
    }
}

impl<A: Actor> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Handle {
            name: self.name.clone(),
            current: self.current.clone(),
        }
    }
}

impl<A: Actor> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.name)
    }
}

impl<M> fmt::Debug for Gone<M> {
    /// Without the message: it may hold records (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gone(..)")
    }
}

impl<M> fmt::Display for Gone<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the actor is not there")
    }
}

impl<M> error::Error for Gone<M> {}
