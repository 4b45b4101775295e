//! When results are final: the one thing in which the deliveries differ. A committer is chosen at
//! wiring, and nothing else asks which delivery it is.

use std::time::Duration;

use crate::actors::reports::Reports;
use crate::failpoint::{self, Stage};
use crate::flow::{Batch, Outbox, Report};
use crate::kafka::{self, ClientError, Membership};

/// How far a committer came.
#[derive(Debug)]
pub enum Progress {
    /// There is nothing to do until something happens.
    Rests,
    /// More may be sent now.
    Moved,
    /// This passes: to be tried again a moment later.
    Again(ClientError),
}

/// Decides which batch may be sent, and tells the consumer which of them are done with. It lives
/// and dies with a producer.
pub trait Committer {
    /// There is a new client.
    fn renewed(&mut self) {}

    /// Whether records of this batch may be sent now.
    fn admits(&self, _: &Batch) -> bool {
        true
    }

    /// Records of this batch are about to be sent.
    fn sending(&mut self, _: &Batch) {}

    /// Whether a summary may be sent now; if so, it is about to be.
    fn sending_summary(&mut self) -> bool {
        true
    }

    /// All of the batch's records are acknowledged.
    fn acknowledged(&mut self, batch: &Batch);

    /// The commit interval has passed.
    fn close(&mut self) {}

    /// This transaction may be committed, by us as this member of the group: none where we are no
    /// member any more.
    fn allow(&mut self, _transaction: u64, _: Option<Membership>) {}

    /// The transaction cannot be committed any more, and librdkafka takes nothing before it is
    /// aborted. False where there are no transactions.
    fn abort(&mut self) -> bool {
        false
    }

    /// Some leases are over. True where what librdkafka holds of them is to be given up with the
    /// client.
    fn fence(&mut self, outbox: &mut Outbox) -> bool;

    /// Does what is due; may wait for brokers, a few seconds at most.
    ///
    /// # Errors
    /// The client is of no further use.
    fn advance(&mut self, _: &kafka::Producer, _: &mut Outbox) -> Result<Progress, ClientError> {
        Ok(Progress::Rests)
    }

    /// Sends what is left, at the end of all (P8).
    ///
    /// # Errors
    /// Not all of it was sent within the bound.
    fn finish(&mut self, client: &kafka::Producer, bound: Duration) -> Result<(), String> {
        let flushed = failpoint::around(Stage::Flush, || client.flush(bound));
        flushed.map_err(|error| error.to_string())
    }
}

/// What is acknowledged is final. The consumer commits its offset some time later: whatever fails
/// in between is made a second time.
pub struct AtLeastOnce {
    reports: Reports,
}

impl AtLeastOnce {
    pub fn new(reports: Reports) -> Self {
        AtLeastOnce { reports }
    }
}

impl Committer for AtLeastOnce {
    fn acknowledged(&mut self, batch: &Batch) {
        self.reports.send(Report::Delivered(batch.id()));
    }

    /// A purge alone leaves an idempotent producer with a gap in its sequence numbers, which
    /// brokers refuse.
    fn fence(&mut self, outbox: &mut Outbox) -> bool {
        outbox.fence()
    }
}
