//! The outbox: which batch waits for which acknowledgement, and what may be sent next.
//!
//! ```text
//!   Processed ──▶ piece ─┐ next, handed           receipts        all pieces
//!   DeadLetters ▶ piece ─┴──────────────▶ outstanding ──▶ acknowledged ──▶ Delivered
//! ```
//!
//! A batch comes in up to two pieces: its outputs and its dead letters. A lane (one partition under
//! one generation) that misses a batch or whose record was lost sends nothing more: what came later
//! must not overtake what is read again (P2).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Batch, BatchId, Generation, Partition, Refusal, Report};
use crate::record::Outgoing;

mod piece;
#[cfg(test)]
mod tests;

use piece::Piece;
pub use piece::{Acknowledged, Kind};

/// Names a piece in the receipts that come back for its records. Never 0.
pub type Ticket = u64;

/// What waits to be sent or acknowledged.
#[derive(Debug, Default)]
pub struct Outbox {
    lanes: BTreeMap<Partition, Lane>,
    shipments: BTreeMap<BatchId, Shipment>,
    pieces: BTreeMap<Ticket, Piece>,
    queue: VecDeque<Ticket>,
    tickets: Ticket,
    delivered: Vec<Arc<Batch>>,
    reports: Vec<Report>,
}

#[derive(Debug)]
struct Lane {
    generation: Generation,
    /// Sequence of the batch expected next.
    next: u64,
    broken: bool,
}

#[derive(Debug)]
struct Shipment {
    batch: Arc<Batch>,
    outputs: Arrival,
    letters: Arrival,
    open_pieces: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Arrival {
    #[default]
    Unknown,
    Due,
    Done,
}

/// The piece to be sent next, from its record `from` on.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    pub ticket: Ticket,
    pub kind: Kind,
    pub batch: &'a Batch,
    pub outgoing: &'a Outgoing,
    pub from: usize,
}

impl Outbox {
    /// A worker's results for a batch, and whether dead letters of it follow.
    pub fn processed(&mut self, batch: Arc<Batch>, outgoing: Outgoing, rejected: bool) {
        if !batch.is_current() || !self.in_sequence(batch.id()) {
            return;
        }
        let id = batch.id();
        let shipment = self.shipment(&batch);
        shipment.outputs = Arrival::Done;
        if shipment.letters == Arrival::Unknown {
            shipment.letters = if rejected {
                Arrival::Due
            } else {
                Arrival::Done
            };
        }
        self.enqueue(batch, Kind::Outputs, outgoing);
        self.finish(id);
    }

    /// The dead letters of a batch: all of them at once.
    pub fn dead_letters(&mut self, batch: Arc<Batch>, outgoing: Outgoing) {
        if !batch.is_current() || self.is_broken(batch.id()) {
            return;
        }
        let id = batch.id();
        self.shipment(&batch).letters = Arrival::Done;
        self.enqueue(batch, Kind::DeadLetters, outgoing);
        self.finish(id);
    }

