//! What librdkafka reports of the records it was handed.

use std::time::Duration;

use actix::Context;

use super::{NO_BATCH, Producer};
use crate::flow::Refusal;
use crate::flow::outbox::{Kind, Ticket};
use crate::kafka::{Class, ClientError, Code, Receipt};
use crate::status::{Latch, Operation};
use crate::supervision::unix_nanos;

impl Producer {
    pub(super) fn receipts(
        &mut self,
        receipts: &[Receipt],
        ctx: &mut Context<Self>,
    ) -> Result<(), String> {
        for receipt in receipts {
            match *receipt {
                Receipt::Delivered { ticket, records } => self.delivered(ticket, records),
                Receipt::Failed {
                    ticket,
                    index,
                    code,
                } => self.failed(ticket, index, code, ctx)?,
            }
        }
        Ok(())
    }

    fn delivered(&mut self, ticket: Ticket, records: u32) {
        let board = &self.wiring.board;
        if std::mem::take(&mut self.refused) {
            board.ready(Latch::Producer);
        }
        let Some(acknowledged) = self.outbox.acknowledged(ticket, records as usize) else {
            return;
        };
        let now = unix_nanos();
        acknowledged.log(|| now);
        if let Some(took) = acknowledged.took(now) {
            board.operated(Operation::Send, took);
        }
        if acknowledged.kind == Kind::Outputs {
            let now = Duration::from_nanos(now);
            let ages = acknowledged.timestamps().map(|timestamp| {
                now.saturating_sub(Duration::from_millis(u64::try_from(timestamp).unwrap_or(0)))
            });
            board.end_to_end(ages);
        }
    }

    fn failed(
        &mut self,
        ticket: Ticket,
        index: u32,
        code: Code,
        ctx: &mut Context<Self>,
    ) -> Result<(), String> {
        match code {
            Code::MessageSizeTooLarge if ticket == NO_BATCH => {
                let bytes = self.summaries.refused();
                self.complaints.unsent(code, bytes);
                self.committer.abort();
            }
            Code::MessageSizeTooLarge => {
                self.outbox
                    .refused(ticket, index as usize, Refusal::TooLarge);
            }
            // Given up by ourselves: nobody waits for it, or its lane is being read again. What has
            // a time to be delivered in belongs to a transaction, which lives no longer.
            Code::PurgeQueue | Code::PurgeInflight | Code::MessageTimedOut => {
                self.outbox.refused(ticket, index as usize, Refusal::Lost);
            }
            code => match Class::of(code) {
                Class::Final(missing) => {
                    let text = "a record could not be delivered".to_owned();
                    let fatal = false;
                    self.complaints
                        .refusal(&ClientError { code, fatal, text }, missing);
                    self.refused(ctx, missing);
                }
                // After an outage the broker may have forgotten a transaction in its midst.
                _ if self.committer.abort() => {
                    self.outbox.refused(ticket, index as usize, Refusal::Lost);
                }
                _ => return Err(format!("a record could not be delivered: {code}")),
            },
        }
        Ok(())
    }
}
