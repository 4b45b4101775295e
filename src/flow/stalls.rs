//! The stall watchdog: work that does not move is a failure, even if every actor answers (P7).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Partition;
use super::intake::LaneStatus;

/// Since when each partition at work stands still.
///
/// An outage that is over is still felt for a while: work is stalled where it stood still for half
/// of the time, the brokers answered, and then it stood still for the other half as well.
#[derive(Debug)]
pub struct Stalls {
    half: Duration,
    seen: BTreeMap<Partition, Still>,
}

#[derive(Clone, Copy, Debug)]
struct Still {
    mark: Mark,
    since: Duration,
    /// The first half is over, and the brokers answered at its end.
    answered: bool,
}

/// What to do about a partition that stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Ask the brokers whether they answer: [`Stalls::answered`], or [`Stalls::excuse`].
    Ask(Partition),
    /// It is stalled, if they answer now.
    Stalled(Partition),
}

/// What moves where there is progress. A worker's restart is none of the partition's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    committed: i64,
    settled: i64,
    incarnation: u64,
}

impl Stalls {
    /// What stands still for `after` is stalled.
    pub fn new(after: Duration) -> Self {
        Stalls {
            half: after / 2,
            seen: BTreeMap::new(),
        }
    }

    /// The partitions where something is to move, as they are `now`; answers with one that does
    /// not.
    pub fn look(
        &mut self,
        at_work: impl IntoIterator<Item = LaneStatus>,
        now: Duration,
    ) -> Option<Finding> {
        let before = std::mem::take(&mut self.seen);
        for lane in at_work {
            let mark = Mark {
                committed: lane.committed,
                settled: lane.settled,
                incarnation: lane.incarnation,
            };
            let still = match before.get(&lane.partition) {
                Some(known) if known.mark == mark => *known,
                _ => Still {
                    mark,
                    since: now,
                    answered: false,
                },
            };
            self.seen.insert(lane.partition, still);
        }
        let due = |still: &Still| now.saturating_sub(still.since) >= self.half;
        let mut seen = self.seen.iter();
        let (partition, still) = seen.find(|(_, still)| due(still))?;
        Some(match still.answered {
            true => Finding::Stalled(*partition),
            false => Finding::Ask(*partition),
        })
    }

    /// The brokers answer: the second half of the partition's time begins `now`.
    pub fn answered(&mut self, partition: Partition, now: Duration) {
        if let Some(still) = self.seen.get_mut(&partition) {
            still.since = now;
            still.answered = true;
        }
    }

    /// What stood still had its reason: reading is paused, or a broker does not answer.
    pub fn excuse(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Generation;

    const AFTER: Duration = Duration::from_secs(120);
    const SEVEN: Partition = Partition { topic: 0, id: 7 };

    fn lane(committed: i64, settled: i64, incarnation: u64) -> LaneStatus {
        LaneStatus {
            partition: SEVEN,
            generation: Generation(1),
            position: 30,
            committed,
            settled,
            in_flight: 5,
            oldest: None,
            incarnation,
            at_work: true,
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn p7_work_that_stands_still_is_stalled() {
        let mut stalls = Stalls::new(AFTER);
        assert_eq!(stalls.look([lane(1, 2, 1)], seconds(10)), None);
        assert_eq!(stalls.look([lane(1, 2, 1)], seconds(69)), None);
        let found = stalls.look([lane(1, 2, 1)], seconds(70));
        assert_eq!(found, Some(Finding::Ask(SEVEN)));
        stalls.answered(SEVEN, seconds(70));
        assert_eq!(stalls.look([lane(1, 2, 1)], seconds(129)), None);
        let found = stalls.look([lane(1, 2, 1)], seconds(130));
        assert_eq!(found, Some(Finding::Stalled(SEVEN)));
    }

    #[test]
    fn p7_a_settlement_a_commit_a_restarted_worker_and_a_rest_begin_the_wait_anew() {
        for moved in [
            vec![lane(1, 3, 1)],
            vec![lane(2, 2, 1)],
            vec![lane(1, 2, 2)],
            vec![],
        ] {
            let mut stalls = Stalls::new(AFTER);
            stalls.look([lane(1, 2, 1)], seconds(0));
            stalls.answered(SEVEN, seconds(60));
            assert_eq!(stalls.look(moved.clone(), seconds(119)), None, "{moved:?}");
            assert_eq!(
                stalls.look([lane(1, 2, 1)], seconds(121)),
                None,
                "{moved:?}"
            );
            let found = stalls.look([lane(1, 2, 1)], seconds(181));
            assert_eq!(found, Some(Finding::Ask(SEVEN)), "{moved:?}");
        }
    }

    #[test]
    fn p7_an_outage_is_no_stall() {
        let mut stalls = Stalls::new(AFTER);
        stalls.look([lane(1, 2, 1)], seconds(0));
        stalls.answered(SEVEN, seconds(60));
        stalls.excuse();
        assert_eq!(stalls.look([lane(1, 2, 1)], seconds(121)), None);
        // It ends now; librdkafka takes a moment to notice.
        let found = stalls.look([lane(1, 2, 1)], seconds(181));
        assert_eq!(found, Some(Finding::Ask(SEVEN)));
    }
}
