//! What transactions ask of the ledger: whether all of one is counted, and what became of it.

use std::time::Duration;

use super::{Action, Intake};
use crate::flow::{End, Partition, Report};

impl Intake {
    /// The broker says what is committed, where nobody here knows; it is read again from there.
    pub fn rewind_to(&mut self, committed: &[(Partition, i64)], now: Duration) {
        for (partition, offset) in committed {
            self.ledger.stands_at(*partition, *offset);
        }
        self.report(Report::Undecided, now);
    }

    /// Nothing of a rewound lane is counted in its old generation: its transaction is aborted.
    pub(super) fn allow_what_is_counted(&mut self) {
        let counted = |(_, ends): &mut (u64, Vec<End>)| {
            let mut ends = ends.iter();
            ends.all(|(id, _)| self.ledger.is_counted(*id))
        };
        if let Some((transaction, _)) = self.whole.take_if(counted) {
            self.actions.push(Action::Allow(transaction));
        }
    }

    /// What was rewound while the commit was under way is final all the same: not to be made a
    /// second time (P12).
    pub(super) fn committed_with(&mut self, ends: &[End]) {
        for end in ends {
            let partition = end.0.partition;
            if !self.ledger.committed_with(*end) {
                self.rewind(partition);
            }
            self.heritage.suspects.forget(partition, end.1);
        }
    }
}
