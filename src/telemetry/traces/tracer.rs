//! What actors hold of the traces.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::LINKS;
use super::queue::{Call, CallKind, Queue};
use super::settled::Settled;
use crate::flow::{Batch, Partition};
use crate::record::Records;
use crate::trace::{Context, End, Journey, Origin, Quota, Sampler, Sink, SpanId};

/// So many records a second are traced because something went wrong with them, though the sampler
/// does not want them.
const INSISTED_PER_SECOND: u32 = 10;

/// Decides what is traced. Clones are the same tracer; the default traces nothing.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

struct Inner {
    sampler: Sampler,
    insisted: Quota,
    queue: Queue,
    sink: Sink,
    settled: Arc<Settled>,
    /// What one journey takes, in bytes.
    journey_bytes: usize,
}

impl Tracer {
    /// `steps` are the pipeline's.
    pub(super) fn new(sampler: Sampler, queue: Queue, steps: usize) -> Tracer {
        let settled = Arc::<Settled>::default();
        let (logs, done) = (queue.clone(), settled.clone());
        let sink = move |finished| {
            done.note(&finished);
            logs.journeys(finished);
        };
        Tracer(Some(Arc::new(Inner {
            sampler,
            insisted: Quota::new(INSISTED_PER_SECOND),
            queue,
            sink: Arc::new(sink),
            settled,
            journey_bytes: Journey::bytes(steps),
        })))
    }

    /// Whether anything at all may be traced.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Decides which records of a batch are traced, and opens its log for those. A replayed batch
    /// keeps its log.
    pub fn begin(&self, batch: &Batch) {
        let Some(inner) = &self.0 else { return };
        if !batch.log().is_empty() {
            return;
        }
        let mut rng = SmallRng::from_rng(&mut rand::rng());
        let mut journeys = Vec::new();
        for (index, record) in batch.records().iter().enumerate() {
            if let Some(origin) = inner.sampler.decide(record.traceparent(), &mut rng) {
                journeys.push(journey(batch, index, origin, &mut rng));
            }
        }
        if !journeys.is_empty() {
            inner.open(batch, journeys);
        }
    }

    /// Something went wrong with a record: it is traced whatever the ratio, unless too many are.
    /// `now` is in Unix nanoseconds.
    pub fn insist(&self, batch: &Batch, index: usize, now: u64) {
        let Some(inner) = &self.0 else { return };
        if batch.log().here(index).is_none() && inner.insisted.admit(now) {
            let mut rng = SmallRng::from_rng(&mut rand::rng());
            let parent = batch.records().get(index).traceparent();
            let origin = Origin::under(parent.and_then(Context::parse), &mut rng);
            let journey = journey(batch, index, origin, &mut rng);
            inner.open(batch, vec![journey]);
        }
    }

    /// A poll between these times brought these records of a partition.
    pub fn polled(&self, partition: Partition, records: &Records, times: (u64, u64)) {
        let kind = CallKind::Poll {
            topic: partition.topic,
            partition: partition.id,
            records: records.len(),
        };
        self.call(kind, times, None, || {
            let parents = records.iter().filter_map(|record| record.traceparent());
            let parents = parents.filter_map(Context::parse);
            parents.filter(|of| of.sampled).take(LINKS).collect()
        });
    }

    /// These offsets were committed between these times, or refused for this reason.
    pub fn committed(
        &self,
        offsets: &[(Partition, i64)],
        times: (u64, u64),
        error: Option<&'static str>,
    ) {
        let Some(inner) = &self.0 else { return };
        self.call(CallKind::Commit, times, error, || {
            inner.settled.below(offsets)
        });
        if error.is_none() {
            inner.settled.forget(offsets);
        }
    }

    /// A transaction that was open between these times was committed up to these offsets, or
    /// aborted for this reason: what it held up to them is read again.
    pub fn transacted(
        &self,
        offsets: &[(Partition, i64)],
        times: (u64, u64),
        error: Option<&'static str>,
    ) {
        let Some(inner) = &self.0 else { return };
        self.call(CallKind::Transaction, times, error, || {
            inner.settled.below(offsets)
        });
        inner.settled.forget(offsets);
    }

    /// Whether a new record with this context is traced: it begins a trace.
    pub fn wants(&self, context: Context) -> bool {
        let inner = self.0.as_ref();
        inner.is_some_and(|inner| inner.sampler.root.wants(context.trace))
    }

    /// A new record was sent to the first input between these times under this context.
    pub fn sent(&self, context: Context, times: (u64, u64), error: Option<&'static str>) {
        if let Some(inner) = &self.0 {
            let (begun, ended) = times;
            inner.queue.call(Call {
                context,
                kind: CallKind::Send,
                begun,
                ended,
                error,
                links: Vec::new(),
            });
        }
    }

    fn call(
        &self,
        kind: CallKind,
        (begun, ended): (u64, u64),
        error: Option<&'static str>,
        links: impl FnOnce() -> Vec<Context>,
    ) {
        let Some(inner) = &self.0 else { return };
        let mut rng = SmallRng::from_rng(&mut rand::rng());
        let Some(origin) = inner.sampler.decide(None, &mut rng) else {
            return;
        };
        inner.queue.call(Call {
            context: Context {
                trace: origin.trace,
                span: span_id(&mut rng),
                sampled: true,
            },
            kind,
            begun,
            ended,
            error,
            links: links(),
        });
    }
}

impl Inner {
    /// What is noted is in flight like the records themselves, and is paid from the same budget:
    /// an outage may last while every record is traced (P4).
    fn open(&self, batch: &Batch, journeys: Vec<Journey>) {
        batch.charge(journeys.len() * self.journey_bytes);
        batch.log().add(&self.sink, batch.about(), journeys);
    }
}

fn journey(batch: &Batch, index: usize, origin: Origin, rng: &mut SmallRng) -> Journey {
    Journey {
        index,
        offset: batch.records().get(index).offset(),
        trace: origin.trace,
        parent: origin.parent,
        process: span_id(rng),
        send: span_id(rng),
        // One attempt is the rule.
        works: Vec::with_capacity(1),
        end: End::Open,
    }
}

pub(super) fn span_id(rng: &mut SmallRng) -> SpanId {
    SpanId(rng.random::<u64>().max(1))
}
