//! The producer: copies records into librdkafka and reports deliveries in bulk.
//!
//! A thread of its own waits for librdkafka's events, so deliveries are reported whatever the
//! sender is doing. Each record carries a [`Tag`] in its opaque pointer: no allocation.
//!
//! Records go by `rd_kafka_produceva`, one by one: `rd_kafka_produce_batch` sets neither
//! timestamps nor headers (P9), and spares little.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::bindings as ffi;
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafka, RDKafkaRespErr, RDKafkaType};

use super::consumer::name_fatal;
use super::lines::log;
use super::native::{Event, Queue, Topic, milliseconds};
use super::new_record::{Headers, NewRecord, parts};
use super::receipt::{Receipt, Tag};
use super::{ClientError, Code, Error, Settings, properties};

/// What the producer's thread has to say.
#[derive(Debug)]
pub enum Report<'a> {
    /// Deliveries in order, per output partition; failures in no certain order.
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
    /// A record before it failed, or an offset: the transaction can only be aborted.
    #[error("the transaction has failed")]
    Aborting,
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
            Code::State => SendError::Aborting,
            Code::Fatal | Code::Fenced => SendError::Fatal(code),
            other => SendError::Other(other),
        }
    }

    /// As librdkafka names it.
    pub fn code(self) -> Code {
        match self {
            SendError::QueueFull => Code::QueueFull,
            SendError::TooLarge => Code::MessageSizeTooLarge,
            SendError::Aborting => Code::State,
            SendError::Fatal(code) | SendError::Other(code) => code,
        }
    }
}

/// An idempotent producer to a fixed list of topics.
pub struct Producer {
    // Handles first: they must be gone before the client.
    topics: Vec<Topic>,
    events: Arc<Queue>,
    stop: Arc<AtomicBool>,
    /// Held while deliveries are reported, which librdkafka counts no more by then.
    reporting: Arc<Mutex<()>>,
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
        Producer::with(&properties::producer(settings), topics, report)
    }

    /// As [`Producer::new`], to one topic that is a [`Log`](super::Log).
    pub(super) fn for_logs(
        settings: &Settings,
        topic: &str,
        report: impl FnMut(Report<'_>) + Send + 'static,
    ) -> Result<Self, Error> {
        Producer::with(&properties::log_writer(settings), &[topic], report)
    }

    fn with(
        config: &ClientConfig,
        topics: &[&str],
        report: impl FnMut(Report<'_>) + Send + 'static,
    ) -> Result<Self, Error> {
        let (client, max_message_bytes) =
            connect(config).map_err(|error| Error::from_kafka("making a producer", error))?;
        let client = Arc::new(client);
        // SAFETY: whoever holds the queue, here and in the thread, holds the client longer.
        let events = Arc::new(unsafe { Queue::main(client.native_ptr()) });
        let stop = Arc::new(AtomicBool::new(false));
        let reporting = Arc::new(Mutex::new(()));
        let mut producer = Producer {
            topics: Vec::with_capacity(topics.len()),
            events: events.clone(),
            stop: stop.clone(),
            reporting: reporting.clone(),
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
            serve(&events, &stop, &client, &reporting, report);
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
    /// (P3). What is on its way to a broker goes on, is tried again if the broker fails, and is
    /// reported as it ends. Records sent
    /// afterwards come after those in every partition: the gap in the idempotent producer's
    /// sequence numbers is mended by librdkafka.
    pub fn purge_queue(&self) {
        self.purge(ffi::RD_KAFKA_PURGE_F_QUEUE);
    }

    /// Sends without lingering, and waits until everything has been reported.
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        // SAFETY: the client is alive. Its events are served by our thread meanwhile.
        let result = unsafe { ffi::rd_kafka_flush(self.native(), milliseconds(timeout)) };
        self.wait_for_reports();
        match result {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            _ => Err(Error::Bound("flushing")),
        }
    }

    /// Records that are not reported yet.
    pub fn pending(&self) -> usize {
        // SAFETY: the client is alive.
        let length = unsafe { ffi::rd_kafka_outq_len(self.native()) };
        self.wait_for_reports();
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

    /// Whatever librdkafka has forgotten by now is reported afterwards.
    fn wait_for_reports(&self) {
        drop(self.reporting.lock());
    }

    fn purge(&self, flags: i32) {
        // SAFETY: the client is alive and is a producer.
        let result = unsafe { ffi::rd_kafka_purge(self.native(), flags) };
        debug_assert_eq!(result, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    }

    pub(super) fn native(&self) -> *mut RDKafka {
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
    reporting: &Mutex<()>,
    mut report: impl FnMut(Report<'_>),
) {
    let mut receipts = Vec::new();
    let mut handle = |event: Event| {
        let _reporting = reporting.lock();
        dispatch(event, client, &mut receipts, &mut report);
    };
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
                Receipt::add(receipts, message);
            }
            // Until then its records count against the queue: whoever sends on hearing of them
            // could find it full, with nothing left that would wake him again.
            drop(event);
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
