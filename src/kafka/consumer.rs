//! The consumer: one queue for all partitions' records, and events that wait for their answer.
//!
//! librdkafka's rebalance waits from its event to our assign or unassign, which may come much
//! later and from outside the callback: the join state stays at "wait for the call", heartbeats
//! and commits go on, and polling is allowed. So a revoked partition is drained in the caller's
//! own loop, without a nested one inside a callback.
//!
//! Two traps shape this file. A batch read of the consumer's own queue swallows rebalance events
//! and answers them with a silent unassign: records are read from a queue of ours, events only by
//! polling. And librdkafka forgets where a partition forwards to when it is unassigned, so that
//! is said again around every assign; once said, records never fall back to the consumer's queue.

use std::sync::mpsc;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, RebalanceProtocol};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::context::{ControlEvent, Inbox};
use super::fetch::{Fetch, Message};
use super::native::{Queue, Topic, milliseconds};
use super::{ClientError, Code, Error, Settings, TopicPartition, properties};

mod places;

/// How long a call to librdkafka's own thread may take; it needs no broker.
const LOCAL_CALL: Duration = Duration::from_secs(5);

/// A member of a consumer group.
///
/// All methods belong to one thread, which calls [`Consumer::events`] at least every
/// `max.poll.interval.ms`.
pub struct Consumer {
    // Handles first: they must be gone before the client closes.
    taken: Vec<Message>,
    queue: Queue,
    topics: Vec<Topic>,
    pub(super) base: BaseConsumer<Inbox>,
}

