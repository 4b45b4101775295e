//! The thread that makes spans and sends them.

use std::io;
use std::thread;
use std::time::Duration;

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::queue::{Item, Loss, Queue, Waiting};
use super::spans::SpanMaker;
use super::transport::{NoTransport, transport};
use super::{Names, Service, Tracer};
use crate::config;
use crate::supervision::{Clock as _, Moment, SystemClock};
use crate::telemetry::Repeats;

/// So many spans go at once: some 600 kB, and collectors take 4 MiB by default.
const CHUNK: usize = 1024;
/// A span waits no longer than that for company.
const COMPANY: Duration = Duration::from_secs(1);
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
        let (queue, items, waiting) = Queue::new(loss.clone());
        let tracer = Tracer::new(settings.sampler(), queue.clone(), names.steps.len());
        let sending = Sending {
            spans: SpanMaker::new(names),
            transport,
            ready: Vec::with_capacity(CHUNK),
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
    ready: Vec<SpanData>,
    waiting: Waiting,
    loss: Loss,
    clock: SystemClock,
    repeats: Repeats,
}

impl Sending {
    async fn run(mut self, mut items: UnboundedReceiver<Item>) {
        loop {
            let next = if self.ready.is_empty() {
                Ok(items.recv().await)
            } else {
                timeout(COMPANY, items.recv()).await
            };
            match next {
                Ok(Some(item)) => self.take(item).await,
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
        if self.ready.len() >= CHUNK {
            self.send().await;
        }
    }

    /// What cannot be sent is lost: the exporter has tried again by then.
    async fn send(&mut self) {
        let ready = std::mem::take(&mut self.ready);
        let spans = ready.len();
        if spans == 0 {
            return;
        }
        let sent = self.transport.export(ready).await;
        self.waiting.give_back(spans);
        if let Err(error) = sent {
            (self.loss)(spans as u64);
            if let Some(held) = self.repeats.admit(self.clock.now().since(Moment::START)) {
                tracing::warn!(%error, spans, "spans could not be sent, and are lost{held}");
            }
        }
    }
}
