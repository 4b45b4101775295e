//! The consumer: reads partitions, makes batches of them, and commits what is settled.
//!
//! librdkafka is polled on a thread of its own (`reading`), where the intake lives too, so that
//! reports reach the ledger while the actor's mailbox is not served. The actor starts that thread,
//! passes orders on to it, and ends with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};

use super::messages::Fence;
use super::producer::OutputTopic;
use super::reports::Reports;
use super::sabotage::Sabotage;
use super::{Aggregator, Fences, Producer, Transformer};
use crate::flow::intake::Heritage;
use crate::flow::{Budget, Split};
use crate::kafka;
use crate::status::Board;
use crate::supervision::{Handle, Pulse};
use crate::telemetry::traces::Tracer;

mod actions;
mod client;
mod reading;
mod waiting;
mod watching;

use reading::Reading;

/// What a consumer is born with, and what outlives it.
#[derive(Clone)]
pub struct Wiring {
    pub kafka: kafka::Settings,
    /// Input topics; a partition's topic is an index into them.
    pub topics: Vec<String>,
    /// Asked whether their brokers answer, before anything is called stalled.
    pub outputs: Vec<OutputTopic>,
    pub transformers: Vec<Handle<Transformer>>,
    pub split: Split,
    pub producer: Handle<Producer>,
    pub aggregator: Handle<Aggregator>,
    pub reports: Reports,
    pub budget: Budget,
    pub heritage: Heritage,
    pub board: Board,
    pub tracer: Tracer,
    pub limits: Limits,
    pub fences: Fences,
    pub seat: Seat,
}

impl Wiring {
    /// Some leases are over. Whoever is being replaced starts without anything of them.
    fn fence(&self) {
        let _ = self.producer.send(Fence);
        let _ = self.aggregator.send(Fence);
    }
}

/// The place in the group: one client of ours sits on it at a time. Who comes next waits until
/// the client before has left, or the two would take partitions from each other.
#[derive(Clone, Default)]
pub struct Seat(Arc<Mutex<()>>);

impl Seat {
    /// Waits for the seat; None where by then it is not `wanted` any more.
    fn take(&self, wanted: impl FnOnce() -> bool) -> Option<MutexGuard<'_, ()>> {
        // Whoever panicked on it has left it.
        let seat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted().then_some(seat)
    }
}

/// How much and how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub batch_records: usize,
    pub batch_wait: Duration,
    pub commit_interval: Duration,
    /// How long a revoked partition may take to settle.
    pub drain: Duration,
    /// Work that does not move for that long is a failure (P7).
    pub stall: Duration,
}

/// Read nothing more, and end once all is settled and committed.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// The actor that owns the reading thread.
pub struct Consumer {
    pulse: Pulse,
    wiring: Wiring,
    orders: Option<Sender<Drain>>,
}

/// The reading thread has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended(Result<(), String>);

impl Consumer {
    pub fn new(pulse: Pulse, wiring: Wiring) -> Self {
        Consumer {
            pulse,
            wiring,
            orders: None,
        }
    }
}

impl Actor for Consumer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (orders, taken) = channel();
        self.orders = Some(orders);
        let (wiring, pulse, actor) = (self.wiring.clone(), self.pulse.beside(), ctx.address());
        let span = tracing::Span::current();
        let thread = thread::Builder::new()
            .name("reading".to_owned())
            .spawn(move || span.in_scope(|| live(wiring, pulse, taken, &actor)));
        if let Err(error) = thread {
            self.pulse
                .fail(format!("no thread can be had: {}", error.kind()));
            ctx.stop();
        }
    }
}

/// The reading thread from its beginning to its end, which the actor hears of, however it comes.
fn live(wiring: Wiring, pulse: Pulse, orders: Receiver<Drain>, actor: &Addr<Consumer>) {
    let seat = wiring.seat.clone();
    let reading = || {
        // Busy, not waiting: a client that never leaves is a hang.
        let taken = {
            let _busy = pulse.busy();
            // Who joins without an actor shares the partitions out anew twice for nothing.
            seat.take(|| actor.connected())
        };
        match taken {
            Some(_seat) => Reading::begin(wiring, pulse.clone(), orders)?.run(),
            None => Ok(()),
        }
    };
    let end = catch_unwind(AssertUnwindSafe(reading))
        .unwrap_or_else(|_| Err("the reading thread panicked".to_owned()));
    // Fails where the actor is gone already: then nobody waits for this.
    let _ = actor.try_send(Ended(end));
}

impl Handler<Ended> for Consumer {
    type Result = ();

    fn handle(&mut self, Ended(end): Ended, ctx: &mut Self::Context) {
        if let Err(reason) = end {
            self.pulse.fail(reason);
        }
        ctx.stop();
    }
}

impl Handler<Drain> for Consumer {
    type Result = ();

    fn handle(&mut self, order: Drain, _: &mut Self::Context) {
        if let Some(orders) = &self.orders {
            // Fails where the thread has ended: the actor is about to.
            let _ = orders.send(order);
        }
    }
}

impl Handler<Sabotage> for Consumer {
    type Result = ();

    fn handle(&mut self, order: Sabotage, ctx: &mut Self::Context) {
        let _busy = self.pulse.busy();
        if order.strike() {
            ctx.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn p7_an_actor_that_died_while_it_waited_takes_no_seat() {
        let seat = Seat::default();
        let waiter = seat.clone();
        let alive = Arc::new(AtomicBool::new(true));
        let before = seat.take(|| true).expect("it is free");
        let waits = {
            let alive = alive.clone();
            thread::spawn(move || waiter.take(|| alive.load(Ordering::Acquire)).is_some())
        };
        alive.store(false, Ordering::Release);
        drop(before);
        assert!(!waits.join().expect("the seat is had"));
        assert!(seat.take(|| true).is_some(), "it is free for the next");
    }
}
