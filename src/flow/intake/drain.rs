//! The drain: reading ends, and what is in flight is finished.

use std::time::Duration;

use super::{Action, Intake, Phase};

impl Intake {
    /// Stops reading for good; [`Action::Drained`] follows once all is settled and committed.
    pub fn drain(&mut self, now: Duration) {
        self.draining = true;
        for lane in self.lanes.values_mut() {
            lane.phase = Phase::Leaving;
        }
        self.progress(now);
    }

    pub(super) fn advance_drain(&mut self) {
        if self.ledger.in_flight() > 0 || self.committing {
            return;
        }
        let offsets = self.ledger.committable();
        if offsets.is_empty() {
            self.drained = true;
            self.actions.push(Action::Drained);
        } else {
            self.commit_offsets(offsets);
        }
    }
}
