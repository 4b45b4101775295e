//! Sends generated events; their traces begin here.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::generator::Event;
use crate::kafka::{self, NewRecord, Receipt, Report, SendError, Tag};
use crate::record::TRACEPARENT;
use crate::supervision::{Clock, Moment, SystemClock, unix_nanos};
use crate::telemetry::traces::Tracer;
use crate::trace::Context;

/// For one question to the broker, and for the last records to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of that patience, as long as nothing else is looked after.
const SLICE: Duration = Duration::from_millis(100);
/// How long to wait for room where librdkafka's queue is full.
const ROOM: Duration = Duration::from_millis(20);

/// The ticket of what is not traced.
const NOT_TRACED: u64 = 0;

/// A producer to one topic; records without a key go round its partitions.
pub struct Sender {
    client: kafka::Producer,
    partitions: i32,
    next: Cell<i32>,
    /// Events that were refused.
    failed: Arc<AtomicUsize>,
    traces: Traces,
}

/// What is traced of records on their way to the broker.
#[derive(Clone)]
struct Traces {
    tracer: Tracer,
    /// When each was sent and under which context, by its ticket.
    under_way: Arc<Mutex<HashMap<u64, (Context, u64)>>>,
}

impl Sender {
    pub fn connect(
        settings: &kafka::Settings,
        topic: &str,
        tracer: Tracer,
    ) -> Result<Sender, kafka::Error> {
        let traces = Traces {
            tracer,
            under_way: Arc::default(),
        };
        let failed = Arc::new(AtomicUsize::new(0));
        let (told, counted) = (traces.clone(), failed.clone());
        let client = kafka::Producer::new(settings, &[topic], move |report| match report {
            Report::Receipts(receipts) => {
                let refused = receipts.iter().filter(|receipt| receipt.is_failure());
                counted.fetch_add(refused.count(), Ordering::Relaxed);
                told.arrived(receipts);
            }
            Report::Error(error) => tracing::warn!(%error, "trouble with the brokers"),
        })?;
        let partitions = client.partition_count(0, PATIENCE)?;
        Ok(Sender {
            client,
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            next: Cell::new(0),
            failed,
            traces,
        })
    }

    /// Waits where librdkafka has no room.
    pub async fn send(&self, event: &Event) -> Result<(), SendError> {
        let partition = self.partition(event);
        let trace = self.traces.begin(event);
        loop {
            match self.try_send(event, partition, trace) {
                Err(SendError::QueueFull) => tokio::time::sleep(ROOM).await,
                answer => return answer,
            }
        }
    }

    /// As [`Sender::send`], on a thread that may block.
    pub fn send_blocking(&self, event: &Event) -> Result<(), SendError> {
        let partition = self.partition(event);
        let trace = self.traces.begin(event);
        loop {
            match self.try_send(event, partition, trace) {
                Err(SendError::QueueFull) => std::thread::sleep(ROOM),
                answer => return answer,
            }
        }
    }

    fn try_send(
        &self,
        event: &Event,
        partition: Option<i32>,
        trace: Option<Context>,
    ) -> Result<(), SendError> {
        let traceparent = trace.map(Context::to_header);
        let headers = event.headers.iter().map(|(name, value)| {
            let name = name.as_bytes();
            let traceparent = traceparent.as_ref().filter(|_| name == TRACEPARENT);
            (name, Some(traceparent.map_or(value.as_slice(), |of| of)))
        });
        let record = NewRecord {
            key: event.key.as_deref(),
            value: event.value.as_deref(),
            timestamp: None,
            headers,
        };
        let tag = Tag::new(ticket(trace), 0);
        self.client.send(0, partition, record, tag)
    }

    /// Sends what is still here, and waits until it is acknowledged.
    pub fn flush(&self) -> Result<(), kafka::Error> {
        self.client.flush(PATIENCE)
    }

    /// As [`Sender::flush`], and yields meanwhile, so that signals are heard.
    pub async fn deliver(&self) -> Result<(), kafka::Error> {
        let mut flushed = self.client.flush(SLICE);
        if flushed.is_err() {
            let events = self.client.pending();
            tracing::info!("waiting for {events} events to be acknowledged; Ctrl+C ends that");
        }
        let clock = SystemClock::new();
        while flushed.is_err() && clock.now().since(Moment::START) < PATIENCE {
            tokio::task::yield_now().await;
            flushed = self.client.flush(SLICE);
        }
        flushed
    }

    /// Events that were refused, or are not acknowledged yet.
    pub fn undelivered(&self) -> usize {
        self.client.pending() + self.failed.load(Ordering::Relaxed)
    }

    /// A key decides by itself.
    fn partition(&self, event: &Event) -> Option<i32> {
        event.key.is_none().then(|| {
            let partition = self.next.get();
            self.next.set((partition + 1) % self.partitions);
            partition
        })
    }
}

/// Of a record that is traced, by its span's id: random, so that no two under way are alike.
fn ticket(trace: Option<Context>) -> u64 {
    let traced = trace.filter(|of| of.sampled);
    traced.map_or(NOT_TRACED, |of| (of.span.0 % Tag::TICKETS).max(1))
}

impl Traces {
    /// The event's own context, its flag as the sampler decides. None where nobody traces, or it
    /// has no context: then it goes as it is.
    fn begin(&self, event: &Event) -> Option<Context> {
        if !self.tracer.is_on() {
            return None;
        }
        let mut headers = event.headers.iter();
        let (_, value) = headers.find(|(name, _)| name.as_bytes() == TRACEPARENT)?;
        let mut context = Context::parse(value)?;
        context.sampled = self.tracer.wants(context);
        if context.sampled {
            let begun = unix_nanos();
            self.under_way()
                .insert(ticket(Some(context)), (context, begun));
        }
        Some(context)
    }

    fn arrived(&self, receipts: &[Receipt]) {
        for receipt in receipts {
            let (ticket, error) = match *receipt {
                Receipt::Delivered { ticket, .. } => (ticket, None),
                Receipt::Failed { ticket, .. } => (ticket, Some("refused")),
            };
            let Some((context, begun)) = self.under_way().remove(&ticket) else {
                continue;
            };
            self.tracer.sent(context, (begun, unix_nanos()), error);
        }
    }

    /// Whole after each change, so a poisoned lock is as good as any.
    fn under_way(&self) -> MutexGuard<'_, HashMap<u64, (Context, u64)>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
