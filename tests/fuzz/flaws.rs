//! Values of records: samples of the presets and the generator's records, most with flaws.

use greenroom::generator::{Event, Generator, Kind, Profile};
use greenroom::pipeline::PRESETS;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

/// Pieces of JSON, whole and broken, and what is no text at all.
const PIECES: [&[u8]; 28] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\\ude00",
    b"\\u0000",
    b"null",
    b"true",
    b"NaN",
    b"-",
    b"0",
    b"1e400",
    b"123456789012345678901234567890",
    b".",
    b"\x00",
    b"\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xed\xa0\x80",
    b"{\"\":{}}",
    b"\"ip\":",
    b"\"i\\u0070\":",
];

/// One of this many records has no flaw.
const FLAWLESS: u32 = 8;

/// Makes values; the same ones for the same seeds.
pub struct Flaws {
    samples: Vec<Vec<u8>>,
}

impl Flaws {
    pub fn new() -> Self {
        let lines = PRESETS.iter().flat_map(|preset| preset.sample.lines());
        let samples: Vec<_> = lines.flat_map(of_line).collect();
        assert!(!samples.is_empty(), "the presets have samples");
        Flaws { samples }
    }

    /// The value of the record of this seed; None is a tombstone.
    pub fn value(&self, seed: u64) -> Option<Vec<u8>> {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut value = self.sound(&mut rng)?;
        if !rng.random_ratio(1, FLAWLESS) {
            for _ in 0..rng.random_range(1..5) {
                self.spoil(&mut value, &mut rng);
            }
        }
        Some(value)
    }

    fn sound(&self, rng: &mut SmallRng) -> Option<Vec<u8>> {
        let kind = match rng.random_range(0..8) {
            0..4 => return Some(self.sample(rng)),
            4 => return Some(noise(rng)),
            5 => Kind::Usual,
            6 => Kind::Sample,
            _ => Kind::Hostile,
        };
        let profile = Profile {
            large_share: 0.0,
            ..Profile::new(kind, rng.next_u64())
        };
        let mut event = Event::default();
        Generator::new(profile).fill(&mut event, 1_694_479_551);
        event.value
    }

    fn sample(&self, rng: &mut SmallRng) -> Vec<u8> {
        let sample = self.samples.choose(rng);
        sample.expect("there are samples").clone()
    }

    fn spoil(&self, value: &mut Vec<u8>, rng: &mut SmallRng) {
        let start = rng.random_range(0..=value.len());
        let end = rng.random_range(start..=value.len()).min(start + 40);
        match rng.random_range(0..6) {
            0 => drop(value.drain(start..end)),
            1 => value.truncate(start),
            2 => value.extend_from_within(start..end),
            3 => drop(value.splice(start..start, self.sample(rng))),
            4 => value[start..]
                .iter_mut()
                .take(1)
                .for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
            _ => drop(value.splice(start..end, piece(rng))),
        }
    }
}

/// A line of a sample, and the value within it where it is an envelope.
fn of_line(line: &str) -> Vec<Vec<u8>> {
    let read: Option<serde_json::Value> = serde_json::from_str(line).ok();
    let value = read.and_then(|line| Some(line.get("value")?.as_str()?.to_owned().into_bytes()));
    value
        .into_iter()
        .chain([line.as_bytes().to_vec()])
        .collect()
}

fn piece(rng: &mut SmallRng) -> Vec<u8> {
    PIECES.choose(rng).expect("there are pieces").to_vec()
}

fn noise(rng: &mut SmallRng) -> Vec<u8> {
    let pieces = rng.random_range(0..30);
    (0..pieces).flat_map(|_| piece(rng)).collect()
}
