//! The producer: copies records into librdkafka and reports deliveries in bulk.
//!
//! A thread of its own waits for librdkafka's events, so deliveries are reported whatever the
//! sender is doing. Each record carries a [`Tag`] in its opaque pointer: no allocation.
//!
//! Records go by `rd_kafka_produceva`, one by one: `rd_kafka_produce_batch` sets neither
//! timestamps nor headers (P9), and spares little.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::bindings as ffi;
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::KafkaError;
use rdkafka::types::{
    RDKafka, RDKafkaHeaders, RDKafkaMessage, RDKafkaRespErr, RDKafkaTopic, RDKafkaType,
};

use super::consumer::name_fatal;
use super::context::log;
use super::native::{Event, Queue, Topic};
use super::{ClientError, Code, Error, Settings, properties};
use crate::record::OutgoingRecord;

/// Which record of which ticket (a batch, say) a delivery report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(usize);

const _: () = assert!(usize::BITS == 64, "a tag fills a 64-bit pointer");

impl Tag {
    const INDEX_BITS: u32 = 20;
    /// Records a ticket can tell apart.
    pub const RECORDS: u32 = 1 << Self::INDEX_BITS;
    /// Tickets before they repeat.
    pub const TICKETS: u64 = 1 << (usize::BITS - Self::INDEX_BITS);

    /// `ticket` counts modulo [`Tag::TICKETS`], `index` modulo [`Tag::RECORDS`].
    pub fn new(ticket: u64, index: u32) -> Self {
        let index = index % Self::RECORDS;
        Tag(((ticket % Self::TICKETS) as usize) << Self::INDEX_BITS | index as usize)
    }

    fn ticket(self) -> u64 {
        (self.0 >> Self::INDEX_BITS) as u64
    }

    fn index(self) -> u32 {
        self.0 as u32 % Self::RECORDS
    }
}

/// What became of records handed to [`Producer::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// So many of the ticket's records are acknowledged.
    Delivered { ticket: u64, records: u32 },
    /// This one is not written, or nobody knows whether it is.
    Failed { ticket: u64, index: u32, code: Code },
}

/// What the producer's thread has to say.
#[derive(Debug)]
pub enum Report<'a> {
    /// In the order of delivery, per output partition.
    Receipts(&'a [Receipt]),
    Error(ClientError),
}

/// Why a record was not taken. It stays the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Wait for receipts, then send it again: order is kept if nothing overtakes it.
    #[error("the producer's queue is full")]
    QueueFull,
    /// Larger than `message.max.bytes` allows; see [`Producer::max_message_bytes`].
    #[error("the record is larger than the producer may send")]
    TooLarge,
    /// The producer is of no further use.
    #[error("the producer has failed for good: {0}")]
    Fatal(Code),
    #[error("the record was refused: {0}")]
    Other(Code),
}

impl SendError {
    fn of(code: Code) -> Self {
        match code {
            Code::QueueFull => SendError::QueueFull,
            Code::MessageSizeTooLarge => SendError::TooLarge,
            Code::Fatal | Code::Fenced => SendError::Fatal(code),
            other => SendError::Other(other),
        }
    }
}

/// A record to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a, H = [(&'a [u8], Option<&'a [u8]>); 0]> {
    pub key: Option<&'a [u8]>,
    /// None is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Unix milliseconds above 0; None is now.
    pub timestamp: Option<i64>,
    /// Name and value of each.
    pub headers: H,
}

impl<'a> NewRecord<'a> {
    /// A record of now, without headers.
    pub fn new(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Self {
        NewRecord {
            key,
            value,
            timestamp: None,
            headers: [],
        }
    }

    /// A record of a batch, as the pipeline left it.
    pub fn from_outgoing(
        record: &OutgoingRecord<'a>,
    ) -> NewRecord<'a, impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a>> {
        NewRecord {
            key: record.key(),
            value: record.value(),
            timestamp: record.timestamp(),
            headers: record.headers(),
        }
    }
}

