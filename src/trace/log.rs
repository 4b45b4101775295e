//! What is noted of a batch's traced records on their way.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Context, Lap, SpanId, TraceId};

/// The log of one batch. Empty, and nothing but a pointer, where no record of it is traced.
///
/// What was noted goes to the [`Sink`] as soon as all of these records are delivered and counted;
/// else with the batch's last share, when nobody can add to it any more. (Waiting for the last
/// share alone would be too long: a thread that hangs may keep one for ever.)
#[derive(Default)]
pub struct Log(OnceLock<Box<Open>>);

/// Takes what was noted of a batch. It must not block, nor panic: a `Drop` may call it.
pub type Sink = Arc<dyn Fn(Finished) + Send + Sync>;

/// All that was noted of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finished {
    pub about: About,
    pub times: Times,
    /// Of its traced records, in offset order.
    pub journeys: Vec<Journey>,
}

/// Which batch it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The input topic, as its index in the pipeline's list.
    pub topic: u16,
    pub partition: i32,
    pub generation: u64,
    /// When it was read. All times here are in Unix nanoseconds.
    pub received: u64,
}

/// One traced record's way.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Its place in the batch.
    pub index: usize,
    pub offset: i64,
    pub trace: TraceId,
    /// The span that its `traceparent` names.
    pub parent: Option<SpanId>,
    /// The span of all that is done for it here.
    pub process: SpanId,
    /// The span under which its output or its dead letter goes on.
    pub send: SpanId,
    /// What workers did for it. All but the last failed.
    pub works: Vec<Work>,
    pub end: End,
}

/// One worker's attempt at a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    pub worker: usize,
    pub incarnation: u64,
    pub begun: u64,
    /// None while it lasts.
    pub ended: Option<u64>,
    /// The steps that were done, in their order; the last one may have ended the way.
    pub steps: Vec<Lap>,
    /// How the worker came to its end, where that made the work void.
    pub error: Option<&'static str>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Nothing yet.
    #[default]
    Open,
    /// Its output went to this topic, as the index in the pipeline's list.
    Output(u16),
    Filtered,
    /// Its dead letter, once there is one, went to this topic.
    Rejected {
        error_type: &'static str,
        letter: Option<u16>,
    },
}

/// What an actor does for a batch as a whole; its time holds for each of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    OutputsHanded,
    OutputsAcknowledged,
    LettersBegun,
    LettersMade,
    LettersHanded,
    LettersAcknowledged,
    CountBegun,
    Counted,
}

/// When the milestones were passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times([Option<u64>; 8]);

impl Times {
    pub fn at(&self, milestone: Milestone) -> Option<u64> {
        self.0[milestone as usize]
    }

    /// All that were passed.
    pub fn all(&self) -> impl Iterator<Item = u64> {
        self.0.into_iter().flatten()
    }

    /// Where a batch is worked on in parts it is begun with the first of them, and done with the
    /// last.
    pub fn pass(&mut self, milestone: Milestone, now: u64) {
        let time = &mut self.0[milestone as usize];
        *time = time.filter(|_| milestone.is_begin()).or(Some(now));
    }
}

struct Open {
    sink: Sink,
    /// None once they were handed on.
    pages: Mutex<Option<Finished>>,
}

impl Log {
    /// Takes traced records in. The log of a batch that had none opens with them.
    pub fn add(&self, sink: &Sink, about: About, journeys: Vec<Journey>) {
        let open = || {
            let sink = sink.clone();
            let pages = Mutex::new(Some(Finished {
                about,
                ..Finished::default()
            }));
            Box::new(Open { sink, pages })
        };
        if let Some(pages) = &mut *self.0.get_or_init(open).pages() {
            pages.journeys.extend(journeys);
            pages.journeys.sort_by_key(|journey| journey.index);
        }
    }

    /// Whether none of the batch's records is traced.
    pub fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    /// The places of the batch's traced records, in order.
    pub fn indices(&self) -> Vec<usize> {
        self.0.get().map_or_else(Vec::new, |open| {
            let pages = open.pages();
            let journeys = pages.iter().flat_map(|pages| &pages.journeys);
            journeys.map(|of| of.index).collect()
        })
    }

    /// Notes that the batch passes a milestone. The clock, in Unix nanoseconds, is read only where
    /// a record is traced.
    pub fn pass(&self, milestone: Milestone, clock: impl FnOnce() -> u64) {
        let Some(open) = self.0.get() else { return };
        let now = clock();
        let mut pages = open.pages();
        if let Some(pages) = &mut *pages {
            pages.times.pass(milestone, now);
        }
        let whole = pages.take_if(|pages| milestone.is_last() && pages.is_whole());
        drop(pages);
        whole.into_iter().for_each(|pages| (open.sink)(pages));
    }

