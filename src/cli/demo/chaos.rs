//! Chaos by schedule: which actor is struck when, and which records are poison. Seeded and pure.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::generator::{Event, one_of};
use crate::topology::Sabotage;

/// What `GREENROOM_HANG_AFTER` has to be for [`HANG`] to be found.
pub const HANG_AFTER: Duration = Duration::from_secs(1);
/// How long a hang blocks a thread. Not much longer than it takes to be found: a process with too
/// many abandoned threads ends itself (P4).
pub const HANG: Duration = Duration::from_millis(1_500);

/// Milliseconds between two strikes.
const GAP: std::ops::Range<u64> = 300..1_500;

/// Not the consumer: the embedded broker (librdkafka's mock) ends the process by an assertion of its
/// own where members of a group come and go while others join. Its restarts are tested on a real one.
const OTHERS: [&str; 3] = ["producer", "error-router", "aggregator"];
const TO_OTHERS: [Sabotage; 2] = [Sabotage::Panic, Sabotage::Stop];
const TO_TRANSFORMERS: [Sabotage; 3] = [Sabotage::Panic, Sabotage::Stop, Sabotage::Hang(HANG)];

/// A blow to one actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The actor's name.
    pub actor: String,
    pub sabotage: Sabotage,
}

/// Deals out strikes and poison.
#[derive(Clone, Debug)]
pub struct Chaos {
    rng: SmallRng,
    transformers: usize,
    next: Duration,
    poison_every: u64,
    /// Records that came by.
    records: u64,
}

impl Chaos {
    /// Strikes that many `transformers`, at least one, and the other actors; one record in
    /// `poison_every` is poison, none where that is 0.
    pub fn new(seed: u64, transformers: usize, poison_every: u64) -> Self {
        let mut chaos = Chaos {
            rng: SmallRng::seed_from_u64(seed),
            transformers,
            next: Duration::ZERO,
            poison_every,
            records: 0,
        };
        chaos.next = chaos.gap();
        chaos
    }

    /// When the next strike falls, counted from the start.
    pub fn next_strike(&self) -> Duration {
        self.next
    }

    /// The strike that falls now, `elapsed` after the start.
    pub fn strike(&mut self, elapsed: Duration) -> Option<Strike> {
        if elapsed < self.next {
            return None;
        }
        let strike = self.choose();
        self.next = elapsed + self.gap();
        if matches!(strike.sabotage, Sabotage::Hang(_)) {
            // One hang at a time.
            self.next += HANG;
        }
        Some(strike)
    }

    /// Poisons `event` if its turn has come. A record that is no object with members is passed
    /// over.
    pub fn poison(&mut self, event: &mut Event) {
        self.records += 1;
        if !self.records.is_multiple_of(self.poison_every) {
            return;
        }
        let Some(value) = &mut event.value else {
            return;
        };
        // A hang costs its partition seconds, a panic next to nothing: one in four will do.
        let turn = self.records / self.poison_every;
        let marker = if turn.is_multiple_of(4) {
            HANGS
        } else {
            PANICS
        };
        if value.starts_with(b"{\"") && value.ends_with(b"}") {
            value.pop();
            value.extend_from_slice(marker);
            event.sort = "poison";
        }
    }

    fn gap(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(GAP))
    }

    /// Half of the strikes go to transformers. Only they hang: a consumer that does ends the
    /// process by design, as no other could take its place in the group.
    fn choose(&mut self) -> Strike {
        if self.rng.random_bool(0.5) {
            let index = self.rng.random_range(0..self.transformers);
            Strike {
                actor: format!("transformer-{index}"),
                sabotage: one_of(&mut self.rng, &TO_TRANSFORMERS),
            }
        } else {
            Strike {
                actor: one_of(&mut self.rng, &OTHERS).to_owned(),
                sabotage: one_of(&mut self.rng, &TO_OTHERS),
            }
        }
    }
}

/// The member `chaos` as a poisoned event ends with it.
const PANICS: &[u8] = br#","chaos":"panic"}"#;
const HANGS: &[u8] = br#","chaos":"hang"}"#;

