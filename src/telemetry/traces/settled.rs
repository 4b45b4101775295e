//! Which traced records a commit settles.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::LINKS;
use crate::flow::Partition;
use crate::trace::{Context, Finished};

/// What is done for traced records whose offsets are not committed yet: as many as a span may link
/// to, the newest. Records of a partition that was given back leave as others come.
#[derive(Debug, Default)]
pub(super) struct Settled(Mutex<VecDeque<Done>>);

#[derive(Clone, Copy, Debug)]
struct Done {
    partition: Partition,
    offset: i64,
    process: Context,
}

impl Settled {
    /// These records have come to their ends, but for those that were given up on the way.
    pub fn note(&self, finished: &Finished) {
        let partition = Partition {
            topic: finished.about.topic,
            id: finished.about.partition,
        };
        let mut done = self.lock();
        for journey in &finished.journeys {
            if finished.delivered(journey).is_none() {
                continue;
            }
            if done.len() == LINKS {
                done.pop_front();
            }
            done.push_back(Done {
                partition,
                offset: journey.offset,
                process: journey.here(),
            });
        }
    }

    /// What lies below these offsets.
    pub fn below(&self, offsets: &[(Partition, i64)]) -> Vec<Context> {
        let done = self.lock();
        let below = done.iter().filter(|done| done.is_below(offsets));
        below.map(|done| done.process).collect()
    }

    /// What lies below these offsets is over.
    pub fn forget(&self, offsets: &[(Partition, i64)]) {
        self.lock().retain(|done| !done.is_below(offsets));
    }

    /// Whole after each change, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Done>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Done {
    fn is_below(&self, offsets: &[(Partition, i64)]) -> bool {
        let mut offsets = offsets.iter();
        offsets.any(|(partition, offset)| self.partition == *partition && self.offset < *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{About, End, Journey, Milestone, SpanId, TraceId};

    fn partition(id: i32) -> Partition {
        Partition { topic: 0, id }
    }

    /// Records that were written, or rejected where no dead letter was acknowledged.
    fn finished(id: i32, offsets: std::ops::Range<i64>, end: End) -> Finished {
        let journey = |offset: i64| Journey {
            index: 0,
            offset,
            trace: TraceId(1),
            parent: None,
            process: SpanId(offset as u64 + 1),
            send: SpanId(9),
            works: Vec::new(),
            end,
        };
        let mut finished = Finished {
            about: About {
                partition: id,
                ..About::default()
            },
            journeys: offsets.map(journey).collect(),
            ..Finished::default()
        };
        finished.times.pass(Milestone::OutputsAcknowledged, 1);
        finished
    }

    fn spans_below(settled: &Settled, offsets: &[(Partition, i64)]) -> Vec<u64> {
        let below = settled.below(offsets).into_iter();
        below.map(|context| context.span.0).collect()
    }

    #[test]
    fn a_commit_settles_what_lies_below_it_and_that_once() {
        let settled = Settled::default();
        settled.note(&finished(0, 0..4, End::Output(0)));
        settled.note(&finished(1, 10..12, End::Output(0)));
        let refused = [(partition(0), 2)];
        assert_eq!(spans_below(&settled, &refused), [1, 2]);
        let first = [(partition(0), 3), (partition(2), 100)];
        assert_eq!(spans_below(&settled, &first), [1, 2, 3]);
        settled.forget(&first);
        let second = [(partition(0), 4), (partition(1), 11)];
        assert_eq!(spans_below(&settled, &second), [4, 11]);
    }

    #[test]
    fn what_was_given_up_is_settled_by_nobody() {
        let settled = Settled::default();
        settled.note(&finished(0, 0..4, End::Open));
        assert_eq!(settled.below(&[(partition(0), 4)]), []);
    }

    #[test]
    fn p4_no_more_is_kept_than_a_span_may_link_to() {
        let settled = Settled::default();
        settled.note(&finished(0, 0..1000, End::Output(0)));
        let kept = spans_below(&settled, &[(partition(0), 1000)]);
        assert_eq!(kept.len(), LINKS);
        assert_eq!(kept.last(), Some(&1000), "the newest");
    }
}
