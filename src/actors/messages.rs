//! The messages of the data path, in the order in which a record meets them.

use std::sync::{Arc, Weak};

use actix::Message;

use crate::counts::Delta;
use crate::flow::generation::Lease;
use crate::flow::intake::Dispatch;
use crate::flow::{Batch, Partition, Suspicion};
use crate::kafka::Membership;
use crate::pipeline::Rejection;
use crate::record::Outgoing;

/// consumer → transformer: work on this part of a batch. It names the batch and does not keep it,
/// or the mailbox of a worker that hangs would keep the credit of all that waits there (P4).
#[derive(Message)]
#[rtype(result = "()")]
pub struct Work {
    incarnation: u64,
    batch: Weak<Batch>,
    part: usize,
    suspects: Vec<(i64, Suspicion)>,
}

impl Work {
    pub fn of(dispatch: Dispatch) -> Work {
        Work {
            incarnation: dispatch.incarnation,
            batch: Arc::downgrade(&dispatch.batch),
            part: dispatch.part,
            suspects: dispatch.suspects,
        }
    }

    /// None where the batch is gone: it was rewound, or a replay has delivered it.
    pub fn take_up(self) -> Option<Arc<Dispatch>> {
        Some(Arc::new(Dispatch {
            incarnation: self.incarnation,
            batch: self.batch.upgrade()?,
            part: self.part,
            suspects: self.suspects,
        }))
    }
}

/// transformer → producer: the outputs of a part of a batch, and whether dead letters of it follow.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Processed {
    pub batch: Arc<Batch>,
    pub outputs: Outgoing,
    pub rejected: bool,
}

/// transformer → error router: the records of a part that were rejected, in offset order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Rejected {
    pub batch: Arc<Batch>,
    pub records: Vec<RejectedRecord>,
}

/// A record of the batch, why it was rejected, and how many workers died at it.
pub struct RejectedRecord {
    pub index: usize,
    pub attempts: u32,
    pub rejection: Rejection,
    /// Its dead letter did not fit its topic: it goes without its value.
    pub omit_value: bool,
}

/// error router → producer: a part's dead letters, all of them.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DeadLetters {
    pub batch: Arc<Batch>,
    pub letters: Outgoing,
}

/// transformer → aggregator: what a part of a batch counts.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Counted {
    pub batch: Arc<Batch>,
    pub delta: Delta,
}

/// aggregator → producer: a summary to publish.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Summary {
    pub topic: u16,
    pub value: Vec<u8>,
}

/// consumer → aggregator: a generation begins; answer with
/// [`Report::Restored`](crate::flow::Report::Restored).
#[derive(Message)]
#[rtype(result = "()")]
pub struct Restore {
    pub partition: Partition,
    pub lease: Lease,
    pub start: i64,
}

/// consumer → producer: the commit interval has passed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;

/// consumer → producer: this transaction may be committed, by us as this member of the group; none
/// where we are no member any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Allow {
    pub transaction: u64,
    pub membership: Option<Membership>,
}

/// consumer → producer, aggregator: some leases are over; forget their work and give it up.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Fence;

/// consumer → aggregator: somebody waits until all is settled; store counts as soon as they come,
/// until the next [`Fence`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hurry;
