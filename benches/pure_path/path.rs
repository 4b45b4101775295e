//! A pipeline's work on records, without Kafka and actors.

use chrono_tz::Tz;
use greenroom::counts::Accumulator;
use greenroom::generator::{Event, Generator, Kind, Profile};
use greenroom::pipeline::{Compiled, Now, Options, Outcome, Preset, Spec, Worker};
use greenroom::record::{Outgoing, Records};

const BATCH: usize = 1000;
const DAY: i64 = 86_400;

/// A worker with its buffers, which keep their memory from batch to batch.
pub struct Path {
    worker: Worker,
    out: Outgoing,
    counts: Accumulator,
}

impl Path {
    pub fn new(pipeline: &Compiled) -> Path {
        Path {
            worker: pipeline.worker(),
            out: Outgoing::default(),
            counts: Accumulator::default(),
        }
    }

    /// Says how many of the records were emitted.
    pub fn work(&mut self, records: &Records) -> usize {
        let now = Now::from_unix_nanos(1_704_164_645_678_901_234);
        self.out.clear();
        let mut emitted = 0;
        for (index, record) in records.iter().enumerate() {
            let Path {
                worker,
                out,
                counts,
            } = self;
            let outcome = worker.process(record, index, now, out, Some(counts));
            emitted += usize::from(outcome == Outcome::Emitted);
        }
        emitted
    }

    /// Hands its counts on, as a worker does after each batch.
    pub fn finish_batch(&mut self) {
        self.counts.take();
    }
}

pub fn compile(toml: &str, name: &str) -> Compiled {
    let spec = Spec::parse(toml, name).expect("presets are without mistakes");
    let options = Options {
        hash_key: Some(b"0123456789abcdef0123456789abcdef".to_vec().into()),
        hash_key_id: None,
        timezone: Tz::UTC,
    };
    spec.compile(&options).expect("the key is there")
}

/// The preset with none of its steps, then with one more each, at last with its counts: what each
/// adds is the difference. With the name of what was added.
pub fn growing(preset: &Preset) -> Vec<(String, Compiled)> {
    let (steps, _) = preset
        .toml
        .split_once("[[count]]")
        .unwrap_or((preset.toml, ""));
    let starts = steps.match_indices("[[step]]").map(|(start, _)| start);
    let mut all: Vec<(String, Compiled)> = starts
        .chain([steps.len()])
        .map(|end| compile(&steps[..end], preset.name))
        .map(|pipeline| (last_step(&pipeline), pipeline))
        .collect();
    if steps.len() < preset.toml.len() {
        let whole = compile(preset.toml, preset.name);
        all.push(("counts".to_owned(), whole));
    }
    all
}

fn last_step(pipeline: &Compiled) -> String {
    let last = pipeline.steps().last();
    last.unwrap_or("read and write").to_owned()
}

/// Login events as the usual generators make them, over a day.
pub fn events(batches: usize) -> Vec<Records> {
    let mut generator = Generator::new(Profile {
        trace: false,
        ..Profile::new(Kind::Usual, 1)
    });
    let mut event = Event::default();
    let mut time = 0;
    let mut batch = || {
        let mut records = Records::default();
        for offset in 0..BATCH {
            time += 7;
            generator.fill(&mut event, 1_694_479_551 + time % DAY);
            records.push(offset as i64, None, None, event.value.as_deref());
        }
        records
    };
    (0..batches).map(|_| batch()).collect()
}
