//! A transformer's thread, one small step at a time, so that it can be stopped between any two.

use std::collections::VecDeque;
use std::sync::Arc;

use greenroom::flow::intake::Dispatch;
use greenroom::flow::{Batch, Bench, Report, Suspicion};
use greenroom::record::Outgoing;

use super::{Counts, House, ToAggregator, ToProducer};
use crate::checks::{MAX_ATTEMPTS, Witness};
use crate::kafka::{Input, Kind, Reason};

/// The topic of dead letters; 0 and 1 are the partitions of the output.
pub const LETTERS: u16 = 2;

/// What a worker hands on.
pub enum Handed {
    Processed {
        batch: Arc<Batch>,
        outgoing: Outgoing,
        rejected: bool,
    },
    Rejected {
        batch: Arc<Batch>,
        rejects: Vec<Reject>,
    },
    Counts {
        batch: Arc<Batch>,
        offsets: Vec<i64>,
    },
}

/// What the error router makes a dead letter of.
pub struct Reject {
    pub index: usize,
    pub reason: Reason,
    pub omit_value: bool,
}

/// What became of a step.
pub enum Step {
    Goes,
    Sends(Handed),
    /// The record at this offset is the worker's end.
    Panics(i64),
    Blocks,
    Ends,
}

/// The worker's actor, and the thread while there is something to do.
pub struct Worker {
    pub incarnation: u64,
    pub up: bool,
    pub mailbox: VecDeque<Dispatch>,
    pub thread: Option<Thread>,
    pub bench: Bench,
    /// It died, or hung, at the record it was at.
    blames: bool,
}

impl Worker {
    pub fn new() -> Self {
        Worker {
            incarnation: 1,
            up: true,
            mailbox: VecDeque::new(),
            thread: None,
            bench: Bench::default(),
            blames: false,
        }
    }

    /// Takes the next message, unless it is meant for another incarnation.
    pub fn take_up(&mut self) {
        if let Some(dispatch) = self.mailbox.pop_front()
            && dispatch.incarnation == self.incarnation
        {
            let dispatch = Arc::new(dispatch);
            self.bench.take_up(dispatch.clone());
            self.thread = Some(Thread::new(dispatch));
        }
    }
}

pub struct Thread {
    dispatch: Arc<Dispatch>,
    /// The records still to be worked on, by their places.
    places: VecDeque<usize>,
    outgoing: Outgoing,
    rejects: Vec<Reject>,
    offsets: Vec<i64>,
    results: Option<VecDeque<Handed>>,
}

impl Thread {
    fn new(dispatch: Arc<Dispatch>) -> Self {
        let places = 0..dispatch.batch.records().len();
        let places = places.filter(|place| dispatch.part().places().hold(*place));
        Thread {
            places: places.collect(),
            dispatch,
            outgoing: Outgoing::default(),
            rejects: Vec::new(),
            offsets: Vec::new(),
            results: None,
        }
    }

    pub fn has_claimed(&self) -> bool {
        self.results.is_some()
    }

    /// The next step. A thread that was `abandoned` does not block a second time.
    pub fn step(&mut self, abandoned: bool) -> Step {
        if let Some(results) = &mut self.results {
            return results.pop_front().map_or(Step::Ends, Step::Sends);
        }
        let batch = self.dispatch.batch.clone();
        if !batch.is_current() {
            return Step::Ends;
        }
        if let Some(place) = self.places.front() {
            return self.process(*place, &batch, abandoned);
        }
        if !self.dispatch.part().hand_on(self.dispatch.incarnation) {
            return Step::Ends;
        }
        self.results = Some(self.handed_of(batch));
        Step::Goes
    }

    fn process(&mut self, place: usize, batch: &Batch, abandoned: bool) -> Step {
        let (part, incarnation) = (self.dispatch.part(), self.dispatch.incarnation);
        if !part.begin_record(incarnation, place) {
            return Step::Ends;
        }
        let record = batch.records().get(place);
        let suspicion = self.suspicion(record.offset());
        match kind_of(record.value()) {
            _ if suspicion.attempts >= MAX_ATTEMPTS => {
                self.reject(place, Reason::Poison, &suspicion);
            }
            Kind::Poison => return Step::Panics(record.offset()),
            Kind::Hang if !abandoned => return Step::Blocks,
            Kind::Filter => {}
            Kind::Reject => self.reject(place, Reason::Rejected, &suspicion),
            _ if suspicion.too_large => self.reject(place, Reason::TooLarge, &suspicion),
            _ => self.outgoing.push_source(place, shard(record.value())),
        }
        if record.offset() >= batch.range().count_from {
            self.offsets.push(record.offset());
        }
        self.places.pop_front();
        Step::Goes
    }

    fn suspicion(&self, offset: i64) -> Suspicion {
        let suspects = &self.dispatch.suspects;
        let held = suspects.iter().find(|(of, _)| *of == offset);
        held.map(|(_, suspicion)| suspicion.clone())
            .unwrap_or_default()
    }

