//! Login events to try the house with: usual ones, the documented sample, and hostile ones.
//!
//! Pure: a [`Generator`] is seeded, and the clock is handed in, so the same seed at the same times
//! makes the same records. [`Pace`] says when they are due. Knows nothing of Kafka.

use std::str::FromStr;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use hostile::Twist;
use member::{Layout, Member};

mod hostile;
mod member;
mod pace;
mod sample;
mod traceparent;
mod usual;

pub use pace::Pace;

/// One record to be sent. Filled again and again, so that its buffers are reused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub key: Option<Vec<u8>>,
    /// None is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// What sort of record this is: `usual`, `sample`, or the name of a hostile sort.
    pub sort: &'static str,
}

impl Event {
    /// An empty value to write into, in the buffer of the last one.
    fn fresh_value(&mut self) -> &mut Vec<u8> {
        let value = self.value.get_or_insert_default();
        value.clear();
        value
    }
}

/// Which records a [`Generator`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the usual generators of login events send.
    Usual,
    /// The documented sample, varied: text timestamps, other devices and versions, more members.
    Sample,
    /// All that may come over a topic that others write to.
    Hostile,
}

/// A kind's name that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("allowed are usual, sample and hostile")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        match name {
            "usual" => Ok(Kind::Usual),
            "sample" => Ok(Kind::Sample),
            "hostile" => Ok(Kind::Hostile),
            _ => Err(UnknownKind),
        }
    }
}

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    pub kind: Kind,
    pub seed: u64,
    /// Whether each record gets a `traceparent` header.
    pub trace: bool,
    /// Share of hostile records mixed into the other kinds, from 0 to 1.
    pub hostile_share: f64,
    /// Share of very large ones (nearly 1 MB) among the hostile, from 0 to 1.
    pub large_share: f64,
}

impl Profile {
    /// The kind unmixed, with `traceparent` headers; a thousandth of hostile records is very large.
    pub fn new(kind: Kind, seed: u64) -> Self {
        Profile {
            kind,
            seed,
            trace: true,
            hostile_share: 0.0,
            large_share: 0.001,
        }
    }
}

/// Makes one record after the other.
#[derive(Clone, Debug)]
pub struct Generator {
    profile: Profile,
    rng: SmallRng,
    /// The members of the event at work; kept for its memory.
    members: Vec<Member>,
}

impl Generator {
    pub fn new(profile: Profile) -> Self {
        Generator {
            profile,
            rng: SmallRng::seed_from_u64(profile.seed),
            members: Vec::new(),
        }
    }

    /// Makes `event` the next record. `now` is in Unix seconds.
    pub fn fill(&mut self, event: &mut Event, now: i64) {
        event.key = None;
        event.headers.truncate(usize::from(self.profile.trace));
        if self.profile.trace {
            traceparent::set(&mut event.headers, &mut self.rng);
        }
        match self.next_kind() {
            Kind::Usual => self.fill_usual(event, now),
            Kind::Sample => self.fill_sample(event, now),
            Kind::Hostile => self.fill_hostile(event, now),
        }
    }

    fn next_kind(&mut self) -> Kind {
        let Profile {
            kind,
            hostile_share,
            ..
        } = self.profile;
        if hostile_share > 0.0 && self.rng.random_bool(hostile_share.min(1.0)) {
            Kind::Hostile
        } else {
            kind
        }
    }

    fn fill_usual(&mut self, event: &mut Event, now: i64) {
        event.sort = "usual";
        usual::members(&mut self.members, &mut self.rng, now);
        member::write(event.fresh_value(), &self.members, Layout::Compact);
    }

    fn fill_sample(&mut self, event: &mut Event, now: i64) {
        event.sort = "sample";
        sample::members(&mut self.members, &mut self.rng, now);
        member::write(event.fresh_value(), &self.members, Layout::Spaced);
    }

    fn fill_hostile(&mut self, event: &mut Event, now: i64) {
        self.fill_usual(event, now);
        let sort = hostile::choose(&mut self.rng, self.profile.large_share);
        event.sort = sort.name;
        (sort.twist)(&mut Twist {
            event,
            members: &mut self.members,
            rng: &mut self.rng,
        });
    }
}

/// One of `choices`, each as likely as the others.
pub fn one_of<T: Copy>(rng: &mut SmallRng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}

#[cfg(test)]
mod tests;
