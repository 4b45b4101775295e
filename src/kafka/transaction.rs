//! Transactions of a [`Producer`] (P12): what is produced and the offsets of what was read become
//! visible together, or not at all.
//!
//! Every call here but [`Producer::begin_transaction`] may wait for brokers, up to its bound; the
//! producer's own thread reports deliveries meanwhile. A call that asks to be made
//! [again](Remedy::Again) goes on where it was: it is to be made with the same arguments.

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::Consumer as _;

use super::consumer::with_offsets;
use super::log::PARTITION;
use super::native::{milliseconds, text};
use super::{
    ClientError, Code, Consumer, Entry, NewRecord, Producer, SendError, Tag, TopicPartition,
};

/// What a step of a transaction that failed asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Make the same call again.
    Again,
    /// [Abort](Producer::abort_transaction): nothing of the transaction will be visible.
    Abort,
    /// This client is of no further use. Whether a commit under way has come through is known
    /// only when a new client has [begun](Producer::init_transactions).
    Renew,
}

/// A step of a transaction that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TransactionError {
    pub error: ClientError,
    pub remedy: Remedy,
}

impl TransactionError {
    fn new(call: &str, code: Code, text: &str, remedy: Remedy) -> Self {
        TransactionError {
            error: ClientError {
                code,
                fatal: remedy == Remedy::Renew,
                text: format!("{call} failed: {text}"),
            },
            remedy,
        }
    }
}

/// Which member of the group a consumer was at one moment, in which generation. A broker takes a
/// transaction's offsets only while the group is still of that generation.
///
/// The moment matters: brokers accept a newer membership together with a partition that is no
/// longer the member's.
pub struct Membership(NonNull<ffi::rd_kafka_consumer_group_metadata_t>);

// SAFETY: it is a value of librdkafka's, bound to no client and no thread, and never changed.
unsafe impl Send for Membership {}

impl Membership {
    /// None where the client is no member just now. A membership without a name would be taken by
    /// a broker from anybody, at any time.
    pub(super) fn of(client: *mut ffi::rd_kafka_t) -> Option<Self> {
        // SAFETY: the client is alive; the metadata is ours to destroy.
        let metadata = unsafe { ffi::rd_kafka_consumer_group_metadata(client) };
        let membership = Membership(NonNull::new(metadata)?);
        // SAFETY: the metadata is alive, and so is its string.
        let (generation, member) = unsafe {
            (
                ffi::rd_kafka_consumer_group_metadata_generation_id(metadata),
                CStr::from_ptr(ffi::rd_kafka_consumer_group_metadata_member_id(metadata)),
            )
        };
        (generation >= 0 && !member.is_empty()).then_some(membership)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // SAFETY: the metadata is ours and is destroyed only here.
        unsafe { ffi::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}

impl Consumer {
    /// Who we are in the group, for offsets that go with a transaction; None where the partitions
    /// are not ours any more. To be taken while every partition that it is meant for is ours: not
    /// given back yet, nor answered for in a rebalance under way.
    pub fn membership(&self) -> Option<Membership> {
        let membership = Membership::of(self.base.client().native_ptr());
        // In this order: whoever loses the assignment forgets its membership first, on one thread
        // with the answer to that question.
        membership.filter(|_| !self.assignment_lost())
    }
}

impl Producer {
    /// Takes the transactional id for this client: others with the same are fenced, and what they
    /// had begun is over, either way, when this returns. Once, before everything else.
    pub fn init_transactions(&self, bound: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        let error = unsafe { ffi::rd_kafka_init_transactions(self.native(), milliseconds(bound)) };
        outcome("taking the transactional id", error)
    }

    /// What is sent from now on is of one transaction. Never waits.
    pub fn begin_transaction(&self) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        let error = unsafe { ffi::rd_kafka_begin_transaction(self.native()) };
        outcome("beginning a transaction", error)
    }

    /// Adds entries of a [`Log`](super::Log), in their order, to the transaction; `topic` is an index
    /// into the producer's list. Waits for room, up to `bound`, where there is none. That they are
    /// acknowledged is a matter of the commit, which fails where one is not.
    pub fn send_entries(
        &self,
        topic: usize,
        entries: &[Entry],
        bound: Duration,
    ) -> Result<(), TransactionError> {
        let sent = entries.iter().try_for_each(|(key, value)| {
            let record = NewRecord::new(Some(key), value.as_deref());
            let send = || self.send(topic, Some(PARTITION), record, Tag::new(0, 0));
            match send() {
                Err(SendError::QueueFull) if self.flush(bound).is_ok() => send(),
                sent => sent,
            }
        });
        sent.map_err(|error| {
            let remedy = match error {
                SendError::Fatal(_) => Remedy::Renew,
                _ => Remedy::Abort,
            };
            TransactionError::new("adding to a log", error.code(), &error.to_string(), remedy)
        })
    }

    /// Adds the offsets, each the next to be read, to the transaction. `membership` was taken while
    /// the partitions were the consumer's.
    pub fn send_offsets(
        &self,
        offsets: &[(TopicPartition, i64)],
        membership: &Membership,
        bound: Duration,
    ) -> Result<(), TransactionError> {
        let call = "sending offsets with a transaction";
        let list = with_offsets(offsets).map_err(|error| {
            let code = error.code().unwrap_or(Code::InvalidArgument);
            TransactionError::new(call, code, &error.to_string(), Remedy::Abort)
        })?;
        // SAFETY: the client, the list and the metadata are alive for all of this call, and
        // librdkafka copies what it keeps.
        let error = unsafe {
            ffi::rd_kafka_send_offsets_to_transaction(
                self.native(),
                list.ptr(),
                membership.0.as_ptr(),
                milliseconds(bound),
            )
        };
        outcome(call, error)
    }

    /// Makes the transaction visible. [Flush](Producer::flush) first: with records outstanding
    /// this waits in steps of 100 ms.
    pub fn commit_transaction(&self, bound: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        let error = unsafe { ffi::rd_kafka_commit_transaction(self.native(), milliseconds(bound)) };
        outcome("committing a transaction", error)
    }

    /// Ends the transaction as if it had never been. Records that are not acknowledged yet are
    /// reported as failed.
    pub fn abort_transaction(&self, bound: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        let error = unsafe { ffi::rd_kafka_abort_transaction(self.native(), milliseconds(bound)) };
        outcome("aborting a transaction", error)
    }
}

/// Takes librdkafka's error over. What it neither calls retriable nor abortable is final for this
/// client, whether it says "fatal" or not: a call out of turn, for one.
fn outcome(call: &'static str, error: *mut ffi::rd_kafka_error_t) -> Result<(), TransactionError> {
    let Some(error) = NonNull::new(error) else {
        return Ok(());
    };
    let error = error.as_ptr();
    // SAFETY: the error is ours, alive until it is destroyed here, and so is its string.
    unsafe {
        let remedy = if ffi::rd_kafka_error_txn_requires_abort(error) != 0 {
            Remedy::Abort
        } else if ffi::rd_kafka_error_is_retriable(error) != 0 {
            Remedy::Again
        } else {
            Remedy::Renew
        };
        let string: *const c_char = ffi::rd_kafka_error_string(error);
        let code = ffi::rd_kafka_error_code(error).into();
        let failure = TransactionError::new(call, code, &text(string), remedy);
        ffi::rd_kafka_error_destroy(error);
        Err(failure)
    }
}
