//! The error router: makes dead letters of what was rejected.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{Actor, ActorContext, Context, Handler};
use chrono::{SecondsFormat, Utc};

use super::Producer;
use super::messages::{DeadLetters, Rejected, RejectedRecord};
use super::sabotage::Sabotage;
use crate::flow::Batch;
use crate::kafka::TopicPartition;
use crate::pipeline::{self, Compiled, LetterWriter};
use crate::record::Outgoing;
use crate::repeats::Repeats;
use crate::supervision::{Clock, Handle, Moment, Pulse, SystemClock, unix_nanos};
use crate::trace::{End, Milestone};

/// There may be ten thousand rejections a second: of each type so often one is logged.
const SAY: Duration = Duration::from_secs(10);

/// What an error router is born with.
#[derive(Clone)]
pub struct Wiring {
    pub producer: Handle<Producer>,
    pub pipeline: Compiled,
    /// What the dead letters' topics take at most, in bytes.
    pub max_bytes: usize,
}

/// Formats dead letters and says what was wrong.
pub struct ErrorRouter {
    pulse: Pulse,
    wiring: Wiring,
    writer: LetterWriter,
    clock: SystemClock,
    repeats: BTreeMap<&'static str, Repeats>,
}

impl ErrorRouter {
    pub fn new(pulse: Pulse, wiring: Wiring) -> Self {
        ErrorRouter {
            pulse,
            writer: LetterWriter::new(wiring.pipeline.clone(), wiring.max_bytes),
            wiring,
            clock: SystemClock::new(),
            repeats: BTreeMap::new(),
        }
    }

    fn letters(&mut self, batch: &Batch, records: &[RejectedRecord]) -> Outgoing {
        let failed_at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut letters = Outgoing::default();
        for record in records {
            let source = batch.records().get(record.index);
            let rejected = pipeline::Rejected {
                partition: batch.partition(),
                index: record.index,
                rejection: &record.rejection,
                attempts: record.attempts,
                omit_value: record.omit_value,
            };
            self.writer
                .write(source, &rejected, &failed_at, &mut letters);
            note(batch, record.index, &mut letters);
        }
        letters
    }

    /// Every failure is said, if only as one of many like it (P6).
    fn tell(&mut self, batch: &Batch, records: &[RejectedRecord]) {
        for record in records {
            let error_type = record.rejection.error_type.as_str();
            let repeats = self.repeats.entry(error_type);
            let repeats = repeats.or_insert_with(|| Repeats::new(SAY));
            let Some(held) = repeats.admit(self.clock.now().since(Moment::START)) else {
                continue;
            };
            let context = batch.log().here(record.index);
            let partition = batch.partition();
            let topic = &self.wiring.pipeline.input_topics()[usize::from(partition.topic)];
            tracing::warn!(
                partition = %TopicPartition::new(topic, partition.id),
                offset = batch.records().get(record.index).offset(),
                error_type,
                step = &*record.rejection.step,
                detail = record.rejection.detail,
                generation = batch.id().generation.0,
                trace_id = context.map(|of| display(of.trace)),
                span_id = context.map(|of| display(of.span)),
                "a record was rejected{held}"
            );
        }
    }
}

/// The dead letter that was written last carries its record's trace on.
fn note(batch: &Batch, index: usize, letters: &mut Outgoing) {
    let topic = letters.last_topic();
    batch.log().note(index, |journey| {
        if let End::Rejected { letter, .. } = &mut journey.end {
            *letter = topic;
        }
    });
    if let Some(context) = batch.log().onward(index) {
        letters.set_traceparent(&context.to_header());
    }
}

impl Actor for ErrorRouter {
    type Context = Context<Self>;
}

impl Handler<Rejected> for ErrorRouter {
    type Result = ();

    fn handle(&mut self, Rejected { batch, records }: Rejected, _: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        if !batch.is_current() {
            return;
        }
        batch.log().pass(Milestone::LettersBegun, unix_nanos);
        let letters = self.letters(&batch, &records);
        batch.log().pass(Milestone::LettersMade, unix_nanos);
        self.tell(&batch, &records);
        // A producer that is gone is being replaced, and a rewind follows.
        let _ = self.wiring.producer.send(DeadLetters { batch, letters });
    }
}

impl Handler<Sabotage> for ErrorRouter {
    type Result = ();

    fn handle(&mut self, order: Sabotage, ctx: &mut Self::Context) {
        let _busy = self.pulse.clone().busy();
        if order.strike() {
            ctx.stop();
        }
    }
}
