//! The bounded way from the actors to the thread that sends spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::parts::parts;
use crate::trace::{Context, Finished};

/// Told how many spans were lost. It is called by whoever hands spans in: it must not block.
pub type Loss = Arc<dyn Fn(u64) + Send + Sync>;

/// What waits to be sent.
pub(super) enum Item {
    Journeys(Finished),
    Call(Call),
    /// Send all that came before, then say so.
    Flush(oneshot::Sender<()>),
}

/// A call to the broker, by one of our clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub context: Context,
    pub kind: CallKind,
    pub begun: u64,
    pub ended: u64,
    pub error: Option<&'static str>,
    /// The spans of others that it had to do with.
    pub links: Vec<Context>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    /// Brought so many records of one partition, the topic as its index.
    Poll {
        topic: u16,
        partition: i32,
        records: usize,
    },
    Commit,
    /// From its first record to its end.
    Transaction,
    /// Sent a new record to the first input: the root of its trace.
    Send,
}

/// The actors' end.
#[derive(Clone)]
pub(super) struct Queue {
    items: UnboundedSender<Item>,
    waiting: Waiting,
    loss: Loss,
}

/// How many spans wait, of so many at most.
#[derive(Clone)]
pub(super) struct Waiting {
    spans: Arc<AtomicUsize>,
    limit: usize,
}

impl Waiting {
    /// Takes room for as many of `spans` as there is, and says how many those are.
    fn take(&self, spans: usize) -> usize {
        let waiting = self.spans.fetch_add(spans, Ordering::Relaxed);
        let taken = self.limit.saturating_sub(waiting).min(spans);
        self.give_back(spans - taken);
        taken
    }

    pub fn give_back(&self, spans: usize) {
        self.spans.fetch_sub(spans, Ordering::Relaxed);
    }
}

impl Queue {
    /// In which `limit` spans have room.
    pub fn new(limit: usize, loss: Loss) -> (Queue, UnboundedReceiver<Item>, Waiting) {
        let (items, taken) = unbounded_channel();
        let waiting = Waiting {
            spans: Arc::default(),
            limit,
        };
        let queue = Queue {
            items,
            waiting: waiting.clone(),
            loss,
        };
        (queue, taken, waiting)
    }

    /// What there is no room for is lost, journey by journey, and counted (P6).
    pub fn journeys(&self, mut finished: Finished) {
        let spans = |finished: &Finished| -> Vec<usize> {
            let journeys = finished.journeys.iter();
            journeys.map(|of| parts(finished, of).count()).collect()
        };
        let spans = spans(&finished);
        let all: usize = spans.iter().sum();
        let mut room = self.waiting.take(all);
        let fits = |of: &&usize| {
            let left = room.checked_sub(**of);
            room = left.unwrap_or(room);
            left.is_some()
        };
        let kept = spans.iter().take_while(fits).count();
        let kept_spans: usize = spans[..kept].iter().sum();
        self.waiting.give_back(room);
        self.lose(all - kept_spans);
        if kept > 0 {
            finished.journeys.truncate(kept);
            self.send(Item::Journeys(finished), kept_spans);
        }
    }

    pub fn call(&self, call: Call) {
        if self.waiting.take(1) == 1 {
            self.send(Item::Call(call), 1);
        } else {
            self.lose(1);
        }
    }

    /// Resolves once all that was handed in before is sent, or lost.
    pub fn flush(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let _ = self.items.send(Item::Flush(tell));
        told
    }

    /// The other end is there as long as the process, but for its last moments.
    fn send(&self, item: Item, spans: usize) {
        if self.items.send(item).is_err() {
            self.lose(spans);
        }
    }

    fn lose(&self, spans: usize) {
        if spans > 0 {
            (self.loss)(spans as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::trace::{End, Journey, SpanId, TraceId};

    const LIMIT: usize = 2000;

    /// Journeys of one span each.
    fn journeys(count: usize) -> Finished {
        let journey = Journey {
            index: 0,
            offset: 0,
            trace: TraceId(1),
            parent: None,
            process: SpanId(2),
            send: SpanId(3),
            works: Vec::new(),
            end: End::Open,
        };
        Finished {
            journeys: vec![journey; count],
            ..Finished::default()
        }
    }

    fn queue() -> (Queue, UnboundedReceiver<Item>, Waiting, Arc<AtomicU64>) {
        let lost = Arc::new(AtomicU64::new(0));
        let count = lost.clone();
        let loss = move |spans| {
            count.fetch_add(spans, Ordering::Relaxed);
        };
        let (queue, items, waiting) = Queue::new(LIMIT, Arc::new(loss));
        (queue, items, waiting, lost)
    }

    fn waiting(items: &mut UnboundedReceiver<Item>) -> usize {
        let mut waiting = 0;
        while let Ok(Item::Journeys(finished)) = items.try_recv() {
            waiting += finished.journeys.len();
        }
        waiting
    }

    #[test]
    fn p4_p6_what_there_is_no_room_for_is_lost_and_counted() {
        let (queue, mut items, room, lost) = queue();
        queue.journeys(journeys(LIMIT - 10));
        queue.journeys(journeys(1000));
        assert_eq!(lost.load(Ordering::Relaxed), 990);
        assert_eq!(waiting(&mut items), LIMIT, "as many as there is room for");
        queue.journeys(journeys(1));
        assert_eq!(lost.load(Ordering::Relaxed), 991);
        room.give_back(1);
        queue.journeys(journeys(1));
        assert_eq!(lost.load(Ordering::Relaxed), 991);
    }

    #[test]
    fn p6_what_comes_after_the_end_is_counted() {
        let (queue, items, _, lost) = queue();
        drop(items);
        queue.journeys(journeys(3));
        assert_eq!(lost.load(Ordering::Relaxed), 3);
    }
}
