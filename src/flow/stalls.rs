//! The stall watchdog: work that does not move is a failure, even if every actor answers (P7).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Partition;
use super::intake::LaneStatus;

/// Since when each partition at work stands still.
#[derive(Debug)]
pub struct Stalls {
    after: Duration,
    seen: BTreeMap<Partition, (Mark, Duration)>,
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
            after,
            seen: BTreeMap::new(),
        }
    }

    /// The partitions where something is to move, as they are `now`; answers with one that is
    /// stalled.
    pub fn look(
        &mut self,
        at_work: impl IntoIterator<Item = LaneStatus>,
        now: Duration,
    ) -> Option<Partition> {
        let before = std::mem::take(&mut self.seen);
        for lane in at_work {
            let mark = Mark {
                committed: lane.committed,
                settled: lane.settled,
                incarnation: lane.incarnation,
            };
            let since = match before.get(&lane.partition) {
                Some((known, since)) if *known == mark => *since,
                _ => now,
            };
            self.seen.insert(lane.partition, (mark, since));
        }
        let stalled = |(_, since): &(Mark, Duration)| now.saturating_sub(*since) >= self.after;
        let mut seen = self.seen.iter();
        seen.find(|(_, seen)| stalled(seen)).map(|(of, _)| *of)
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

    fn lane(committed: i64, settled: i64, incarnation: u64) -> LaneStatus {
        LaneStatus {
            partition: Partition { topic: 0, id: 7 },
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
        assert_eq!(stalls.look([lane(1, 2, 1)], seconds(129)), None);
        let stalled = stalls.look([lane(1, 2, 1)], seconds(130));
        assert_eq!(stalled, Some(Partition { topic: 0, id: 7 }));
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
            assert_eq!(stalls.look(moved.clone(), seconds(119)), None, "{moved:?}");
            assert_eq!(
                stalls.look([lane(1, 2, 1)], seconds(121)),
                None,
                "{moved:?}"
            );
        }
    }

    #[test]
    fn p7_an_outage_is_no_stall() {
        let mut stalls = Stalls::new(AFTER);
        stalls.look([lane(1, 2, 1)], seconds(0));
        stalls.excuse();
        assert_eq!(stalls.look([lane(1, 2, 1)], seconds(121)), None);
    }
}