    /// The traced record at `index`, to be written on.
    pub fn note<T>(&self, index: usize, write: impl FnOnce(&mut Journey) -> T) -> Option<T> {
        let mut pages = self.0.get()?.pages();
        let pages = pages.as_mut()?;
        let found = pages.journeys.binary_search_by_key(&index, |of| of.index);
        Some(write(&mut pages.journeys[found.ok()?]))
    }

    /// The context under which the record's output or dead letter goes on, where it is traced.
    pub fn onward(&self, index: usize) -> Option<Context> {
        self.note(index, |journey| Context {
            trace: journey.trace,
            span: journey.send,
            sampled: true,
        })
    }

    /// The context of what is done for the record here.
    pub fn here(&self, index: usize) -> Option<Context> {
        self.note(index, |journey| journey.here())
    }

    /// A worker came to its end in this way before it handed its part of the batch on: what it did
    /// for the records is void.
    pub fn void(&self, worker: usize, incarnation: u64, error: &'static str, now: u64) {
        let Some(open) = self.0.get() else { return };
        if let Some(pages) = &mut *open.pages() {
            for journey in &mut pages.journeys {
                journey.void(worker, incarnation, error, now);
            }
        }
    }
}

impl Milestone {
    fn is_begin(self) -> bool {
        use Milestone::{CountBegun, LettersBegun, LettersHanded, OutputsHanded};
        matches!(
            self,
            OutputsHanded | LettersBegun | LettersHanded | CountBegun
        )
    }

    /// Whether nothing more may follow for some record.
    fn is_last(self) -> bool {
        use Milestone::{Counted, LettersAcknowledged, OutputsAcknowledged};
        matches!(self, Counted | LettersAcknowledged | OutputsAcknowledged)
    }
}

impl Finished {
    /// When the record reached its end. None where it did not.
    pub fn delivered(&self, journey: &Journey) -> Option<u64> {
        match journey.end {
            End::Open => None,
            End::Output(_) => self.times.at(Milestone::OutputsAcknowledged),
            End::Rejected { .. } => self.times.at(Milestone::LettersAcknowledged),
            End::Filtered => journey.works.last()?.ended,
        }
    }

    fn is_whole(&self) -> bool {
        let is_delivered = |journey: &Journey| self.delivered(journey).is_some();
        self.times.at(Milestone::Counted).is_some() && self.journeys.iter().all(is_delivered)
    }
}

impl Journey {
    /// The memory that the journey of a record takes through a pipeline of so many steps. A failed
    /// attempt comes on top: a record has few of them.
    pub const fn bytes(steps: usize) -> usize {
        size_of::<Journey>() + size_of::<Work>() + steps * size_of::<Lap>()
    }

    pub fn here(&self) -> Context {
        Context {
            trace: self.trace,
            span: self.process,
            sampled: true,
        }
    }

    /// A worker begins with the record.
    pub fn begin(&mut self, worker: usize, incarnation: u64, now: u64) {
        self.works.push(Work {
            worker,
            incarnation,
            begun: now,
            ended: None,
            steps: Vec::new(),
            error: None,
        });
    }

    /// As [`Journey::begin`], where this incarnation has not begun yet.
    pub fn begin_unless_begun(&mut self, worker: usize, incarnation: u64, now: u64) {
        let last = self.works.last();
        if last.is_none_or(|work| work.incarnation != incarnation) {
            self.begin(worker, incarnation, now);
        }
    }

    /// The worker is done with the record. An abandoned thread that wakes up late has nothing to
    /// say (P3).
    pub fn finish(&mut self, incarnation: u64, now: u64, steps: &[Lap], end: End) {
        let work = self.works.last_mut();
        let work = work.filter(|work| work.incarnation == incarnation && work.ended.is_none());
        if let Some(work) = work {
            work.ended = Some(now);
            work.steps = steps.to_vec();
            self.end = end;
        }
    }

    fn void(&mut self, worker: usize, incarnation: u64, error: &'static str, now: u64) {
        if let Some(work) = self.works.last_mut()
            && (work.worker, work.incarnation) == (worker, incarnation)
        {
            work.ended.get_or_insert(now);
            work.error = Some(error);
            self.end = End::Open;
        }
    }
}

impl Open {
    /// A panic elsewhere leaves no half-made note, so a poisoned lock is as good as any.
    fn pages(&self) -> MutexGuard<'_, Option<Finished>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let pages = self.pages().take();
        pages.into_iter().for_each(|pages| (self.sink)(pages));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journey(index: usize) -> Journey {
        Journey {
            index,
            offset: 10 + index as i64,
            trace: TraceId(1),
            parent: None,
            process: SpanId(2),
            send: SpanId(3),
            works: Vec::new(),
            end: End::Open,
        }
    }