/// An idempotent producer to a fixed list of topics.
pub struct Producer {
    // Handles first: they must be gone before the client.
    topics: Vec<Topic>,
    events: Arc<Queue>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    max_message_bytes: usize,
    client: Arc<Client<DefaultClientContext>>,
}

impl Producer {
    /// Makes the client; connects in the background. `topics` gives the indices for
    /// [`Producer::send`]. `report` is called on the producer's own thread: it must neither wait,
    /// nor panic, nor drop the producer.
    ///
    /// # Errors
    /// Where a property is wrong.
    pub fn new(
        settings: &Settings,
        topics: &[&str],
        report: impl FnMut(Report<'_>) + Send + 'static,
    ) -> Result<Self, Error> {
        let (client, max_message_bytes) = connect(&properties::producer(settings))
            .map_err(|error| Error::from_kafka("making a producer", error))?;
        let client = Arc::new(client);
        // SAFETY: whoever holds the queue, here and in the thread, holds the client longer.
        let events = Arc::new(unsafe { Queue::main(client.native_ptr()) });
        let stop = Arc::new(AtomicBool::new(false));
        let mut producer = Producer {
            topics: Vec::with_capacity(topics.len()),
            events: events.clone(),
            stop: stop.clone(),
            thread: None,
            max_message_bytes,
            client: client.clone(),
        };
        for topic in topics {
            // SAFETY: the client lives in the same struct, in a later field.
            let topic = unsafe { Topic::new(client.native_ptr(), topic) }?;
            producer.topics.push(topic);
        }
        let serve = move || {
            serve(&events, &stop, &client, report);
            // The queue's handle goes before the client's: see `native`.
            drop(events);
            drop(client);
        };
        let thread = std::thread::Builder::new().name("kafka-producer".into());
        let thread = thread
            .spawn(serve)
            .map_err(|_| Error::call("starting a thread", Code::CriticalSystemResource))?;
        producer.thread = Some(thread);
        Ok(producer)
    }

    /// Copies a record into librdkafka's queue; never waits. `topic` is an index into the list
    /// that the producer was made with. Name the partition of a record without a key; one with a
    /// key goes where the Java default partitioner (murmur2) puts it (P2).
    pub fn send<'a, H>(
        &self,
        topic: usize,
        partition: Option<i32>,
        record: NewRecord<'a, H>,
        tag: Tag,
    ) -> Result<(), SendError>
    where
        H: IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    {
        let headers = Headers::new(record.headers);
        let parts = parts(
            self.topics[topic].ptr(),
            partition,
            (record.key, record.value, record.timestamp),
            headers.ptr(),
            tag,
        );
        // SAFETY: client and topic are alive, and key, value and headers are borrowed for this
        // call, in which librdkafka copies key and value (F_COPY).
        let error = unsafe { ffi::rd_kafka_produceva(self.native(), parts.as_ptr(), parts.len()) };
        if error.is_null() {
            headers.given_away();
            return Ok(());
        }
        // SAFETY: the error is ours, and is destroyed only here.
        let code = unsafe {
            let code = ffi::rd_kafka_error_code(error);
            ffi::rd_kafka_error_destroy(error);
            code
        };
        Err(SendError::of(code.into()))
    }

    /// Gives up what is not sent yet; each such record is reported as failed with `PurgeQueue`
    /// (P3). What is on its way to a broker goes on and is reported as it ends. Records sent
    /// afterwards come after those in every partition: the gap in the idempotent producer's
    /// sequence numbers is mended by librdkafka.
    pub fn purge_queue(&self) {
        self.purge(ffi::RD_KAFKA_PURGE_F_QUEUE);
    }

