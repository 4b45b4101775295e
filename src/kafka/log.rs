//! A topic as a log of one partition: appended to with its acknowledgement, and read from the
//! first record to the last.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::context::log;
use super::{
    Code, Error, NewRecord, Producer, Receipt, Report, SendError, Settings, Tag, properties,
};

/// The partition that is used; a log whose order matters has no other.
const PARTITION: i32 = 0;
/// For one answer, and between two records that are read.
const ANSWER: Duration = Duration::from_secs(10);
/// For all acknowledgements of what is appended at once. A frozen broker is replaced by then.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(30);

/// One record: its key, and its value or a tombstone.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// A log and its clients; each is made when it is first needed, and anew after it failed.
pub struct Log {
    settings: Settings,
    topic: String,
    writer: Option<Writer>,
}

struct Writer {
    producer: Producer,
    receipts: Receiver<Result<u32, Code>>,
}

/// The end of a partition is an error to librdkafka. All errors are taken where they are polled.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level as i32, facility, line);
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

impl Log {
    pub fn new(settings: Settings, topic: String) -> Self {
        Log {
            settings,
            topic,
            writer: None,
        }
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Whether the partition's leader answers.
    ///
    /// # Errors
    /// Where it does not, or there is no such topic.
    pub fn probe(&mut self) -> Result<(), Error> {
        self.writer()?.producer.partition_count(0, ANSWER).map(drop)
    }

    /// Appends records in their order and waits until all are acknowledged.
    ///
    /// # Errors
    /// Where they are not, or nobody knows: some may be written, and may still be later on.
    /// Whoever appends again must not mind to find them twice.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let appended = self.writer().and_then(|writer| writer.append(entries));
        if appended.is_err() {
            self.writer = None;
        }
        appended
    }

    fn writer(&mut self) -> Result<&mut Writer, Error> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::new(&self.settings, &self.topic)?,
        };
        Ok(self.writer.insert(writer))
    }

    /// Reads all that is committed in the log now: each record's key and value, in order, and
    /// how many tenths of the log are read with it.
    ///
    /// # Errors
    /// Where the broker does not answer, or there is no such topic.
    pub fn read(&self, mut each: impl FnMut(&[u8], Option<&[u8]>, i64)) -> Result<(), Error> {
        let failed = |error| Error::from_kafka("reading a log", error);
        let client: BaseConsumer<Quiet> = properties::reader(&self.settings)
            .create_with_context(Quiet)
            .map_err(failed)?;
        let (low, high) = client
            .fetch_watermarks(&self.topic, PARTITION, ANSWER)
            .map_err(failed)?;
        let mut start = TopicPartitionList::new();
        start
            .add_partition_offset(&self.topic, PARTITION, Offset::Offset(low))
            .map_err(failed)?;
        client.assign(&start).map_err(failed)?;
        loop {
            match client.poll(ANSWER) {
                None => return Err(Error::Bound("reading a log")),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if is_final(&error) => return Err(failed(error)),
                // librdkafka mends it, or nothing comes in time.
                Some(Err(_)) => {}
                Some(Ok(record)) => {
                    let tenths = (record.offset() + 1 - low) * 10 / (high - low).max(1);
                    each(
                        record.key().unwrap_or_default(),
                        record.payload(),
                        tenths.min(10),
                    );
                }
            }
        }
    }
}

impl Writer {
    fn new(settings: &Settings, topic: &str) -> Result<Self, Error> {
        let (tell, receipts) = channel();
        let report = move |report: Report<'_>| {
            if let Report::Receipts(all) = report {
                for receipt in all {
                    // Fails where nobody waits any more.
                    let _ = tell.send(match *receipt {
                        Receipt::Delivered { records, .. } => Ok(records),
                        Receipt::Failed { code, .. } => Err(code),
                    });
                }
            }
        };
        let producer = Producer::for_logs(settings, topic, report)?;
        Ok(Writer { producer, receipts })
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), Error> {
        const CALL: &str = "appending to a log";
        let mut unacknowledged = 0;
        for (key, value) in entries {
            let record = NewRecord::new(Some(key), value.as_deref());
            while let Err(error) = self.send(record) {
                match error {
                    SendError::QueueFull if unacknowledged > 0 => {
                        unacknowledged -= self.acknowledged()?;
                    }
                    SendError::TooLarge => {
                        return Err(Error::call(CALL, Code::MessageSizeTooLarge));
                    }
                    SendError::QueueFull => return Err(Error::call(CALL, Code::QueueFull)),
                    SendError::Aborting => return Err(Error::call(CALL, Code::State)),
                    SendError::Fatal(code) | SendError::Other(code) => {
                        return Err(Error::call(CALL, code));
                    }
                }
            }
            unacknowledged += 1;
        }
        while unacknowledged > 0 {
            unacknowledged -= self.acknowledged()?;
        }
        Ok(())
    }

    fn send(&self, record: NewRecord<'_>) -> Result<(), SendError> {
        self.producer
            .send(0, Some(PARTITION), record, Tag::new(0, 0))
    }

    /// Waits for some acknowledgements and says how many.
    fn acknowledged(&self) -> Result<u32, Error> {
        const CALL: &str = "appending to a log";
        let receipt = self.receipts.recv_timeout(ACKNOWLEDGEMENT);
        let receipt = receipt.map_err(|_| Error::Bound(CALL))?;
        receipt.map_err(|code| Error::call(CALL, code))
    }
}

/// Whether trying on cannot help.
fn is_final(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code.is_none_or(|code| {
        code == Code::UnknownTopicOrPartition
            || code == Code::UnknownTopic
            || matches!(
                super::Class::of(code),
                super::Class::Final(_) | super::Class::Fatal
            )
    })
}