    /// What the log of a batch with these traced records hands on when it is dropped.
    fn handed_on(indices: &[usize], act: impl FnOnce(&Log)) -> Finished {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let into = taken.clone();
        let sink: Sink = Arc::new(move |finished| into.lock().unwrap().push(finished));
        let log = Log::default();
        for index in indices {
            log.add(&sink, About::default(), vec![journey(*index)]);
        }
        act(&log);
        assert!(taken.lock().unwrap().is_empty(), "the batch is under way");
        drop(log);
        let mut taken = taken.lock().unwrap();
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    #[test]
    fn the_last_share_hands_on_what_was_noted() {
        let finished = handed_on(&[4, 1], |log| {
            log.pass(Milestone::CountBegun, || 7);
            log.pass(Milestone::CountBegun, || 8);
            log.note(4, |journey| journey.begin(0, 1, 5));
            log.note(4, |journey| journey.finish(1, 6, &[], End::Output(0)));
            assert_eq!(log.note(2, |_| ()), None, "it is not traced");
        });
        assert_eq!(finished.times.at(Milestone::CountBegun), Some(7));
        assert_eq!(finished.times.at(Milestone::Counted), None);
        let ends = finished.journeys.iter().map(|of| (of.index, of.end));
        assert_eq!(Vec::from_iter(ends), [(1, End::Open), (4, End::Output(0))]);
    }

    #[test]
    fn what_is_delivered_and_counted_is_handed_on_though_a_thread_that_hangs_keeps_a_share() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let into = taken.clone();
        let sink: Sink = Arc::new(move |finished| into.lock().unwrap().push(finished));
        let log = Log::default();
        log.add(&sink, About::default(), vec![journey(0), journey(1)]);
        log.note(0, |journey| journey.begin(0, 1, 5));
        log.note(0, |journey| journey.finish(1, 6, &[], End::Output(0)));
        log.pass(Milestone::OutputsAcknowledged, || 8);
        log.pass(Milestone::Counted, || 9);
        assert_eq!(taken.lock().unwrap().len(), 0, "one is under way");
        let rejected = End::Rejected {
            error_type: "poison",
            letter: Some(1),
        };
        log.note(1, |journey| journey.end = rejected);
        log.pass(Milestone::LettersAcknowledged, || 10);
        assert_eq!(taken.lock().unwrap().len(), 1);
        assert_eq!(log.note(0, |_| ()), None, "what comes late is void");
        drop(log);
        assert_eq!(taken.lock().unwrap().len(), 1, "once");
    }

    #[test]
    fn p5_what_a_failed_worker_did_is_void_and_stays_visible() {
        let finished = handed_on(&[0, 1, 2], |log| {
            log.note(0, |journey| journey.begin(0, 1, 5));
            log.note(0, |journey| journey.finish(1, 6, &[], End::Output(0)));
            log.note(1, |journey| journey.begin(0, 1, 7));
            log.void(0, 1, "panicked", 9);
            log.note(0, |journey| journey.begin(0, 2, 10));
            log.note(0, |journey| journey.finish(2, 11, &[], End::Filtered));
        });
        let works = |index: usize| {
            let works = finished.journeys[index].works.iter();
            Vec::from_iter(works.map(|work| (work.begun, work.ended, work.error)))
        };
        assert_eq!(
            works(0),
            [(5, Some(6), Some("panicked")), (10, Some(11), None)]
        );
        assert_eq!(works(1), [(7, Some(9), Some("panicked"))]);
        assert_eq!(works(2), []);
        assert_eq!(finished.journeys[0].end, End::Filtered);
    }

    #[test]
    fn p3_an_abandoned_thread_notes_nothing() {
        let finished = handed_on(&[0], |log| {
            log.note(0, |journey| journey.begin(0, 1, 5));
            log.void(0, 1, "hung", 6);
            log.note(0, |journey| journey.begin(0, 2, 7));
            log.note(0, |journey| journey.finish(1, 8, &[], End::Output(0)));
        });
        assert_eq!(finished.journeys[0].end, End::Open);
        assert_eq!(finished.journeys[0].works[1].ended, None);
    }

    #[test]
    fn nothing_is_read_off_a_clock_where_nothing_is_traced() {
        let log = Log::default();
        log.pass(Milestone::Counted, || unreachable!("nothing is traced"));
        assert!(log.is_empty());
        assert_eq!(log.onward(0), None);
    }
}
