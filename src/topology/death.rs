//! What follows a worker's death.

use super::note;
use crate::actors::Reports;
use crate::flow::intake::{Dispatch, Heritage};
use crate::flow::{Bench, Report};
use crate::kafka::TopicPartition;
use crate::status::Board;
use crate::supervision::{Exit, Restarted, unix_nanos};
use crate::telemetry::traces::Tracer;

/// Who is to hear of it.
pub struct Death {
    pub worker: usize,
    /// Input topics; a partition's topic is an index into them.
    pub topics: Vec<String>,
    pub bench: Bench,
    pub heritage: Heritage,
    pub reports: Reports,
    pub board: Board,
    pub tracer: Tracer,
}

impl Death {
    /// The record it died at is to blame, where it was at one (P5); what it had not handed on is
    /// replayed.
    pub fn mourn(&self, restarted: &Restarted) {
        note(
            &self.board,
            &format!("transformer-{}", self.worker),
            restarted,
        );
        let incarnation = restarted.incarnation.number();
        if let Some(in_hand) = self.bench.clear(incarnation - 1) {
            if restarted.exit == Exit::Hung {
                self.heritage.abandoned.keep(&in_hand);
            }
            self.note(&in_hand, restarted);
            if let Some((partition, offset)) = in_hand.stopped_at().filter(|_| restarted.blamed) {
                let cause = restarted.exit.to_string().into();
                self.heritage.suspects.blame(partition, offset, cause);
            }
        }
        self.reports.send(Report::WorkerRestarted {
            worker: self.worker,
            incarnation,
        });
    }

    /// The record it was at is traced from here on, if it was not before (P6); what it did for the
    /// others of the batch was in vain.
    fn note(&self, in_hand: &Dispatch, restarted: &Restarted) {
        let (batch, now) = (&in_hand.batch, unix_nanos());
        let (exit, incarnation) = (restarted.exit.kind(), in_hand.incarnation);
        let Some(index) = in_hand.part().stopped_at() else {
            return;
        };
        if !restarted.blamed {
            return batch.log().void(self.worker, incarnation, exit, now);
        }
        self.tracer.insist(batch, index, now);
        let context = batch.log().note(index, |journey| {
            journey.begin_unless_begun(self.worker, incarnation, in_hand.part().begun());
            journey.here()
        });
        batch.log().void(self.worker, incarnation, exit, now);
        let partition = batch.partition();
        let topic = &self.topics[usize::from(partition.topic)];
        tracing::warn!(
            actor = format!("transformer-{}", self.worker),
            incarnation,
            partition = %TopicPartition::new(topic, partition.id),
            generation = batch.id().generation.0,
            offset = batch.records().get(index).offset(),
            exit,
            trace_id = context.map(|of| display(of.trace)),
            span_id = context.map(|of| display(of.span)),
            "a worker failed at a record"
        );
    }
}
