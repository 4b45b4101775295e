//! The promises of supervision, kept by toy actors under a clock that the tests move.

mod escalations;
mod restarts;
mod shutdown;

use std::{
    panic,
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc as blocking,
    },
    time::Duration,
};

use actix::{Actor, ActorContext, Context, Handler, Message, Running};
use tokio::sync::{mpsc, watch};

use super::{panics::keep_place, *};

const SECOND: Duration = Duration::from_secs(1);
const HANG_AFTER: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(2);
const LIMITS: RestartLimits = RestartLimits {
    restarts: 3,
    period: Duration::from_secs(60),
    first_wait: SECOND,
    longest_wait: Duration::from_secs(4),
    stable_after: Duration::from_secs(60),
};

/// Does what it is told, mostly harm.
struct Toy {
    name: Arc<str>,
    pulse: Pulse,
    /// Told the toy's name when it is dropped.
    ends: mpsc::UnboundedSender<Arc<str>>,
    asked_to_stop: Arc<AtomicU32>,
    panics_in_drop: bool,
}

impl Actor for Toy {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.asked_to_stop.fetch_add(1, SeqCst);
        Running::Stop
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        let _ = self.ends.send(self.name.clone());
        if self.panics_in_drop {
            panic!("in drop");
        }
    }
}

enum Do {
    Panic,
    PanicAtItem,
    PanicInDrop,
    Stop,
    Fail,
    GiveUp,
    Block(Block),
}

/// Holds a toy's thread until the test lets go.
struct Block {
    entered: mpsc::UnboundedSender<Pulse>,
    release: blocking::Receiver<()>,
    manner: Manner,
}

#[derive(Clone, Copy)]
enum Manner {
    Working,
    AtItem,
    Waiting,
}

impl Block {
    fn message(manner: Manner) -> (Do, mpsc::UnboundedReceiver<Pulse>, blocking::Sender<()>) {
        let (entered, has_entered) = mpsc::unbounded_channel();
        let (let_go, release) = blocking::channel();
        let block = Block {
            entered,
            release,
            manner,
        };
        (Do::Block(block), has_entered, let_go)
    }

    fn hold(self, pulse: &Pulse) {
        let _item = matches!(self.manner, Manner::AtItem).then(|| pulse.item());
        let _waiting = matches!(self.manner, Manner::Waiting).then(|| pulse.waiting());
        let _ = self.entered.send(pulse.clone());
        let _ = self.release.recv();
    }
}

impl Message for Do {
    type Result = ();
}

impl Handler<Do> for Toy {
    type Result = ();

    fn handle(&mut self, what: Do, context: &mut Self::Context) {
        match what {
            Do::Panic => panic!("the secret"),
            Do::PanicAtItem => {
                let _item = self.pulse.item();
                panic!("at an item");
            }
            Do::PanicInDrop => {
                self.panics_in_drop = true;
                context.stop();
            }
            Do::Stop => context.stop(),
            Do::Fail => {
                self.pulse.fail("out of luck");
                context.stop();
            }
            Do::GiveUp => {
                self.pulse.give_up();
                self.pulse.fail("no hope");
                context.stop();
            }
            Do::Block(block) => block.hold(&self.pulse),
        }
    }
}

struct WhichLife;

impl Message for WhichLife {
    type Result = u64;
}

impl Handler<WhichLife> for Toy {
    type Result = u64;

    fn handle(&mut self, _: WhichLife, _: &mut Self::Context) -> u64 {
        self.pulse.incarnation().number()
    }
}

/// A supervisor, its clock, and what comes out of it.
struct Stage {
    clock: Arc<ManualClock>,
    supervisor: Supervisor,
    escalations: Escalations,
    ends: (
        mpsc::UnboundedSender<Arc<str>>,
        mpsc::UnboundedReceiver<Arc<str>>,
    ),
    asked_to_stop: Arc<AtomicU32>,
}

impl Stage {
    fn new() -> Stage {
        keep_places_of_panics();
        let clock = Arc::new(ManualClock::new());
        let config = SupervisorConfig {
            max_abandoned: 2,
            escalation_period: 60 * SECOND,
            stop_grace: GRACE,
            seed: 7,
        };
        let (supervisor, escalations) = Supervisor::start(config, clock.clone());
        Stage {
            clock,
            supervisor,
            escalations,
            ends: mpsc::unbounded_channel(),
            asked_to_stop: Arc::default(),
        }
    }

    fn toy(&self, handle: &Handle<Toy>) -> Spec<Toy> {
        let (name, ends) = (handle.name().clone(), self.ends.0.clone());
        let asked_to_stop = self.asked_to_stop.clone();
        let make = move |birth: Birth| {
            Ok(Toy {
                name: name.clone(),
                pulse: birth.pulse,
                ends: ends.clone(),
                asked_to_stop: asked_to_stop.clone(),
                panics_in_drop: false,
            })
        };
        let spec = Spec::new(handle, "toy", make);
        spec.limits(LIMITS).hang_after(HANG_AFTER)
    }

    async fn spawn(&self, name: &str) -> Handle<Toy> {
        let handle = Handle::new(name);
        self.supervisor.spawn(self.toy(&handle)).await;
        self.until(name, |toy| toy.state == State::Running).await;
        handle
    }

    /// Lets time pass and the overseer see it: what it does after one answer is done before the
    /// next.
    async fn pass(&self, span: Duration) {
        self.clock.advance(span);
        assert!(self.supervisor.answers().await);
        assert!(self.supervisor.answers().await);
    }

    async fn until(&self, name: &str, is: impl Fn(&ActorStatus) -> bool) -> ActorStatus {
        let mut status = self.supervisor.status();
        let status = status.wait_for(|status| status.actor(name).is_some_and(&is));
        let status = patiently(status).await.expect("the supervisor lives");
        status.actor(name).expect("just seen").clone()
    }

    async fn until_life(&self, name: &str, life: u64) -> ActorStatus {
        self.until(name, |toy| {
            toy.state == State::Running && toy.incarnation.number() == life
        })
        .await
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.supervisor.status()
    }

    async fn until_abandoned(&self, count: usize) {
        let mut status = self.status();
        let abandoned = status.wait_for(|status| status.abandoned == count);
        patiently(abandoned).await.expect("the supervisor lives");
    }
}

/// Like [`install_panic_hook`], but the messages of failing tests are still shown.
fn keep_places_of_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            keep_place(panic);
            shown(panic);
        }));
    });
}

/// A wait that ends: where what is waited for never comes, the test fails instead of blocking.
async fn patiently<T>(wait: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(60);
    let waited = tokio::time::timeout(patience, wait).await;
    waited.expect("what the test waits for comes")
}

/// Sends a toy a [`Block`] and waits until it is in it.
async fn block(toy: &Handle<Toy>, manner: Manner) -> (Pulse, blocking::Sender<()>) {
    let (message, mut entered, let_go) = Block::message(manner);
    toy.send(message).expect("the toy lives");
    let pulse = patiently(entered.recv())
        .await
        .expect("the toy takes the message");
    (pulse, let_go)
}
