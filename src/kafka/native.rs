//! librdkafka's handles, each destroyed once.
//!
//! A handle that outlives its client is unsound, and one that is never destroyed makes the
//! client's own destruction wait for ever. So the owners here keep their handles in fields before
//! the client, and Rust drops fields in order.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::types::{RDKafka, RDKafkaEvent, RDKafkaMessage, RDKafkaQueue, RDKafkaTopic};

use super::{ClientError, Code, Error};

/// A topic by name, as librdkafka knows it.
pub(super) struct Topic {
    name: Arc<str>,
    handle: NonNull<RDKafkaTopic>,
}

// SAFETY: librdkafka's topics are reference-counted and may be used from any thread.
unsafe impl Send for Topic {}
// SAFETY: as above; nothing is changed through a shared reference.
unsafe impl Sync for Topic {}

impl Topic {
    /// # Safety
    /// `client` is alive, and stays so for longer than the topic.
    pub(super) unsafe fn new(client: *mut RDKafka, name: &str) -> Result<Self, Error> {
        let invalid = || Error::call("naming a topic", Code::InvalidTopic);
        let c_name = CString::new(name).map_err(|_| invalid())?;
        // SAFETY: the client is alive by contract; librdkafka copies the name.
        let handle =
            unsafe { ffi::rd_kafka_topic_new(client, c_name.as_ptr(), std::ptr::null_mut()) };
        Ok(Topic {
            name: name.into(),
            handle: NonNull::new(handle).ok_or_else(invalid)?,
        })
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn ptr(&self) -> *mut RDKafkaTopic {
        self.handle.as_ptr()
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: made by rd_kafka_topic_new and destroyed only here.
        unsafe { ffi::rd_kafka_topic_destroy(self.ptr()) }
    }
}

/// One of librdkafka's queues.
pub(super) struct Queue(NonNull<RDKafkaQueue>);

// SAFETY: librdkafka's queues are locked inside and may be used from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// A new queue that nothing flows into yet.
    ///
    /// # Safety
    /// `client` is alive, and stays so for longer than the queue.
    pub(super) unsafe fn new(client: *mut RDKafka) -> Self {
        // SAFETY: the client is alive by contract.
        let queue = unsafe { ffi::rd_kafka_queue_new(client) };
        Queue(NonNull::new(queue).expect("librdkafka aborts rather than return no queue"))
    }

    /// The queue of the client's own events.
    ///
    /// # Safety
    /// `client` is alive, and stays so for longer than the queue.
    pub(super) unsafe fn main(client: *mut RDKafka) -> Self {
        // SAFETY: the client is alive by contract.
        let queue = unsafe { ffi::rd_kafka_queue_get_main(client) };
        Queue(NonNull::new(queue).expect("every client has a main queue"))
    }

    /// The queue of a consumer's events.
    ///
    /// # Safety
    /// `client` is a member of a group, alive, and stays so for longer than the queue.
    pub(super) unsafe fn consumer(client: *mut RDKafka) -> Self {
        // SAFETY: the client is alive by contract.
        let queue = unsafe { ffi::rd_kafka_queue_get_consumer(client) };
        Queue(NonNull::new(queue).expect("every member of a group has this queue"))
    }

    /// The queue that a partition's records are fetched into; None where the name is invalid.
    ///
    /// # Safety
    /// `client` is a consumer, alive, and stays so for longer than the queue.
    pub(super) unsafe fn partition(
        client: *mut RDKafka,
        topic: &str,
        partition: i32,
    ) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client is alive by contract; librdkafka copies the name.
        let queue = unsafe { ffi::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition) };
        NonNull::new(queue).map(Queue)
    }

    pub(super) fn ptr(&self) -> *mut RDKafkaQueue {
        self.0.as_ptr()
    }

    /// Sends on to `target` what is in this queue and what will come.
    pub(super) fn forward_to(&self, target: &Queue) {
        // SAFETY: both queues are alive; librdkafka keeps its own reference to the target.
        unsafe { ffi::rd_kafka_queue_forward(self.ptr(), target.ptr()) }
    }

    /// Waits for an event, without a bound; None after [`Queue::wake`].
    pub(super) fn wait(&self) -> Option<Event> {
        self.poll(-1)
    }

    /// An event that is already there.
    pub(super) fn next(&self) -> Option<Event> {
        self.poll(0)
    }

    fn poll(&self, milliseconds: i32) -> Option<Event> {
        // SAFETY: the queue is alive; the event is ours to destroy.
        let event = unsafe { ffi::rd_kafka_queue_poll(self.ptr(), milliseconds) };
        NonNull::new(event).map(Event)
    }

    /// Ends the [`Queue::wait`] that is going on, or else the next one.
    pub(super) fn wake(&self) {
        // SAFETY: the queue is alive. The wake-up is a flag in the queue, so it is never missed.
        unsafe { ffi::rd_kafka_queue_yield(self.ptr()) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and is destroyed only here.
        unsafe { ffi::rd_kafka_queue_destroy(self.ptr()) }
    }
}

/// Something that happened in a client.
pub(super) struct Event(NonNull<RDKafkaEvent>);

impl Event {
    pub(super) fn ptr(&self) -> *mut RDKafkaEvent {
        self.0.as_ptr()
    }

    /// One of the `RD_KAFKA_EVENT_` constants.
    pub(super) fn kind(&self) -> i32 {
        // SAFETY: the event is alive.
        unsafe { ffi::rd_kafka_event_type(self.0.as_ptr()) }
    }

    /// The messages of a delivery report, each once.
    pub(super) fn messages(&mut self) -> impl Iterator<Item = &RDKafkaMessage> {
        std::iter::from_fn(|| {
            // SAFETY: the event is alive and owns the messages until it is destroyed, which the
            // borrow of self forbids while they are in use.
            unsafe { ffi::rd_kafka_event_message_next(self.0.as_ptr()).as_ref() }
        })
    }

    /// The error of an error event, or of a question's answer.
    pub(super) fn error(&self) -> ClientError {
        // SAFETY: the event is alive, and so are its strings until it is destroyed.
        let (code, text) = unsafe {
            (
                ffi::rd_kafka_event_error(self.0.as_ptr()),
                text(ffi::rd_kafka_event_error_string(self.0.as_ptr())),
            )
        };
        ClientError {
            code: code.into(),
            fatal: false,
            text,
        }
    }

    /// Level (as in syslog), facility and text of a log event.
    pub(super) fn log(&self) -> Option<(i32, String, String)> {
        let (mut facility, mut line) = (std::ptr::null(), std::ptr::null());
        let mut level = 0;
        // SAFETY: the event is alive, the pointers are ours to be written to, and the strings
        // live until the event is destroyed.
        unsafe {
            let refused =
                ffi::rd_kafka_event_log(self.0.as_ptr(), &mut facility, &mut line, &mut level);
            (refused == 0).then(|| (level, text(facility), text(line)))
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event came from rd_kafka_queue_poll and is destroyed only here.
        unsafe { ffi::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
/// `string` is null or a C string.
pub(super) unsafe fn text(string: *const std::ffi::c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: not null, so a C string by contract.
    let text = unsafe { CStr::from_ptr(string) };
    text.to_string_lossy().trim().to_owned()
}

/// A wait in librdkafka's unit.
pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