impl Consumer {
    /// Makes the client; connects in the background.
    ///
    /// # Errors
    /// Where a property is wrong.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let base: BaseConsumer<Inbox> = properties::consumer(settings)
            .create_with_context(Inbox::default())
            .map_err(|error| Error::from_kafka("making a consumer", error))?;
        Ok(Consumer {
            taken: Vec::new(),
            // SAFETY: the client lives in the same struct, in a later field.
            queue: unsafe { Queue::new(base.client().native_ptr()) },
            topics: Vec::new(),
            base,
        })
    }

    /// Joins the group for `topics`; once. Their order gives the indices in [`Fetch::runs`].
    pub fn subscribe(&mut self, topics: &[&str]) -> Result<(), Error> {
        self.attach(topics)?;
        let subscribed = self.base.subscribe(topics);
        subscribed.map_err(|error| Error::from_kafka("subscribing", error))
    }

    /// Names `topics` without joining the group: their partitions are read from where
    /// [`Consumer::assign`] says, whoever else reads them, and each call of that replaces what
    /// was assigned before.
    pub fn attach(&mut self, topics: &[&str]) -> Result<(), Error> {
        let client = self.base.client().native_ptr();
        self.topics = topics
            .iter()
            // SAFETY: the client lives in the same struct, in a later field.
            .map(|topic| unsafe { Topic::new(client, topic) })
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Serves the client and returns what has happened since the last call. Never waits.
    pub fn events(&mut self) -> Vec<ControlEvent> {
        let inbox = self.base.context();
        loop {
            let served = inbox.served();
            if let Some(Ok(stray)) = self.base.poll(Duration::ZERO) {
                inbox.push(ControlEvent::Error(misrouted(&stray)));
            } else if inbox.served() == served {
                break;
            }
        }
        let mut events = inbox.take();
        for event in &mut events {
            if let ControlEvent::Error(error) = event {
                name_fatal(error, || self.base.client().fatal_error());
            }
        }
        events
    }

    /// Answers [`ControlEvent::Assign`]: reads each partition from the offset given, the first to
    /// be read. Give all partitions of the event, even where there are none.
    pub fn assign(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), Error> {
        let list = with_offsets(starts)?;
        self.forward(starts);
        let assigned = match self.base.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.base.incremental_assign(&list),
            _ => self.base.assign(&list),
        };
        self.forward(starts);
        self.base.context().answered();
        assigned.map_err(|error| Error::from_kafka("assigning partitions", error))
    }

    /// Answers [`ControlEvent::Revoke`]. Where the group's protocol is eager, all partitions go.
    pub fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let unassigned = match self.base.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.base.incremental_unassign(&list(partitions)),
            _ => self.base.unassign(),
        };
        self.base.context().answered();
        unassigned.map_err(|error| Error::from_kafka("giving partitions back", error))
    }

    /// Waits up to `wait` for a message, then takes what else is already there, `max` at most.
    pub fn read(&mut self, wait: Duration, max: usize) -> Fetch<'_> {
        self.gather(wait, Duration::ZERO, max)
    }

    /// As [`Consumer::read`], but the first message waits up to `company` for others.
    pub fn gather(&mut self, wait: Duration, company: Duration, max: usize) -> Fetch<'_> {
        self.taken.clear();
        self.taken.reserve(max);
        // A batch read waits until the batch is full. So one message is waited for by itself.
        if self.take(milliseconds(wait), max.min(1)) == 1 {
            self.take(milliseconds(company), max - 1);
        }
        Fetch {
            messages: &mut self.taken,
            topics: &self.topics,
        }
    }

    /// Appends up to `max` messages to `taken`, which has room for them.
    fn take(&mut self, wait: i32, max: usize) -> usize {
        let room = self.taken.spare_capacity_mut();
        let max = max.min(room.len());
        // SAFETY: a Message is a transparent non-null pointer; librdkafka writes at most `max`
        // pointers to the spare capacity and returns how many. They are ours to destroy.
        unsafe {
            let first = room.as_mut_ptr().cast();
            let count = ffi::rd_kafka_consume_batch_queue(self.queue.ptr(), wait, first, max);
            let count = usize::try_from(count).unwrap_or(0);
            self.taken.set_len(self.taken.len() + count);
            count
        }
    }

    /// Commits the offsets, each the next to be read; [`ControlEvent::Committed`] says how it
    /// ended.
    pub fn commit(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        let list = with_offsets(offsets)?;
        let client = self.base.client().native_ptr();
        // The plain asynchronous commit reports its result to a callback only, which the event
        // interface has no place for: it would never be heard of. This one takes a queue.
        // SAFETY: the client is alive for all of this call, and the handle is dropped in it. No
        // callback is given, so the result comes as an event.
        let asked = Code::from(unsafe {
            let events = Queue::consumer(client);
            let nobody = std::ptr::null_mut();
            ffi::rd_kafka_commit_queue(client, list.ptr(), events.ptr(), None, nobody)
        });
        match asked {
            Code::NoError => Ok(()),
            code => Err(Error::call("committing", code)),
        }
    }

    /// As [`Consumer::commit`], and waits until the broker has answered.
    pub fn commit_and_wait(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), Error> {
        let committed = self.base.commit(&with_offsets(offsets)?, CommitMode::Sync);
        committed.map_err(|error| Error::from_kafka("committing", error))
    }

    /// Reads on from these offsets. What librdkafka had fetched of the partitions is dropped at
    /// once; messages taken before are the caller's to drop.
    ///
    /// # Errors
    /// `State` for a partition that is not ours, or that failed with `AutoOffsetReset` while the
    /// group's protocol is eager: make a new consumer then.
    pub fn seek(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), Error> {
        for (partition, offset) in offsets {
            let start = [(partition.clone(), *offset)];
            match self.seek_running(with_offsets(&start)?) {
                Err(error) if error.code() == Some(Code::State) => self.restart(&start)?,
                result => result?,
            }
        }
        Ok(())
    }

    fn seek_running(&self, offset: TopicPartitionList) -> Result<(), Error> {
        let failed = |error| Error::from_kafka("seeking", error);
        let sought = self
            .base
            .seek_partitions(offset, LOCAL_CALL)
            .map_err(failed)?;
        let elements = sought.elements();
        elements
            .iter()
            .try_for_each(|element| element.error().map_err(failed))
    }

    /// A partition whose offset was gone has stopped, and a stopped one takes no seek.
    fn restart(&mut self, start: &[(TopicPartition, i64)]) -> Result<(), Error> {
        let failed = |_| Error::call("seeking", Code::State);
        let list = with_offsets(start)?;
        self.base.incremental_unassign(&list).map_err(failed)?;
        self.forward(start);
        self.base.incremental_assign(&list).map_err(failed)?;
        self.forward(start);
        Ok(())
    }

    /// Stops fetching. What was fetched and not read is dropped, and fetched again after
    /// [`Consumer::resume`].
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let paused = self.base.pause(&list(partitions));
        paused.map_err(|error| Error::from_kafka("pausing", error))
    }

    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let resumed = self.base.resume(&list(partitions));
        resumed.map_err(|error| Error::from_kafka("resuming", error))
    }

    /// Whether the partitions were taken from us (the session ran out): others may own them
    /// already, so nothing may be committed.
    pub fn assignment_lost(&self) -> bool {
        self.base.assignment_lost()
    }

    /// Leaves the group and ends the client, giving unanswered rebalances up. Dropping does the
    /// same without a bound.
    ///
    /// # Errors
    /// Where it takes longer than `bound`: it then goes on in the background.
    pub fn close(self, bound: Duration) -> Result<(), Error> {
        let (closed, wait) = mpsc::channel();
        let closing = std::thread::Builder::new()
            .name("kafka-close".into())
            .spawn(move || {
                drop(self);
                // The waiter may have given up; then nobody wants to know.
                let _ = closed.send(());
            });
        closing.map_err(|_| Error::call("starting a thread", Code::CriticalSystemResource))?;
        wait.recv_timeout(bound)
            .map_err(|_| Error::Bound("closing the consumer"))
    }

    /// Lets the records of these partitions flow into our queue.
    fn forward(&self, partitions: &[(TopicPartition, i64)]) {
        let client = self.base.client().native_ptr();
        for (partition, _) in partitions {
            // SAFETY: the client is alive for all of this call, and the handle is dropped in it:
            // one that is kept would make the client's end wait for ever.
            let source = unsafe { Queue::partition(client, &partition.topic, partition.partition) };
            if let Some(source) = source {
                source.forward_to(&self.queue);
            }
        }
    }
}

