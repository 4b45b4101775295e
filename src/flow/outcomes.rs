//! What became of records, in numbers.

use std::collections::BTreeMap;

/// How many records came to which end. Each record has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Their output was written.
    pub produced: u64,
    /// By reason: a pipeline's word, never a record's (P10).
    pub filtered: BTreeMap<String, u64>,
    /// Their dead letter was written. By error type.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl Outcomes {
    pub fn add(&mut self, more: Outcomes) {
        self.produced += more.produced;
        for (reason, records) in more.filtered {
            *self.filtered.entry(reason).or_default() += records;
        }
        for (error_type, records) in more.rejected {
            *self.rejected.entry(error_type).or_default() += records;
        }
    }
}
