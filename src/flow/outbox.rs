//! The outbox: which batch waits for which acknowledgement, and what may be sent next.
//!
//! ```text
//!   Processed ──▶ piece ─┐ all parts, next, handed            receipts        all pieces
//!   DeadLetters ▶ piece ─┴─────────────────────────▶ outstanding ──▶ acknowledged ──▶ Delivered
//! ```
//!
//! Each part of a batch comes in up to two pieces: its outputs and its dead letters. A batch is
//! sent once the results of all its parts are here, after the batch before it (P2), so that no
//! transaction waits for a worker (P12). A lane (one partition under one generation) that misses a
//! batch or whose record was lost sends nothing more: what came later must not overtake what is
//! read again (P2).

use std::cmp::Ordering;
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
    /// Parts whose results are to come.
    parts: usize,
    /// Parts whose dead letters are to come. Below 0 where they were faster than the results.
    letters: isize,
    /// Pieces of either kind that are not acknowledged.
    open: [usize; 2],
    /// Pieces that wait for the other parts.
    held: VecDeque<Ticket>,
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
    /// A worker's results for its part of a batch, and whether dead letters of it follow.
    pub fn processed(&mut self, batch: Arc<Batch>, outgoing: Outgoing, rejected: bool) {
        let id = batch.id();
        if !batch.is_current() || self.is_past(id) {
            return;
        }
        let shipment = self.shipment(&batch);
        shipment.parts -= 1;
        shipment.letters += isize::from(rejected);
        let whole = shipment.parts == 0;
        self.enqueue(batch, Kind::Outputs, outgoing);
        if whole {
            self.release(id);
        }
    }

    /// The dead letters of a part of a batch: all of them at once.
    pub fn dead_letters(&mut self, batch: Arc<Batch>, outgoing: Outgoing) {
        let id = batch.id();
        if !batch.is_current() || self.is_broken(id) {
            return;
        }
        self.shipment(&batch).letters -= 1;
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
        let last = whole.is_some() && self.close_piece(id, kind);
        Some(Acknowledged { kind, whole, last })
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

    /// The results of all parts are here: the batch may be sent, where none before it is missing.
    fn release(&mut self, id: BatchId) {
        let lane = self.lanes.entry(id.partition).or_insert(Lane::begin(id));
        if lane.generation < id.generation {
            *lane = Lane::begin(id);
        }
        if id.sequence > lane.next {
            lane.broken = true;
            self.reports.push(Report::Gap(id));
            self.shipments.remove(&id);
            self.pieces.retain(|_, piece| piece.id() != id);
        } else if let Some(shipment) = self.shipments.get_mut(&id) {
            lane.next += 1;
            self.queue.append(&mut shipment.held);
            self.finish(id);
        }
    }

    /// Whether no more results of the batch are taken: all of them have come, or its lane waits to
    /// be read again.
    fn is_past(&self, id: BatchId) -> bool {
        let lane = self.lanes.get(&id.partition);
        lane.is_some_and(|lane| match lane.generation.cmp(&id.generation) {
            Ordering::Less => false,
            Ordering::Equal => lane.broken || id.sequence < lane.next,
            Ordering::Greater => true,
        })
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
        let ticket = self.tickets;
        let shipment = self.shipment(&batch);
        shipment.open[kind as usize] += 1;
        match shipment.parts {
            0 => self.queue.push_back(ticket),
            _ => shipment.held.push_back(ticket),
        }
        self.pieces.insert(
            ticket,
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

    /// A piece is acknowledged; says whether that was the last of its kind.
    fn close_piece(&mut self, id: BatchId, kind: Kind) -> bool {
        let Some(shipment) = self.shipments.get_mut(&id) else {
            return false;
        };
        shipment.open[kind as usize] -= 1;
        let last = shipment.has_ended(kind);
        self.finish(id);
        last
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
            parts: batch.parts().len(),
            batch,
            letters: 0,
            open: [0; 2],
            held: VecDeque::new(),
        }
    }

    /// Whether all pieces of the kind have come and are acknowledged.
    fn has_ended(&self, kind: Kind) -> bool {
        let come = match kind {
            Kind::Outputs => self.parts == 0,
            Kind::DeadLetters => self.parts == 0 && self.letters == 0,
        };
        come && self.open[kind as usize] == 0
    }

    fn is_complete(&self) -> bool {
        self.has_ended(Kind::Outputs) && self.has_ended(Kind::DeadLetters)
    }
}