    /// Sends without lingering, and waits until everything has been reported.
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        // SAFETY: the client is alive. Its events are served by our thread meanwhile.
        let result = unsafe { ffi::rd_kafka_flush(self.native(), milliseconds(timeout)) };
        match result {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            _ => Err(Error::Bound("flushing")),
        }
    }

    /// Records that are not reported yet.
    pub fn pending(&self) -> usize {
        // SAFETY: the client is alive.
        let length = unsafe { ffi::rd_kafka_outq_len(self.native()) };
        usize::try_from(length).unwrap_or(0)
    }

    /// How many partitions a topic has. Asks the broker.
    pub fn partition_count(&self, topic: usize, timeout: Duration) -> Result<usize, Error> {
        let call = "asking for a topic's partitions";
        let name = self.topics[topic].name();
        let metadata = self
            .client
            .fetch_metadata(Some(name), timeout)
            .map_err(|error| Error::from_kafka(call, error))?;
        let topic = metadata.topics().first();
        match topic.map(|topic| (topic.error(), topic.partitions().len())) {
            Some((None, partitions)) if partitions > 0 => Ok(partitions),
            Some((Some(error), _)) => Err(Error::call(call, error.into())),
            _ => Err(Error::call(call, Code::UnknownTopicOrPartition)),
        }
    }

    /// Bytes of key, value and headers together that this client sends at most; topics may allow
    /// less.
    pub fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    fn purge(&self, flags: i32) {
        // SAFETY: the client is alive and is a producer.
        let result = unsafe { ffi::rd_kafka_purge(self.native(), flags) };
        debug_assert_eq!(result, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    }

    fn native(&self) -> *mut RDKafka {
        self.client.native_ptr()
    }
}

impl Drop for Producer {
    /// Gives up what is not acknowledged, reports that, and ends the client.
    fn drop(&mut self) {
        self.purge(ffi::RD_KAFKA_PURGE_F_QUEUE | ffi::RD_KAFKA_PURGE_F_INFLIGHT);
        self.stop.store(true, Ordering::Release);
        self.events.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of the caller's own report was printed when it happened.
            let _ = thread.join();
        }
    }
}

/// The client, and the largest message it sends.
fn connect(config: &ClientConfig) -> Result<(Client<DefaultClientContext>, usize), KafkaError> {
    let native = config.create_native_config()?;
    let largest = native.get("message.max.bytes")?.parse();
    // SAFETY: the configuration is alive. Deliveries and errors come as events, which `serve`
    // takes; nothing is called back.
    unsafe {
        ffi::rd_kafka_conf_set_events(
            native.ptr(),
            ffi::RD_KAFKA_EVENT_DR | ffi::RD_KAFKA_EVENT_ERROR,
        );
    }
    let client = Client::new(
        config,
        native,
        RDKafkaType::RD_KAFKA_PRODUCER,
        DefaultClientContext,
    )?;
    Ok((
        client,
        largest.expect("librdkafka prints numbers as digits"),
    ))
}

/// Serves the client's events until told to stop, and then those that are left.
fn serve(
    events: &Queue,
    stop: &AtomicBool,
    client: &Client<DefaultClientContext>,
    mut report: impl FnMut(Report<'_>),
) {
    let mut receipts = Vec::new();
    let mut handle = |event: Event| dispatch(event, client, &mut receipts, &mut report);
    while !stop.load(Ordering::Acquire) {
        events.wait().into_iter().for_each(&mut handle);
    }
    while let Some(event) = events.next() {
        handle(event);
    }
}

fn dispatch(
    mut event: Event,
    client: &Client<DefaultClientContext>,
    receipts: &mut Vec<Receipt>,
    report: &mut impl FnMut(Report<'_>),
) {
    match event.kind() {
        ffi::RD_KAFKA_EVENT_DR => {
            receipts.clear();
            for message in event.messages() {
                add(receipts, message);
            }
            report(Report::Receipts(receipts));
        }
        ffi::RD_KAFKA_EVENT_ERROR => {
            let mut error = event.error();
            name_fatal(&mut error, || client.fatal_error());
            report(Report::Error(error));
        }
        ffi::RD_KAFKA_EVENT_LOG => {
            if let Some((level, facility, line)) = event.log() {
                log(level, &facility, &line);
            }
        }
        _ => {}
    }
}

/// Adds a delivery report; one that continues the last receipt only counts it up.
fn add(receipts: &mut Vec<Receipt>, message: &RDKafkaMessage) {
    let tag = Tag(message._private.addr());
    let code = Code::from(message.err);
    match receipts.last_mut() {
        Some(Receipt::Delivered { ticket, records })
            if code == Code::NoError && *ticket == tag.ticket() =>
        {
            *records += 1;
        }
        _ if code == Code::NoError => receipts.push(Receipt::Delivered {
            ticket: tag.ticket(),
            records: 1,
        }),
        _ => receipts.push(Receipt::Failed {
            ticket: tag.ticket(),
            index: tag.index(),
            code,
        }),
    }
}

/// Headers for one message; a null list where there are none, which costs nothing.
struct Headers(*mut RDKafkaHeaders);

impl Headers {
    fn new<'a>(headers: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Self {
        let mut list = Headers(std::ptr::null_mut());
        for (name, value) in headers {
            list.add(name, value);
        }
        list
    }

    fn add(&mut self, name: &[u8], value: Option<&[u8]>) {
        const USUAL: usize = 8;
        let (value, size) = match value {
            Some(value) => (value.as_ptr(), value.len() as isize),
            None => (std::ptr::null(), 0),
        };
        // SAFETY: the list is ours; librdkafka copies so many bytes of name and value. It fails
        // only for lists that are read-only, which those of received messages are.
        unsafe {
            if self.0.is_null() {
                self.0 = ffi::rd_kafka_headers_new(USUAL);
            }
            let (name, len) = (name.as_ptr().cast(), name.len() as isize);
            ffi::rd_kafka_header_add(self.0, name, len, value.cast(), size);
        }
    }

    fn ptr(&self) -> *mut RDKafkaHeaders {
        self.0
    }

    /// The list belongs to a message now.
    fn given_away(self) {
        std::mem::forget(self);
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list is ours: it was not given away.
            unsafe { ffi::rd_kafka_headers_destroy(self.0) }
        }
    }
}

