//! A record's value through every pipeline there is, and what must hold of whatever comes out.
//! The fuzz target and `tests/fuzz/` share it.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use greenroom::counts::{Accumulator, Counts, Delta};
use greenroom::flow::Partition;
use greenroom::pipeline::{
    Compiled, LetterWriter, Now, Options, Outcome, PRESETS, Rejected, Rejection, Spec, Worker,
    guide,
};
use greenroom::record::{Outgoing, Records};
use serde_json::value::RawValue;

const HEAD: &str = "name = \"t\"\ngroup = \"g\"\ninput = [\"in\"]\noutput = \"out\"\n";

const NOW: Now = Now::from_unix_nanos(1_704_164_645_678_901_234);

/// The output's place among a pipeline's topics.
const OUTPUT: u16 = 0;

/// The longest detail of an error, in bytes.
const MAX_DETAIL: usize = 512;

/// The presets, every example of the guide, so that no step is left out, and all steps in a row.
pub struct Pipelines(Vec<Desk>);

/// A pipeline at work.
struct Desk {
    name: String,
    pipeline: Compiled,
    worker: Worker,
    letters: LetterWriter,
}

/// What became of a record.
#[derive(Debug, PartialEq)]
struct Worked {
    outcome: Outcome,
    /// By topic; None is a tombstone.
    written: Vec<(u16, Option<Vec<u8>>)>,
}

impl Pipelines {
    pub fn new() -> Self {
        let guide = guide();
        let blocks = guide.split("```toml\n").skip(1);
        let examples = blocks.filter_map(|block| Some(block.split_once("\n```")?.0));
        let examples: Vec<_> = examples.collect();
        assert!(!examples.is_empty(), "the guide has examples");
        let steps = examples.iter().filter(|toml| toml.starts_with("[[step]]"));
        let all_steps: Vec<_> = steps.copied().collect();
        let mut desks: Vec<_> = PRESETS
            .iter()
            .map(|preset| Desk::new(preset.name, preset.toml))
            .collect();
        for toml in examples
            .into_iter()
            .map(str::to_owned)
            .chain([all_steps.join("\n")])
        {
            desks.push(Desk::new(&toml, &format!("{HEAD}{toml}")));
        }
        Pipelines(desks)
    }

    /// Works on a record with this value in every pipeline; None is a tombstone.
    ///
    /// # Panics
    /// Where a pipeline panics, or what it did is not in order.
    pub fn work(&mut self, value: Option<&[u8]>) {
        for desk in &mut self.0 {
            desk.work(value);
        }
    }
}

impl Desk {
    fn new(name: &str, toml: &str) -> Self {
        let options = Options {
            hash_key: Some(vec![7; 32].into()),
            hash_key_id: None,
            timezone: Tz::UTC,
        };
        let spec = Spec::parse(toml, name).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let pipeline = spec.compile(&options);
        let pipeline = pipeline.unwrap_or_else(|errors| panic!("{errors:#?}"));
        Desk {
            name: name.to_owned(),
            worker: pipeline.worker(),
            letters: LetterWriter::new(pipeline.clone(), 1 << 20),
            pipeline,
        }
    }

    fn work(&mut self, value: Option<&[u8]>) {
        let mut records = Records::default();
        records.push(0, None, Some(b"key"), value);
        let mut counted = Accumulator::default();
        let worked = process(&mut self.worker, &records, Some(&mut counted));
        let delta = counted.take();
        self.check_written(&worked);
        self.check_summary(&delta);
        if let Outcome::Rejected(rejection) = &worked.outcome {
            self.check_rejected(rejection, &records, &delta);
        }
        // Nothing is left of the records before, and counting changes no result.
        let fresh = process(&mut self.pipeline.worker(), &records, None);
        assert_eq!(fresh, worked, "{}", self.name);
    }

    fn check_summary(&self, delta: &Delta) {
        let mut counts = Counts::default();
        counts.merge(delta);
        let summary = self.pipeline.summarise(&counts);
        assert!(is_object(summary.as_bytes()), "{}: {summary}", self.name);
    }

    /// What is written is what the outcome says, and JSON.
    fn check_written(&self, Worked { outcome, written }: &Worked) {
        let topics: Vec<_> = written.iter().map(|(topic, _)| *topic).collect();
        match outcome {
            Outcome::Emitted => assert_eq!(topics, [OUTPUT], "{}", self.name),
            Outcome::Filtered(_) => assert!(!topics.contains(&OUTPUT), "{}", self.name),
            Outcome::Rejected(_) => assert!(topics.is_empty(), "{}", self.name),
        }
        for value in written.iter().filter_map(|(_, value)| value.as_deref()) {
            assert!(is_object(value), "{}: {}", self.name, value.escape_ascii());
        }
    }

    /// A rejected record is in no count but that of rejections, and has a dead letter.
    fn check_rejected(&mut self, rejection: &Rejection, records: &Records, delta: &Delta) {
        for (path, n) in &delta.added {
            let [_, error_type] = &**path else {
                panic!("{}: {path:?} counts a rejected record", self.name);
            };
            assert_eq!((&**error_type, *n), (rejection.error_type.as_str(), 1));
        }
        assert!(rejection.detail.len() <= MAX_DETAIL, "{}", self.name);
        let rejected = Rejected {
            partition: Partition { topic: 0, id: 0 },
            index: 0,
            rejection,
            attempts: 1,
            omit_value: false,
        };
        let mut letters = Outgoing::default();
        let source = records.get(0);
        self.letters.write(source, &rejected, "now", &mut letters);
        assert_eq!(letters.len(), 1, "{}", self.name);
        let letter = letters.get(0, records);
        assert!(usize::from(letter.topic()) < self.pipeline.topics().len());
        assert!(
            letter
                .headers()
                .any(|(name, _)| name == b"greenroom.error.type")
        );
    }
}

fn process(worker: &mut Worker, records: &Records, counts: Option<&mut Accumulator>) -> Worked {
    let mut out = Outgoing::default();
    let outcome = worker.process(records.get(0), 0, NOW, &mut out, counts);
    let written = (0..out.len()).map(|index| out.get(index, records));
    let written = written.map(|record| (record.topic(), record.value().map(<[u8]>::to_vec)));
    let written: Vec<_> = written.collect();
    let values = written.iter().filter_map(|(_, value)| value.as_ref());
    let bytes: usize = values.map(Vec::len).sum();
    assert_eq!(out.written(), bytes, "something was begun and not written");
    Worked { outcome, written }
}

/// Whether serde_json takes it for an object, members' names in earnest.
fn is_object(json: &[u8]) -> bool {
    serde_json::from_slice::<BTreeMap<String, &RawValue>>(json).is_ok()
}
