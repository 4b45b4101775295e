//! A topic as a log of one partition: appended to with its acknowledgement, and read from the
//! first record to the last.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, ClientContext};
use rdkafka::{Offset, TopicPartitionList};

use super::lines::log;
use super::{
    Code, Error, NewRecord, Producer, Receipt, Report, SendError, Settings, Tag, properties,
};

/// The partition that is used; a log whose order matters has no other.
pub(super) const PARTITION: i32 = 0;
/// For one answer, and between two records that are read.
const ANSWER: Duration = Duration::from_secs(10);
/// For all acknowledgements of what is appended at once. A frozen broker is replaced by then.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(30);
/// So often it is asked whether the transactions that are open in a log have ended. They take a
/// few milliseconds, unless who wrote them is gone.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// What fails, in the words of an error.
const READ: &str = "reading a log";

/// One record: its key, and its value or a tombstone.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// A log and its clients; each is made when it is first needed, and anew after it failed.
pub struct Log {
    settings: Settings,
    topic: String,
    writer: Option<Writer>,
    /// Sees what is not committed yet, too.
    onlooker: Option<Reader>,
}

type Reader = BaseConsumer<Quiet>;

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
            onlooker: None,
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
        self.end().map(drop)
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

    /// Where the log ends, with what is not committed yet.
    fn end(&mut self) -> Result<i64, Error> {
        let onlooker = match self.onlooker.take() {
            Some(onlooker) => onlooker,
            None => reader(&properties::onlooker(&self.settings))?,
        };
        let onlooker = self.onlooker.insert(onlooker);
        // Errors of before, which would gather for as long as a broker is away (P4).
        while onlooker.poll(Duration::ZERO).is_some() {}
        low_high(onlooker, &self.topic).map(|(_, end)| end)
    }

    /// Reads all that is committed of what is in the log now: each record's key and value, in
    /// order, and how many hundredths of the log are read with it.
    ///
    /// Waits until every transaction in it has ended, one way or the other. A reader is shown
    /// nothing behind the first that is open, whoever's it is: not even what was committed long
    /// before it asked (P11).
    ///
    /// # Errors
    /// Where the broker does not answer, or there is no such topic.
    pub fn read(&mut self, mut each: impl FnMut(&[u8], Option<&[u8]>, u8)) -> Result<(), Error> {
        let end = self.end()?;
        let client = reader(&properties::reader(&self.settings))?;
        let low = self.wait_until_decided(&client, end)?;
        let mut start = TopicPartitionList::new();
        start
            .add_partition_offset(&self.topic, PARTITION, Offset::Offset(low))
            .map_err(failed)?;
        client.assign(&start).map_err(failed)?;
        loop {
            match client.poll(ANSWER) {
                None => return Err(Error::Bound(READ)),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if is_final(&error) => return Err(failed(error)),
                // librdkafka mends it, or nothing comes in time.
                Some(Err(_)) => {}
                Some(Ok(record)) => {
                    let percent = (record.offset() + 1 - low) * 100 / (end - low).max(1);
                    let percent = u8::try_from(percent.min(100)).unwrap_or(100);
                    each(record.key().unwrap_or_default(), record.payload(), percent);
                }
            }
        }
    }

    /// Waits until no transaction is open below `end`; gives where the log begins. Brokers end a
    /// transaction themselves when its time is over, so this ends.
    fn wait_until_decided(&self, client: &Reader, end: i64) -> Result<i64, Error> {
        let mut waits = false;
        loop {
            let (low, stable) = low_high(client, &self.topic)?;
            if stable >= end {
                return Ok(low);
            }
            if !std::mem::replace(&mut waits, true) {
                tracing::info!(topic = self.topic, "waiting for transactions to end");
            }
            // Nothing is read yet: this waits, and serves the client meanwhile.
            if let Some(Err(error)) = client.poll(ASK_AGAIN)
                && is_final(&error)
            {
                return Err(failed(error));
            }
        }
    }
}

fn failed(error: KafkaError) -> Error {
    Error::from_kafka(READ, error)
}

/// The first offset of a log, and the one after the last that `client` may read.
fn low_high(client: &Reader, topic: &str) -> Result<(i64, i64), Error> {
    let answer = client.fetch_watermarks(topic, PARTITION, ANSWER);
    answer.map_err(failed)
}

fn reader(config: &ClientConfig) -> Result<Reader, Error> {
    config.create_with_context(Quiet).map_err(failed)
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
                    error => return Err(Error::call(CALL, error.code())),
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