    fn reject(&mut self, place: usize, reason: Reason, suspicion: &Suspicion) {
        let omit_value = suspicion.omit_value;
        self.rejects.push(Reject {
            index: place,
            reason,
            omit_value,
        });
    }

    fn handed_of(&mut self, batch: Arc<Batch>) -> VecDeque<Handed> {
        let rejects = std::mem::take(&mut self.rejects);
        let mut results = VecDeque::from([Handed::Processed {
            batch: batch.clone(),
            outgoing: std::mem::take(&mut self.outgoing),
            rejected: !rejects.is_empty(),
        }]);
        if !rejects.is_empty() {
            results.push_back(Handed::Rejected {
                batch: batch.clone(),
                rejects,
            });
        }
        let offsets = std::mem::take(&mut self.offsets);
        results.push_back(Handed::Counts { batch, offsets });
        results
    }
}

impl House {
    /// The worker's thread goes one step on.
    pub fn work(&mut self, index: usize, witness: &mut Witness) {
        let worker = &mut self.workers[index];
        let Some(thread) = &mut worker.thread else {
            worker.take_up();
            return;
        };
        let partition = thread.dispatch.batch.partition().id;
        match thread.step(false) {
            Step::Goes => {}
            Step::Sends(result) => self.send(result),
            Step::Ends => {
                worker.bench.put_down(worker.incarnation);
                worker.thread = None;
            }
            Step::Panics(offset) => {
                worker.blames = true;
                let others = self.workers.len() - 1;
                witness.killed(self.life, partition, offset, others);
                self.stop_worker(index);
            }
            Step::Blocks => self.hang_worker(index),
        }
    }

    fn send(&mut self, result: Handed) {
        match result {
            Handed::Processed {
                batch,
                outgoing,
                rejected,
            } => {
                self.producer.send(ToProducer::Processed {
                    batch,
                    outgoing,
                    rejected,
                });
            }
            Handed::Rejected { batch, rejects } => self.router.send((batch, rejects)),
            Handed::Counts { batch, offsets } => {
                self.aggregator
                    .send(ToAggregator::Counts(Counts { batch, offsets }));
            }
        }
    }

    /// The worker's thread is abandoned, and wakes up later.
    pub fn hang_worker(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        worker.blames = true;
        self.abandoned.extend(worker.thread.take());
        self.stop_worker(index);
    }

    /// The worker stops without a record's fault. What it has claimed the right to hand on, it
    /// hands on: nothing in between can stop it, only take long.
    pub fn stop_worker(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        worker.up = false;
        let claimed = worker.thread.take().filter(Thread::has_claimed);
        self.abandoned.extend(claimed);
        worker.mailbox.clear();
    }

    /// The record on the bench is blamed, a new incarnation takes messages, and then the consumer
    /// hears of it.
    pub fn restart_worker(&mut self, index: usize, witness: &mut Witness) {
        let worker = &mut self.workers[index];
        let in_hand = worker.bench.clear(worker.incarnation);
        let culprit = in_hand.and_then(|dispatch| dispatch.stopped_at());
        if let Some((partition, offset)) = culprit
            && worker.blames
        {
            self.heritage
                .suspects
                .blame(partition, offset, "died".into());
            witness.blamed(self.life, partition.id, offset);
        }
        worker.incarnation += 1;
        worker.up = true;
        worker.blames = false;
        let incarnation = worker.incarnation;
        self.reports.push_back(Report::WorkerRestarted {
            worker: index,
            incarnation,
        });
    }

    /// An abandoned thread really does finish its work later.
    pub fn wake(&mut self, index: usize) {
        match self.abandoned[index].step(true) {
            Step::Sends(result) => self.send(result),
            Step::Goes => {}
            Step::Ends | Step::Panics(_) | Step::Blocks => {
                self.abandoned.swap_remove(index);
            }
        }
    }
}

/// The first byte of a value says what is to become of the record, the second its key.
pub fn value_of(input: &Input) -> Vec<u8> {
    let mut value = vec![0; input.bytes];
    value[0] = input.kind as u8;
    value[1] = input.key.map_or(NO_KEY, |key| key);
    value
}

/// Said of itself by a record that has none.
const NO_KEY: u8 = u8::MAX;

/// The key that a record says it has.
pub fn key_of(value: Option<&[u8]>) -> Option<u8> {
    let key = value.expect("each record has a value")[1];
    (key != NO_KEY).then_some(key)
}

/// The partition of the output that it goes to.
fn shard(value: Option<&[u8]>) -> u16 {
    u16::from(key_of(value).unwrap_or(0)) % 2
}

pub fn kind_of(value: Option<&[u8]>) -> Kind {
    let kinds = [
        Kind::Emit,
        Kind::Filter,
        Kind::Reject,
        Kind::Poison,
        Kind::Hang,
        Kind::TooLarge,
        Kind::HugeLetter,
    ];
    kinds[usize::from(value.expect("each record has a value")[0])]
}
