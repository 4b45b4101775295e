//! Everything that came out for some inputs, against what is due.

use std::collections::{BTreeMap, HashMap};

use super::comparison::{Judged, Written};
use super::counts::Counts;
use super::expected::During;
use super::{Outcome, Preset, Rejection};
use crate::harness::Id;

/// What is due, and what came of it.
pub struct Results {
    preset: &'static Preset,
    judged: Vec<Judged>,
    pub tally: Tally,
    got: HashMap<Id, Vec<Written>>,
    during: During,
}

/// What is due of all inputs together.
#[derive(Debug, Default)]
pub struct Tally {
    pub counts: Counts,
    pub done: u64,
    pub filtered: u64,
    pub rejected: BTreeMap<&'static str, u64>,
}

impl Results {
    /// Judges the inputs by the preset's rules. The records were written in this span of time.
    pub fn new(
        preset: &'static Preset,
        inputs: Vec<Written>,
        written: Vec<Written>,
        during: During,
    ) -> Results {
        let mut tally = Tally::default();
        let judged = inputs.into_iter().map(|input| tally.judge(preset, input));
        let judged = judged.collect();
        let mut got: HashMap<Id, Vec<Written>> = HashMap::new();
        for record in written {
            got.entry(record.id()).or_default().push(record);
        }
        Results {
            preset,
            judged,
            tally,
            got,
            during,
        }
    }

    /// Every result is what is due, and nothing that is due is missing.
    pub fn assert_as_due(&self) {
        let mut differences = Vec::new();
        for judged in &self.judged {
            let got = self.of(judged.id);
            if got.is_empty() && judged.is_written() {
                differences.push(format!("{:?} is missing: {:?}", judged.id, judged.outcome));
            }
            let compare = |got| judged.difference(self.preset, got, &self.during);
            differences.extend(got.iter().filter_map(compare));
        }
        assert_none(self.preset.name, &differences);
    }

    pub fn assert_no_duplicate(&self) {
        let twice = self.got.values().filter(|got| got.len() > 1).count();
        assert_eq!(twice, 0, "inputs with more than one result");
    }

    /// Byte for byte what others hold of the same inputs, but for the times of the work.
    pub fn assert_same_in(&self, others: &Results) {
        let mut differences = Vec::new();
        for judged in &self.judged {
            match (self.of(judged.id), others.of(judged.id)) {
                ([one], [other]) => differences.extend(judged.difference_between(one, other)),
                ([], []) => {}
                (one, other) => differences.push(format!("{one:?} and {other:?}")),
            }
        }
        assert_none(self.preset.name, &differences);
    }

    pub fn assert_counts(&self, counts: &Counts) {
        let counts = counts.only(self.preset.counts);
        assert_none(self.preset.name, &self.tally.counts.differences(&counts));
    }

    /// In the order of their offsets.
    pub fn inputs_of(&self, partition: i32) -> Vec<Written> {
        let judged = self.judged.iter().filter(|judged| judged.id.0 == partition);
        judged.map(|judged| judged.input.clone()).collect()
    }

    fn of(&self, id: Id) -> &[Written] {
        self.got.get(&id).map_or(&[], Vec::as_slice)
    }
}

impl Tally {
    fn judge(&mut self, preset: &Preset, input: Written) -> Judged {
        let outcome = (preset.rules)(input.value.as_deref(), &mut self.counts);
        match &outcome {
            Outcome::Done(..) => self.done += 1,
            Outcome::Filtered(_) => self.filtered += 1,
            Outcome::Rejected(Rejection { error_type, .. }) => {
                *self.rejected.entry(error_type).or_default() += 1;
            }
        }
        Judged {
            id: input.id(),
            input,
            outcome,
        }
    }
}

/// Fails with the first few of the differences, if there are any.
fn assert_none(what: &str, differences: &[String]) {
    let first: Vec<_> = differences.iter().take(5).map(String::as_str).collect();
    assert!(
        differences.is_empty(),
        "{what}: {} differences, the first are\n{}",
        differences.len(),
        first.join("\n")
    );
}
