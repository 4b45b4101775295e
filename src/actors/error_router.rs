//! The error router: makes dead letters of what was rejected.

use std::io::Write as _;

use actix::{Actor, ActorContext, Context, Handler};
use chrono::{SecondsFormat, Utc};

use super::Producer;
use super::messages::{DeadLetters, Rejected, RejectedRecord};
use super::sabotage::Sabotage;
use crate::flow::Batch;
use crate::pipeline::Compiled;
use crate::record::Outgoing;
use crate::status::Board;
use crate::supervision::{Handle, Pulse};

/// What an error router is born with.
#[derive(Clone)]
pub struct Wiring {
    pub producer: Handle<Producer>,
    pub board: Board,
    pub pipeline: Compiled,
    /// What the dead letters' topics take at most, in bytes.
    pub max_bytes: usize,
}

/// Formats dead letters; the format `raw` keeps the value as it came.
pub struct ErrorRouter {
    pulse: Pulse,
    wiring: Wiring,
    text: Vec<u8>,
}

impl ErrorRouter {
    pub fn new(pulse: Pulse, wiring: Wiring) -> Self {
        ErrorRouter {
            pulse,
            wiring,
            text: Vec::new(),
        }
    }

    fn letters(&mut self, batch: &Batch, records: &[RejectedRecord]) -> Outgoing {
        let failed_at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut letters = Outgoing::default();
        for record in records {
            self.letter(batch, record, &failed_at, &mut letters);
        }
        letters
    }

    fn letter(&mut self, batch: &Batch, record: &RejectedRecord, at: &str, letters: &mut Outgoing) {
        let pipeline = self.wiring.pipeline.clone();
        let partition = batch.partition();
        let source = batch.records().get(record.index);
        let topic = pipeline.dead_letters(partition.topic);
        let value_bytes = source.value().map_or(0, <[u8]>::len);
        if record.omit_value || value_bytes + HEADROOM > self.wiring.max_bytes {
            letters.push_null(record.index, topic);
            self.number(letters, "greenroom.value.omitted", value_bytes);
        } else {
            letters.push_source(record.index, topic);
        }
        let rejection = &record.rejection;
        let input = &pipeline.input_topics()[usize::from(partition.topic)];
        for (name, text) in [
            ("greenroom.error.type", rejection.error_type.as_str()),
            ("greenroom.error.detail", &rejection.detail),
            ("greenroom.error.step", &rejection.step),
            ("greenroom.source.topic", input),
            ("greenroom.pipeline", pipeline.name()),
            ("greenroom.failed_at", at),
        ] {
            letters.push_header(name.as_bytes(), text.as_bytes());
        }
        self.number(letters, "greenroom.source.partition", partition.id);
        self.number(letters, "greenroom.source.offset", source.offset());
        self.number(letters, "greenroom.attempts", record.attempts);
    }

    fn number(&mut self, letters: &mut Outgoing, name: &str, number: impl std::fmt::Display) {
        self.text.clear();
        // Writing to a Vec cannot fail.
        let _ = write!(self.text, "{number}");
        letters.push_header(name.as_bytes(), &self.text);
    }
}

/// What key, headers and Kafka's own framing may add to a value, before it is called too large.
const HEADROOM: usize = 16 * 1024;

impl Actor for ErrorRouter {
    type Context = Context<Self>;
}

impl Handler<Rejected> for ErrorRouter {
    type Result = ();

    fn handle(&mut self, Rejected { batch, records }: Rejected, _: &mut Self::Context) {
        let _busy = self.pulse.busy();
        if !batch.is_current() {
            return;
        }
        let letters = self.letters(&batch, &records);
        for record in &records {
            self.wiring
                .board
                .rejected(record.rejection.error_type.as_str(), 1);
        }
        // A producer that is gone is being replaced, and a rewind follows.
        let _ = self.wiring.producer.send(DeadLetters { batch, letters });
    }
}

impl Handler<Sabotage> for ErrorRouter {
    type Result = ();

    fn handle(&mut self, order: Sabotage, ctx: &mut Self::Context) {
        let _busy = self.pulse.busy();
        if order.strike() {
            ctx.stop();
        }
    }
}
