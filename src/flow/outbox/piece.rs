//! A piece of a batch's results, from its arrival to its acknowledgement.

use std::sync::Arc;
use std::time::Duration;

use crate::flow::{Batch, BatchId};
use crate::record::Outgoing;
use crate::trace::Milestone;

/// Which of a batch's results a piece has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Outputs,
    DeadLetters,
}

impl Kind {
    /// Passed as librdkafka is given the piece.
    pub fn handed(self) -> Milestone {
        match self {
            Kind::Outputs => Milestone::OutputsHanded,
            Kind::DeadLetters => Milestone::LettersHanded,
        }
    }

    fn acknowledged(self) -> Milestone {
        match self {
            Kind::Outputs => Milestone::OutputsAcknowledged,
            Kind::DeadLetters => Milestone::LettersAcknowledged,
        }
    }
}

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) batch: Arc<Batch>,
    pub(super) kind: Kind,
    pub(super) outgoing: Outgoing,
    /// When librdkafka was given the first of its records, in Unix nanoseconds.
    pub(super) begun: Option<u64>,
    /// Records that librdkafka has.
    pub(super) handed: usize,
    /// Of those, the ones not yet acknowledged.
    pub(super) outstanding: usize,
}

/// What an acknowledgement was about.
#[derive(Debug)]
pub struct Acknowledged {
    pub kind: Kind,
    /// The piece, where that was the last of it.
    pub(super) whole: Option<Piece>,
    /// Nothing else of its kind is to be acknowledged of its batch.
    pub(super) last: bool,
}

impl Acknowledged {
    /// Notes on the traces when the batch's pieces of this kind were acknowledged, once all are.
    pub fn log(&self, clock: impl FnOnce() -> u64) {
        if let Some(piece) = self.whole.as_ref().filter(|_| self.last) {
            piece.batch.log().pass(self.kind.acknowledged(), clock);
        }
    }

    /// How long it took since [`Outbox::begun`](super::Outbox::begun), once all of it is
    /// acknowledged.
    pub fn took(&self, now: u64) -> Option<Duration> {
        let begun = self.whole.as_ref()?.begun?;
        Some(Duration::from_nanos(now.saturating_sub(begun)))
    }

    /// The timestamps of the piece's input records, in Unix milliseconds, once all of it is
    /// acknowledged.
    pub fn timestamps(&self) -> impl Iterator<Item = i64> {
        self.whole.iter().flat_map(Piece::timestamps)
    }
}

impl Piece {
    pub(super) fn id(&self) -> BatchId {
        self.batch.id()
    }

    pub(super) fn timestamps(&self) -> impl Iterator<Item = i64> {
        let sources = (0..self.outgoing.len()).map(|index| self.outgoing.source_of(index));
        sources.filter_map(|source| self.batch.records().get(source).timestamp())
    }

    pub(super) fn is_handed(&self) -> bool {
        self.handed == self.outgoing.len()
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        self.is_handed() && self.outstanding == 0
    }
}