/// What a record's value that [`Chaos::poison`] made orders its worker to do.
pub fn find_poison(value: &[u8]) -> Option<Sabotage> {
    if value.ends_with(PANICS) {
        Some(Sabotage::Panic)
    } else if value.ends_with(HANGS) {
        Some(Sabotage::Hang(HANG))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::generator::{Generator, Kind, Profile};

    /// The strikes of so many minutes, each with its time.
    fn strikes(seed: u64, minutes: u64) -> Vec<(Duration, Strike)> {
        let mut chaos = Chaos::new(seed, 3, 1_000);
        let end = Duration::from_secs(60 * minutes);
        let mut strikes = Vec::new();
        while chaos.next_strike() < end {
            let at = chaos.next_strike();
            strikes.extend(chaos.strike(at).map(|strike| (at, strike)));
        }
        strikes
    }

    #[test]
    fn the_same_seed_strikes_the_same_and_another_otherwise() {
        assert_eq!(strikes(1, 5), strikes(1, 5));
        assert_ne!(strikes(1, 5), strikes(2, 5));
    }

    #[test]
    fn p7_every_actor_is_struck_in_every_way_it_survives() {
        let mut ways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (_, strike) in strikes(1, 20) {
            let way = format!("{:?}", strike.sabotage);
            ways.entry(strike.actor).or_default().insert(way);
        }
        let counts: BTreeMap<&str, usize> = ways
            .iter()
            .map(|(actor, ways)| (&**actor, ways.len()))
            .collect();
        let expected = [
            ("aggregator", 2),
            ("error-router", 2),
            ("producer", 2),
            ("transformer-0", 3),
            ("transformer-1", 3),
            ("transformer-2", 3),
        ];
        assert_eq!(counts, BTreeMap::from(expected));
    }

    #[test]
    fn p4_a_hang_is_over_before_the_next_strike() {
        let strikes = strikes(1, 20);
        for pair in strikes.windows(2) {
            let [(before, strike), (after, _)] = pair else {
                unreachable!("windows of two")
            };
            let gap = *after - *before;
            let busy = match strike.sabotage {
                Sabotage::Hang(time) => time,
                _ => Duration::ZERO,
            };
            assert!(gap >= busy + Duration::from_millis(300), "{gap:?}");
            assert!(gap < busy + Duration::from_millis(1_500), "{gap:?}");
        }
    }

    #[test]
    fn nothing_is_struck_before_its_time() {
        let mut chaos = Chaos::new(1, 1, 1);
        assert_eq!(
            chaos.strike(chaos.next_strike() - Duration::from_nanos(1)),
            None
        );
        assert!(chaos.strike(chaos.next_strike()).is_some());
    }

    #[test]
    fn p5_one_record_in_n_is_poison_and_stays_json() {
        let mut chaos = Chaos::new(1, 1, 10);
        let mut generator = Generator::new(Profile::new(Kind::Usual, 1));
        let mut event = Event::default();
        let mut found = Vec::new();
        for number in 1..=80 {
            generator.fill(&mut event, 0);
            chaos.poison(&mut event);
            let value = event.value.as_deref().unwrap();
            serde_json::from_slice::<serde_json::Value>(value).unwrap();
            assert_eq!(event.sort == "poison", find_poison(value).is_some());
            found.extend(find_poison(value).map(|order| (number, order)));
        }
        let (panics, hang) = (Sabotage::Panic, Sabotage::Hang(HANG));
        let orders = [panics, panics, panics, hang, panics, panics, panics, hang];
        let expected: Vec<_> = (1..=8).map(|turn| turn * 10).zip(orders).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn records_that_are_no_objects_with_members_are_not_poisoned() {
        for value in [
            None,
            Some(b"[1]".to_vec()),
            Some(b"{}".to_vec()),
            Some(Vec::new()),
        ] {
            let mut event = Event {
                value: value.clone(),
                ..Event::default()
            };
            Chaos::new(1, 1, 1).poison(&mut event);
            assert_eq!(event.value, value);
        }
    }
}
