//! The error router: makes dead letters of what was rejected.

use actix::{Actor, ActorContext, Context, Handler};
use chrono::{SecondsFormat, Utc};

use super::Producer;
use super::messages::{DeadLetters, Rejected, RejectedRecord};
use super::sabotage::Sabotage;
use crate::flow::Batch;
use crate::pipeline::{self, Compiled, LetterWriter};
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

/// Formats dead letters and says what was wrong.
pub struct ErrorRouter {
    pulse: Pulse,
    wiring: Wiring,
    writer: LetterWriter,
}

impl ErrorRouter {
    pub fn new(pulse: Pulse, wiring: Wiring) -> Self {
        ErrorRouter {
            pulse,
            writer: LetterWriter::new(wiring.pipeline.clone(), wiring.max_bytes),
            wiring,
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
        }
        letters
    }

    /// Every failure is counted, and said once: by type, for it may be ten thousand a second.
    fn tell(&self, batch: &Batch, records: &[RejectedRecord]) {
        for record in records {
            let error_type = record.rejection.error_type.as_str();
            self.wiring.board.rejected(error_type, 1);
            tracing::debug!(
                partition = batch.partition().id,
                offset = batch.records().get(record.index).offset(),
                error_type,
                step = &*record.rejection.step,
                detail = record.rejection.detail,
                "a record was rejected"
            );
        }
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
        let letters = self.letters(&batch, &records);
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