    /// What to hand to librdkafka next, of the batches that may be sent now. Asks the lease each
    /// time: work of an old generation never gets there (P3).
    pub fn next_piece(&mut self, may_be_sent: impl Fn(&Batch) -> bool) -> Option<Next<'_>> {
        let live = |ticket: &Ticket| {
            let piece = self.pieces.get(ticket);
            piece.filter(|piece| piece.batch.is_current())
        };
        while self
            .queue
            .pop_front_if(|ticket| live(ticket).is_none())
            .is_some()
        {}
        let mut waiting = self
            .queue
            .iter()
            .filter_map(|ticket| Some((*ticket, live(ticket)?)));
        let next = waiting.find(|(_, piece)| may_be_sent(&piece.batch));
        next.map(|(ticket, piece)| Next {
            ticket,
            kind: piece.kind,
            batch: &piece.batch,
            outgoing: &piece.outgoing,
            from: piece.handed,
        })
    }

    /// librdkafka is given the piece from now on, in Unix nanoseconds. The first time counts.
    pub fn begun(&mut self, ticket: Ticket, now: u64) {
        if let Some(piece) = self.pieces.get_mut(&ticket) {
            piece.begun.get_or_insert(now);
        }
    }

    /// librdkafka has taken the piece's records before `upto`.
    pub fn handed(&mut self, ticket: Ticket, upto: usize) {
        let Some(piece) = self.pieces.get_mut(&ticket) else {
            return;
        };
        piece.outstanding += upto - piece.handed;
        piece.handed = upto;
        if piece.is_handed() {
            // librdkafka has its own copy now: one is enough (P4).
            piece.outgoing.drop_contents();
            self.queue.retain(|queued| *queued != ticket);
        }
    }

    /// So many records of the piece were acknowledged; says what they were. Of a piece that was
    /// fenced meanwhile nothing is known any more, and its late receipts are ignored (P3).
    pub fn acknowledged(&mut self, ticket: Ticket, records: usize) -> Option<Acknowledged> {
        let piece = self.pieces.get_mut(&ticket)?;
        let kind = piece.kind;
        piece.outstanding = piece.outstanding.saturating_sub(records);
        let id = piece.id();
        let whole = piece.is_acknowledged();
        let whole = whole.then(|| self.pieces.remove(&ticket)).flatten();
        if whole.is_some() {
            self.close_piece(id);
        }
        Some(Acknowledged { kind, whole })
    }

    /// The piece's record at `index` was refused; its lane waits to be read again.
    pub fn refused(&mut self, ticket: Ticket, index: usize, refusal: Refusal) {
        let Some(piece) = self.pieces.get_mut(&ticket) else {
            return;
        };
        if index < piece.handed {
            piece.outstanding = piece.outstanding.saturating_sub(1);
        }
        let batch = piece.id();
        let source = piece.outgoing.source_of(index);
        let offset = piece.batch.records().get(source).offset();
        let refusal = match (refusal, piece.kind) {
            (Refusal::TooLarge, Kind::DeadLetters) => Refusal::DeadLetterTooLarge,
            (refusal, _) => refusal,
        };
        self.reports.push(Report::Refused {
            batch,
            offset,
            refusal,
        });
        self.break_lane(batch);
    }

    /// Some leases are over. True where librdkafka still holds records of them: then what it holds
    /// is to be given up. That hits every other lane with records there, so these are read again
    /// too.
    #[must_use]
    pub fn fence(&mut self) -> bool {
        let void = |piece: &Piece| !piece.batch.is_current();
        let held = |piece: &Piece| void(piece) && piece.outstanding > 0;
        let give_up = self.pieces.values().any(held);
        self.pieces.retain(|_, piece| !void(piece));
        self.shipments
            .retain(|_, shipment| shipment.batch.is_current());
        if give_up {
            self.give_up_outstanding();
        }
        give_up
    }

    /// Batches of which all is acknowledged by now, in the order in which it was.
    pub fn take_delivered(&mut self) -> Vec<Arc<Batch>> {
        std::mem::take(&mut self.delivered)
    }

    /// What is to be told the consumer, in order.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Pieces not yet wholly acknowledged.
    pub fn open(&self) -> usize {
        self.pieces.len()
    }

    fn in_sequence(&mut self, id: BatchId) -> bool {
        let lane = self.lanes.entry(id.partition).or_insert(Lane::begin(id));
        if lane.generation < id.generation {
            *lane = Lane::begin(id);
        }
        if lane.broken || lane.generation > id.generation || id.sequence < lane.next {
            return false;
        }
        if id.sequence > lane.next {
            lane.broken = true;
            self.reports.push(Report::Gap(id));
            return false;
        }
        lane.next += 1;
        true
    }

    fn is_broken(&self, id: BatchId) -> bool {
        let lane = self.lanes.get(&id.partition);
        lane.is_some_and(|lane| lane.broken && lane.generation == id.generation)
    }

    fn enqueue(&mut self, batch: Arc<Batch>, kind: Kind, outgoing: Outgoing) {
        if outgoing.is_empty() {
            return;
        }
        self.tickets += 1;
        self.shipment(&batch).open_pieces += 1;
        self.queue.push_back(self.tickets);
        self.pieces.insert(
            self.tickets,
            Piece {
                batch,
                kind,
                outgoing,
                begun: None,
                handed: 0,
                outstanding: 0,
            },
        );
    }

    fn shipment(&mut self, batch: &Arc<Batch>) -> &mut Shipment {
        self.shipments
            .entry(batch.id())
            .or_insert_with(|| Shipment::new(batch.clone()))
    }

    fn close_piece(&mut self, id: BatchId) {
        if let Some(shipment) = self.shipments.get_mut(&id) {
            shipment.open_pieces -= 1;
        }
        self.finish(id);
    }

    fn finish(&mut self, id: BatchId) {
        if self.shipments.get(&id).is_some_and(Shipment::is_complete)
            && let Some(shipment) = self.shipments.remove(&id)
        {
            self.delivered.push(shipment.batch);
        }
    }

    fn give_up_outstanding(&mut self) {
        let hit = |piece: &&Piece| piece.outstanding > 0;
        let batches: Vec<_> = self.pieces.values().filter(hit).map(Piece::id).collect();
        self.give_up(batches);
        self.pieces.retain(|_, piece| piece.outstanding == 0);
    }

    /// The lanes of these batches are to be read again.
    pub fn give_up(&mut self, batches: impl IntoIterator<Item = BatchId>) {
        for id in batches {
            if !self.is_broken(id) {
                self.reports.push(Report::Gap(id));
                self.break_lane(id);
            }
        }
    }

    /// Nothing of the lane is sent or reported any more until its next generation. What librdkafka
    /// has of it stays written down, for the fence that follows to purge (P3).
    fn break_lane(&mut self, of: BatchId) {
        if let Some(lane) = self.lanes.get_mut(&of.partition)
            && lane.generation == of.generation
        {
            lane.broken = true;
        }
        let broken = |id: BatchId| (id.partition, id.generation) == (of.partition, of.generation);
        let pieces = &self.pieces;
        self.queue
            .retain(|ticket| pieces.get(ticket).is_some_and(|piece| !broken(piece.id())));
        self.pieces
            .retain(|_, piece| !broken(piece.id()) || piece.outstanding > 0);
        self.shipments.retain(|id, _| !broken(*id));
    }
}

impl Lane {
    fn begin(id: BatchId) -> Self {
        Lane {
            generation: id.generation,
            next: 0,
            broken: false,
        }
    }
}

impl Shipment {
    fn new(batch: Arc<Batch>) -> Self {
        Shipment {
            batch,
            outputs: Arrival::Unknown,
            letters: Arrival::Unknown,
            open_pieces: 0,
        }
    }

    fn is_complete(&self) -> bool {
        self.outputs == Arrival::Done && self.letters == Arrival::Done && self.open_pieces == 0
    }
}
