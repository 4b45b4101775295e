//! Spans as OpenTelemetry's SDK knows them, by its conventions for messaging.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::names::Names;
use super::parts::{Part, Stage, parts};
use super::queue::{Call, CallKind};
use super::tracer::span_id;
use crate::trace::{Context, Finished, Journey, SpanId, Work};

/// Makes spans of what was noted.
pub(super) struct SpanMaker {
    names: Names,
    scope: InstrumentationScope,
    rng: SmallRng,
}

impl SpanMaker {
    pub fn new(names: Names) -> Self {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"));
        SpanMaker {
            names,
            scope: scope.with_version(env!("CARGO_PKG_VERSION")).build(),
            rng: SmallRng::from_rng(&mut rand::rng()),
        }
    }

    /// The spans of one traced record: `process`, and its children.
    pub fn journey(&mut self, finished: &Finished, journey: &Journey, into: &mut Vec<SpanData>) {
        for part in parts(finished, journey) {
            let mut span = match part.stage {
                Stage::Process => self.process(finished, journey),
                Stage::Transform(work) => self.transform(work),
                Stage::DeadLetter => self.inner("dead-letter", "error-router".into()),
                Stage::Send(topic) => self.send(topic, journey.send),
                Stage::Aggregate => self.inner("aggregate", "aggregator".into()),
            };
            if part.stage != Stage::Process {
                span.parent_span_id = journey.process.0.into();
            }
            let generation = finished.about.generation.cast_signed();
            let attributes = &mut span.attributes;
            attributes.push(KeyValue::new("greenroom.generation", generation));
            self.close(&mut span, journey, part);
            into.push(span);
        }
    }

    pub fn call(&self, call: Call) -> SpanData {
        let kind = match call.kind {
            CallKind::Send => SpanKind::Producer,
            CallKind::Poll { .. } | CallKind::Commit | CallKind::Transaction => SpanKind::Client,
        };
        let (name, attributes) = self.describe(call.kind);
        let mut span = self.blank(name, kind, call.context.span);
        span.attributes.extend(attributes);
        span.span_context = context(call.context);
        span.links = links(&call.links);
        (span.start_time, span.end_time) = (time(call.begun), time(call.ended));
        fail(&mut span, call.error);
        span
    }

    fn describe(&self, kind: CallKind) -> (Cow<'static, str>, Vec<KeyValue>) {
        let actor = KeyValue::new("greenroom.actor", "consumer");
        let group = KeyValue::new("messaging.consumer.group.name", self.names.group.clone());
        match kind {
            CallKind::Poll {
                topic,
                partition,
                records,
            } => {
                let topic = &self.names.inputs[usize::from(topic)];
                let mut attributes = self.messaging("poll", "receive", Some(topic));
                let records = i64::try_from(records).unwrap_or(i64::MAX);
                attributes.extend([
                    KeyValue::new("messaging.destination.partition.id", partition.to_string()),
                    KeyValue::new("messaging.batch.message_count", records),
                    group,
                    actor,
                ]);
                (format!("poll {topic}").into(), attributes)
            }
            CallKind::Commit => {
                let mut attributes = self.messaging("commit", "settle", None);
                attributes.extend([group, actor]);
                ("commit".into(), attributes)
            }
            CallKind::Transaction => {
                let mut attributes = self.messaging("transaction", "settle", None);
                attributes.extend([group, KeyValue::new("greenroom.actor", "producer")]);
                ("transaction".into(), attributes)
            }
            CallKind::Send => {
                let topic = &self.names.inputs[0];
                let attributes = self.messaging("send", "send", Some(topic));
                (format!("send {topic}").into(), attributes)
            }
        }
    }

    fn process(&self, finished: &Finished, journey: &Journey) -> SpanData {
        let about = &finished.about;
        let topic = &self.names.inputs[usize::from(about.topic)];
        let name = format!("process {topic}").into();
        let mut span = self.blank(name, SpanKind::Consumer, journey.process);
        span.parent_span_id = journey.parent.map_or(0, |parent| parent.0).into();
        span.parent_span_is_remote = journey.parent.is_some();
        span.attributes = self.messaging("process", "process", Some(topic));
        span.attributes.extend([
            KeyValue::new(
                "messaging.destination.partition.id",
                about.partition.to_string(),
            ),
            KeyValue::new("messaging.kafka.offset", journey.offset),
            KeyValue::new("messaging.consumer.group.name", self.names.group.clone()),
            KeyValue::new("greenroom.actor", "consumer"),
        ]);
        span
    }

    fn transform(&mut self, work: &Work) -> SpanData {
        let mut span = self.inner("transform", format!("transformer-{}", work.worker).into());
        let events = work.steps.iter().map(|lap| {
            let name = self.names.steps[lap.step].to_string();
            Event::new(name, time(lap.at), Vec::new(), 0)
        });
        span.events.events = events.collect();
        span
    }

    fn send(&self, topic: u16, id: SpanId) -> SpanData {
        let topic = &self.names.outputs[usize::from(topic)];
        let mut span = self.blank(format!("send {topic}").into(), SpanKind::Producer, id);
        span.attributes = self.messaging("send", "send", Some(topic));
        let actor = KeyValue::new("greenroom.actor", "producer");
        span.attributes.push(actor);
        span
    }

    fn inner(&mut self, name: &'static str, actor: Arc<str>) -> SpanData {
        let id = span_id(&mut self.rng);
        let mut span = self.blank(name.into(), SpanKind::Internal, id);
        span.attributes = vec![KeyValue::new("greenroom.actor", actor)];
        span
    }

    fn messaging(
        &self,
        operation: &'static str,
        operation_type: &'static str,
        destination: Option<&Arc<str>>,
    ) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", operation),
            KeyValue::new("messaging.operation.type", operation_type),
            KeyValue::new("messaging.client.id", self.names.client_id.clone()),
        ];
        attributes.extend(
            destination.map(|name| KeyValue::new("messaging.destination.name", name.clone())),
        );
        attributes
    }

    fn blank(&self, name: Cow<'static, str>, kind: SpanKind, id: SpanId) -> SpanData {
        SpanData {
            span_context: SpanContext::new(
                0.into(),
                id.0.into(),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: opentelemetry::trace::SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: kind,
            name,
            start_time: UNIX_EPOCH,
            end_time: UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn close(&self, span: &mut SpanData, journey: &Journey, part: Part<'_>) {
        let id = span.span_context.span_id();
        span.span_context = SpanContext::new(
            journey.trace.0.into(),
            id,
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        span.start_time = time(part.begun);
        // The time of day may be set back on the way.
        span.end_time = time(part.ended.max(part.begun));
        fail(span, part.error);
    }
}

fn fail(span: &mut SpanData, error: Option<&'static str>) {
    if let Some(error) = error {
        span.attributes.push(KeyValue::new("error.type", error));
        span.status = Status::error(error);
    }
}

fn links(contexts: &[Context]) -> SpanLinks {
    let mut links = SpanLinks::default();
    let link = |of: &Context| Link::new(context(*of), Vec::new(), 0);
    links.links = contexts.iter().map(link).collect();
    links
}

fn context(of: Context) -> SpanContext {
    SpanContext::new(
        of.trace.0.into(),
        of.span.0.into(),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    )
}

fn time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}