type Content<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, Option<i64>);

/// The arguments of `rd_kafka_produceva`. A null key, value or header list and a timestamp of 0
/// each mean none.
fn parts(
    topic: *mut RDKafkaTopic,
    partition: Option<i32>,
    (key, value, timestamp): Content<'_>,
    headers: *mut RDKafkaHeaders,
    tag: Tag,
) -> [ffi::rd_kafka_vu_t; 8] {
    use ffi::rd_kafka_vtype_t as kind;
    type Part = ffi::rd_kafka_vu_s__bindgen_ty_1;
    type Bytes = ffi::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1;
    let part = |vtype, u| ffi::rd_kafka_vu_t { vtype, u };
    let bytes = |bytes: Option<&[u8]>| Part {
        mem: Bytes {
            ptr: bytes.map_or(std::ptr::null_mut(), |bytes| {
                bytes.as_ptr().cast_mut().cast()
            }),
            size: bytes.map_or(0, <[u8]>::len),
        },
    };
    let (i32_, i) = (partition.unwrap_or(UNASSIGNED), ffi::RD_KAFKA_MSG_F_COPY);
    let ptr = std::ptr::without_provenance_mut(tag.0);
    let i64_ = timestamp.unwrap_or(0);
    [
        part(kind::RD_KAFKA_VTYPE_RKT, Part { rkt: topic }),
        part(kind::RD_KAFKA_VTYPE_PARTITION, Part { i32_ }),
        part(kind::RD_KAFKA_VTYPE_MSGFLAGS, Part { i }),
        part(kind::RD_KAFKA_VTYPE_KEY, bytes(key)),
        part(kind::RD_KAFKA_VTYPE_VALUE, bytes(value)),
        part(kind::RD_KAFKA_VTYPE_OPAQUE, Part { ptr }),
        part(kind::RD_KAFKA_VTYPE_TIMESTAMP, Part { i64_ }),
        part(kind::RD_KAFKA_VTYPE_HEADERS, Part { headers }),
    ]
}

/// RD_KAFKA_PARTITION_UA: the partitioner chooses.
const UNASSIGNED: i32 = -1;

fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_keeps_ticket_and_index_apart() {
        for (ticket, index) in [(0, 0), (1, 7), (Tag::TICKETS - 1, Tag::RECORDS - 1)] {
            let tag = Tag::new(ticket, index);
            assert_eq!((tag.ticket(), tag.index()), (ticket, index));
        }
    }
}
