//! The thread that makes spans and sends them.

use std::fmt::Display;
use std::io;
use std::thread;
use std::time::Duration;

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::queue::{Item, Loss, Queue, Waiting};
use super::refusals::{Refusal, Refusals};
use super::spans::SpanMaker;
use super::transport::{NoTransport, transport};
use super::{Names, Service, Tracer};
use crate::config::{self, Batching};
use crate::repeats::Repeats;
use crate::supervision::{Clock as _, Moment, SystemClock};

/// An endpoint that is away is told of that often.
const SAY: Duration = Duration::from_secs(60);

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
pub enum NoExporter {
    #[error("the exporter of traces: {0}")]
    Transport(#[from] NoTransport),
    #[error("the exporter of traces: {0}")]
    Thread(#[from] io::Error),
}

/// Sends spans while the process lives. Where there is no endpoint it is nothing at all.
#[derive(Default)]
pub struct Exporter {
    queue: Option<Queue>,
    tracer: Tracer,
}

impl Exporter {
    /// Starts the thread, where there is an endpoint to send to.
    ///
    /// # Errors
    /// Where the exporter refuses its settings, or there is no thread to be had.
    pub fn start(
        settings: &config::Traces,
        service: &Service,
        names: Names,
        loss: Loss,
    ) -> Result<Exporter, NoExporter> {
        let Some(export) = settings.export() else {
            return Ok(Exporter::default());
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut transport = {
            let _inside = runtime.enter();
            transport(&export)?
        };
        transport.set_resource(&service.resource());
        let (queue, items, waiting) = Queue::new(settings.batching.queue, loss.clone());
        let tracer = Tracer::new(settings.sampler(), queue.clone(), names.steps.len());
        let refusals = Refusals::default();
        let sending = Sending {
            spans: SpanMaker::new(names),
            transport,
            batching: settings.batching,
            ready: Vec::new(),
            due: None,
            listener: refusals.listener(),
            refusals,
            waiting,
            loss,
            clock: SystemClock::new(),
            repeats: Repeats::new(SAY),
        };
        spawn(runtime, sending, items)?;
        Ok(Exporter {
            tracer,
            queue: Some(queue),
        })
    }

    pub fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Sends what is left, if that takes no longer than `patience` (P8).
    pub async fn flush(&self, patience: Duration) {
        if let Some(queue) = &self.queue
            && timeout(patience, queue.flush()).await.is_err()
        {
            tracing::warn!("not all spans could be sent in time");
        }
    }
}

fn spawn(
    runtime: Runtime,
    sending: Sending,
    items: UnboundedReceiver<Item>,
) -> Result<(), io::Error> {
    let name = "spans".to_owned();
    let live = move || runtime.block_on(sending.run(items));
    thread::Builder::new().name(name).spawn(live).map(drop)
}

struct Sending {
    spans: SpanMaker,
    transport: SpanExporter,
    batching: Batching,
    ready: Vec<SpanData>,
    /// When what is ready has waited long enough.
    due: Option<Instant>,
    refusals: Refusals,
    listener: Dispatch,
    waiting: Waiting,
    loss: Loss,
    clock: SystemClock,
    repeats: Repeats,
}

impl Sending {
    async fn run(mut self, mut items: UnboundedReceiver<Item>) {
        loop {
            let next = match self.due {
                None => Ok(items.recv().await),
                Some(due) => timeout_at(due, items.recv()).await,
            };
            match next {
                Ok(Some(item)) => {
                    let due = Instant::now() + self.batching.delay;
                    self.take(item).await;
                    let waits = !self.ready.is_empty();
                    self.due = waits.then(|| self.due.unwrap_or(due));
                }
                Ok(None) => return self.send().await,
                Err(_) => self.send().await,
            }
        }
    }

    async fn take(&mut self, item: Item) {
        match item {
            Item::Journeys(finished) => {
                for journey in &finished.journeys {
                    self.spans.journey(&finished, journey, &mut self.ready);
                    self.send_when_full().await;
                }
            }
            Item::Call(call) => {
                self.ready.push(self.spans.call(call));
                self.send_when_full().await;
            }
            Item::Flush(tell) => {
                self.send().await;
                // Fails where nobody has the patience any more.
                let _ = oneshot::Sender::send(tell, ());
            }
        }
    }

    async fn send_when_full(&mut self) {
        while self.ready.len() >= self.batching.batch {
            let rest = self.ready.split_off(self.batching.batch);
            self.send().await;
            self.ready = rest;
        }
    }

    /// What cannot be sent is lost: the exporter has tried again by then.
    async fn send(&mut self) {
        let ready = std::mem::take(&mut self.ready);
        self.due = None;
        let spans = ready.len();
        if spans == 0 {
            return;
        }
        let export = self.transport.export(ready);
        let export = export.with_subscriber(self.listener.clone());
        let sent = timeout(self.batching.timeout, export).await;
        self.waiting.give_back(spans);
        match sent {
            Ok(Ok(())) => {
                if let Some(Refusal { spans, reason }) = self.refusals.take() {
                    self.lose(spans, reason);
                }
            }
            Ok(Err(error)) => self.lose(spans as u64, error),
            Err(_) => self.lose(spans as u64, "the collector does not answer"),
        }
    }

    fn lose(&mut self, spans: u64, reason: impl Display) {
        (self.loss)(spans);
        if let Some(held) = self.repeats.admit(self.clock.now().since(Moment::START)) {
            tracing::warn!(%reason, spans, "spans could not be sent, and are lost{held}");
        }
    }
}
