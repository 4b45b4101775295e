//! Whether an actor that ended is started again, and when. A pure value (P7).

use std::{collections::VecDeque, time::Duration};

use rand::RngExt;

use super::{Exit, Moment};

/// How patient a [`RestartPolicy`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartLimits {
    /// So many restarts within `period` are borne; one more escalates.
    pub restarts: u32,
    pub period: Duration,
    /// The first wait before a restart, at most. Each further one is twice as long.
    pub first_wait: Duration,
    /// No wait is longer.
    pub longest_wait: Duration,
    /// Whoever lived this long after its restart begins with the first wait again.
    pub stable_after: Duration,
}

impl Default for RestartLimits {
    fn default() -> Self {
        RestartLimits {
            restarts: 5,
            period: Duration::from_secs(60),
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(10),
            stable_after: Duration::from_secs(60),
        }
    }
}

/// What is done about an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    RestartAfter(Duration),
    /// Restarting does not help: somebody above must act.
    Escalate,
}

/// One actor's restarts so far, and what follows from them.
#[derive(Clone, Debug)]
pub struct RestartPolicy {
    limits: RestartLimits,
    /// The counted exits of the last period, oldest first; never more than the limit.
    recent: VecDeque<Moment>,
    doublings: u32,
    /// When the last counted restart was due.
    back_at: Moment,
}

impl RestartPolicy {
    pub fn new(limits: RestartLimits) -> Self {
        RestartPolicy {
            limits,
            recent: VecDeque::new(),
            doublings: 0,
            back_at: Moment::START,
        }
    }

    /// Judges an exit at `now`. Where it is `blamed` on the item that was worked on, that item's
    /// attempts are its limit; where it was asked for, there is nothing to limit. Neither counts,
    /// waits, or makes a later wait longer.
    pub fn on_exit(
        &mut self,
        exit: &Exit,
        blamed: bool,
        now: Moment,
        rng: &mut impl RngExt,
    ) -> Decision {
        if blamed || *exit == Exit::Asked {
            return Decision::RestartAfter(Duration::ZERO);
        }
        self.recent
            .retain(|&exit| now.since(exit) < self.limits.period);
        if self.recent.len() >= self.limits.restarts as usize {
            return Decision::Escalate;
        }
        if now.since(self.back_at) >= self.limits.stable_after {
            self.doublings = 0;
        }
        let wait = self.next_wait(rng);
        self.recent.push_back(now);
        self.back_at = now + wait;
        Decision::RestartAfter(wait)
    }

    /// Between half and the whole of the doubled wait: actors that fell together do not come back
    /// together, and yet no wait is shorter than the one before it.
    fn next_wait(&mut self, rng: &mut impl RngExt) -> Duration {
        let factor = 2u32.saturating_pow(self.doublings);
        let longest = self.limits.longest_wait;
        let whole = self.limits.first_wait.saturating_mul(factor).min(longest);
        self.doublings = self.doublings.saturating_add(1);
        rng.random_range(whole / 2..=whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> RestartLimits {
        RestartLimits {
            restarts: 3,
            period: 30 * SECOND,
            first_wait: SECOND,
            longest_wait: 4 * SECOND,
            stable_after: 10 * SECOND,
        }
    }

    fn wait_of(decision: Decision) -> Duration {
        match decision {
            Decision::RestartAfter(wait) => wait,
            Decision::Escalate => panic!("escalated"),
        }
    }

    #[test]
    fn p7_waits_grow_to_the_longest_and_reset_after_a_stable_time() {
        let limits = RestartLimits {
            restarts: 100,
            ..limits()
        };
        let mut policy = RestartPolicy::new(limits);
        let mut rng = SmallRng::seed_from_u64(1);
        let mut now = Moment::START;
        for whole in [1, 2, 4, 4, 4] {
            let wait = wait_of(policy.on_exit(&Exit::Stopped, false, now, &mut rng));
            assert!((whole * SECOND / 2..=whole * SECOND).contains(&wait));
            now = now + wait;
        }
        now = now + limits.stable_after;
        assert!(wait_of(policy.on_exit(&Exit::Hung, false, now, &mut rng)) <= SECOND);
    }

    #[test]
    fn p7_one_restart_over_the_limit_within_the_period_escalates() {
        let mut policy = RestartPolicy::new(limits());
        let mut rng = SmallRng::seed_from_u64(2);
        let decisions: Vec<bool> = (0..4)
            .map(|_| policy.on_exit(&Exit::Stopped, false, Moment::START, &mut rng))
            .map(|decision| decision == Decision::Escalate)
            .collect();
        assert_eq!(decisions, [false, false, false, true]);

        let a_period_later = Moment::START + limits().period;
        let decision = policy.on_exit(&Exit::Stopped, false, a_period_later, &mut rng);
        assert_ne!(decision, Decision::Escalate);
    }

    #[test]
    fn p7_waits_are_spread_by_chance() {
        let waits: std::collections::BTreeSet<Duration> = (0..20)
            .map(|seed| {
                let mut rng = SmallRng::seed_from_u64(seed);
                let mut policy = RestartPolicy::new(limits());
                wait_of(policy.on_exit(&Exit::Stopped, false, Moment::START, &mut rng))
            })
            .collect();
        assert!(waits.len() > 10, "only {} different waits", waits.len());
    }

    /// Remembers every counted restart for ever and works everything out anew each time.
    #[derive(Default)]
    struct Naive {
        restarts: Vec<(Moment, Duration)>,
    }

    impl Naive {
        /// The longest wait allowed now, or None for an escalation.
        fn longest_wait(&self, limits: &RestartLimits, now: Moment) -> Option<Duration> {
            let within = |at: Moment| now.since(at) < limits.period;
            let count = self.restarts.iter().filter(|(at, _)| within(*at)).count();
            if count >= limits.restarts as usize {
                return None;
            }
            let mut whole = limits.first_wait;
            let mut later = now;
            for &(at, wait) in self.restarts.iter().rev() {
                if later.since(at + wait) >= limits.stable_after {
                    break;
                }
                whole = (whole * 2).min(limits.longest_wait);
                later = at;
            }
            Some(whole)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Pass(u64),
        Exit { asked: bool, blamed: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u64..20_000).prop_map(Step::Pass),
            (prop::bool::weighted(0.2), prop::bool::weighted(0.2))
                .prop_map(|(asked, blamed)| Step::Exit { asked, blamed }),
        ]
    }

    proptest! {
        #[test]
        fn p7_the_policy_is_the_naive_model(
            steps in prop::collection::vec(step(), 1..60),
            seed: u64,
        ) {
            let limits = limits();
            let mut policy = RestartPolicy::new(limits);
            let mut naive = Naive::default();
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut now = Moment::START;
            for step in steps {
                match step {
                    Step::Pass(millis) => now = now + Duration::from_millis(millis),
                    Step::Exit { asked, blamed } => {
                        let exit = if asked { Exit::Asked } else { Exit::Stopped };
                        let decision = policy.on_exit(&exit, blamed, now, &mut rng);
                        if asked || blamed {
                            prop_assert_eq!(decision, Decision::RestartAfter(Duration::ZERO));
                            continue;
                        }
                        let Some(whole) = naive.longest_wait(&limits, now) else {
                            prop_assert_eq!(decision, Decision::Escalate);
                            continue;
                        };
                        let wait = wait_of(decision);
                        prop_assert!(whole / 2 <= wait && wait <= whole);
                        naive.restarts.push((now, wait));
                    }
                }
            }
        }
    }
}