impl Drop for Consumer {
    /// The client's own drop closes it, and polls until that is done. A rebalance that still waits
    /// for us must be answered here, or that would be never.
    fn drop(&mut self) {
        let waiting = self.base.context().close();
        // Closed twice, a client complains: so that is begun here only where it must be.
        if waiting && self.base.close_queue().is_ok() {
            // While closing librdkafka takes any assign for a full unassign.
            if let Err(error) = self.base.unassign() {
                tracing::warn!(%error, "partitions were not given back while closing");
            }
        }
    }
}

/// A record outside our queue would be missing in its batch, and its successors' commit would
/// lose it (P1). Forwarding rules it out; should it happen, the client must go.
fn misrouted(stray: &rdkafka::message::BorrowedMessage<'_>) -> ClientError {
    let (topic, partition, offset) = (stray.topic(), stray.partition(), stray.offset());
    ClientError {
        code: Code::Inconsistent,
        fatal: true,
        text: format!("{topic}/{partition} offset {offset} came among the client's events"),
    }
}

/// Puts the error behind "fatal" in its place.
pub(super) fn name_fatal(error: &mut ClientError, cause: impl FnOnce() -> Option<(Code, String)>) {
    if error.code != Code::Fatal {
        return;
    }
    error.fatal = true;
    if let Some((code, text)) = cause() {
        error.code = code;
        error.text = text;
    }
}

fn list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

pub(super) fn with_offsets(offsets: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(
            &partition.topic,
            partition.partition,
            Offset::Offset(*offset),
        )
        .map_err(|error| Error::from_kafka("naming an offset", error))?;
    }
    Ok(list)
}
