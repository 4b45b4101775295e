//! One incarnation's thread, from birth to end.
//!
//! Each has a thread of its own, named after the actor, and on it an actix `System` of its own: an
//! `Arbiter` names its thread itself, and would be told to stop together with its siblings.

use std::{
    future::poll_fn,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    thread,
};

use actix::{
    Actor, ActorContext, Context, System,
    dev::{ContextFut, channel::AddressReceiver},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Exit, Incarnation, Pulse,
    panics::take_last_place,
    spec::{Birth, Factory},
};

/// What a thread is given at its start.
pub(super) struct Life {
    pub(super) birth: Birth,
    /// Resolves when the actor is told to stop, or its supervisor is gone.
    pub(super) stop: oneshot::Receiver<()>,
    pub(super) reporter: Reporter,
}

/// Tells the supervisor about one incarnation.
pub(super) struct Reporter {
    pub(super) actor: usize,
    pub(super) incarnation: Incarnation,
    pub(super) reports: mpsc::UnboundedSender<Report>,
}

pub(super) struct Report {
    /// The actor's place in the supervisor's list.
    pub(super) actor: usize,
    pub(super) incarnation: Incarnation,
    pub(super) news: News,
}

pub(super) enum News {
    /// The actor was made and takes messages.
    Born,
    /// The actor is no more. Comes once.
    Exited(Exit),
    /// Its thread ends, too. The last there is.
    ThreadEnded,
}

impl Reporter {
    fn tell(&self, news: News) {
        // Fails where the supervisor is gone: then nobody needs to know.
        let _ = self.reports.send(Report {
            actor: self.actor,
            incarnation: self.incarnation,
            news,
        });
    }
}

/// Sees to it that no thread ends unreported, whatever panics on it outside the actor's turns, an
/// actor's `Drop` for one.
struct Epitaph {
    reporter: Reporter,
    told: bool,
}

impl Epitaph {
    fn tell_exit(&mut self, exit: Exit) {
        self.told = true;
        self.reporter.tell(News::Exited(exit));
    }
}

impl Drop for Epitaph {
    fn drop(&mut self) {
        if !self.told {
            self.tell_exit(Exit::Panicked(take_last_place()));
        }
        self.reporter.tell(News::ThreadEnded);
    }
}

/// Starts the thread of an incarnation.
///
/// # Errors
/// Where the machine gives no thread.
pub(super) fn begin<A: Actor<Context = Context<A>>>(
    name: &str,
    make: Arc<Factory<A>>,
    mailbox: AddressReceiver<A>,
    life: Life,
) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    let incarnation = life.birth.incarnation.number();
    // An error's span: it is there at whatever level something is logged.
    let span = tracing::error_span!("actor", actor = name, incarnation);
    thread.spawn(move || {
        // The thread does nothing else, so all that is logged on it is the actor's.
        let _entered = span.enter();
        let Life {
            birth,
            stop,
            reporter,
        } = life;
        let mut epitaph = Epitaph {
            reporter,
            told: false,
        };
        let system = System::new();
        let exit = system.block_on(live(&*make, birth, mailbox, stop, &epitaph.reporter));
        // The successor need not wait until the system, too, has been taken down.
        epitaph.tell_exit(exit);
    })?;
    Ok(())
}

/// Makes the actor and runs it to its end; it has been dropped when this returns.
async fn live<A: Actor<Context = Context<A>>>(
    make: &Factory<A>,
    birth: Birth,
    mailbox: AddressReceiver<A>,
    stop: oneshot::Receiver<()>,
    reporter: &Reporter,
) -> Exit {
    let pulse = birth.pulse.clone();
    let made = {
        let _busy = pulse.busy();
        catch(|| make(birth))
    };
    match made {
        Ok(Ok(actor)) => {
            reporter.tell(News::Born);
            run(
                Context::with_receiver(mailbox).into_future(actor),
                &pulse,
                stop,
            )
            .await
        }
        Ok(Err(reason)) => Exit::Failed(reason),
        Err(panicked) => panicked,
    }
}

async fn run<A: Actor<Context = Context<A>>>(
    mut actor: ContextFut<A, Context<A>>,
    pulse: &Pulse,
    stop: oneshot::Receiver<()>,
) -> Exit {
    let mut stop = Some(stop);
    poll_fn(|cx| {
        if told_to_stop(&mut stop, cx) {
            actor.ctx().stop();
        }
        let _busy = pulse.busy();
        match catch(|| Pin::new(&mut actor).poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(stopped(pulse)),
            Err(panicked) => {
                // Else dropping the context would run the panicked actor's `stopping`.
                actor.ctx().terminate();
                Poll::Ready(panicked)
            }
        }
    })
    .await
}

/// True once: a oneshot must not be polled after it resolved.
fn told_to_stop(stop: &mut Option<oneshot::Receiver<()>>, cx: &mut task::Context<'_>) -> bool {
    let told = stop
        .as_mut()
        .is_some_and(|stop| Pin::new(stop).poll(cx).is_ready());
    if told {
        *stop = None;
    }
    told
}

fn stopped(pulse: &Pulse) -> Exit {
    match pulse.failure() {
        Some(reason) => Exit::Failed(reason.to_owned()),
        None => Exit::Stopped,
    }
}

/// Turns a panic into an exit. What the panic unwound through is not used again.
fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Exit> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Exit::Panicked(take_last_place()))
}
