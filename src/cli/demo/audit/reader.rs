//! The client that reads the topics back.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{Audit, ID_HEADER, decode_id};

/// The topics to read back.
#[derive(Clone, Debug)]
pub struct Topics {
    pub input: String,
    pub output: String,
    pub dead_letters: String,
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    #[error("the audit's client: {0}")]
    Kafka(#[from] KafkaError),
    #[error("the audit's client: topic {0} has no partitions")]
    NoTopic(String),
    #[error("the audit's client heard nothing for {PATIENCE:?}, {missing} records before the end")]
    Behind { missing: i64 },
    #[error("the audit's client died")]
    Died,
}

/// How long a call to the broker may take.
const CALL: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
/// Silence before the end of the logs after which the rest is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Follows the topics from their first record on, on a thread of its own: the embedded broker keeps
/// only 5 MiB of a partition, so that to read at the end would be too late.
pub struct Reader {
    /// Its end tells the thread to come to an end.
    running: Sender<()>,
    thread: JoinHandle<Result<Audit, ReaderError>>,
}

impl Reader {
    /// Starts to read. The topics must be there.
    ///
    /// # Errors
    /// Where the broker does not answer or a topic is missing.
    pub fn start(bootstrap: &str, topics: Topics) -> Result<Self, ReaderError> {
        let follower = Follower::new(bootstrap, topics)?;
        let (running, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || follower.follow(&stopped))
            .map_err(|_| ReaderError::Died)?;
        Ok(Reader { running, thread })
    }

    /// Reads on to the end that the topics have now, and gives the audit.
    ///
    /// # Errors
    /// Where that end could not be reached.
    pub fn finish(self) -> Result<Audit, ReaderError> {
        drop(self.running);
        self.thread.join().map_err(|_| ReaderError::Died)?
    }
}

/// Which of the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Input,
    Output,
    DeadLetters,
}

/// The thread's own.
struct Follower {
    consumer: BaseConsumer,
    topics: Topics,
    /// The next offset to read of each partition.
    positions: BTreeMap<(Source, i32), i64>,
    audit: Audit,
}

impl Follower {
    fn new(bootstrap: &str, topics: Topics) -> Result<Self, ReaderError> {
        let mut follower = Follower {
            consumer: consumer(bootstrap)?,
            topics,
            positions: BTreeMap::new(),
            audit: Audit::default(),
        };
        for source in [Source::Input, Source::Output, Source::DeadLetters] {
            for partition in follower.partitions(source)? {
                follower.positions.insert((source, partition), 0);
            }
        }
        follower.assign()?;
        Ok(follower)
    }

    fn partitions(&self, source: Source) -> Result<Vec<i32>, ReaderError> {
        let topic = self.topics.name(source);
        let metadata = self.consumer.fetch_metadata(Some(topic), CALL)?;
        let partitions: Vec<i32> = metadata
            .topics()
            .iter()
            .filter(|found| found.name() == topic)
            .flat_map(|found| found.partitions().iter().map(|partition| partition.id()))
            .collect();
        if partitions.is_empty() {
            return Err(ReaderError::NoTopic(topic.to_owned()));
        }
        Ok(partitions)
    }

    fn assign(&self) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for (&(source, partition), &position) in &self.positions {
            let topic = self.topics.name(source);
            list.add_partition_offset(topic, partition, Offset::Offset(position))?;
        }
        self.consumer.assign(&list)
    }

    fn follow(mut self, stopped: &Receiver<()>) -> Result<Audit, ReaderError> {
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            self.read_one()?;
        }
        let ends = self.ends()?;
        let mut silence = Duration::ZERO;
        loop {
            let missing = self.missing(&ends);
            if missing == 0 {
                return Ok(self.audit);
            }
            if silence >= PATIENCE {
                return Err(ReaderError::Behind { missing });
            }
            silence = if self.read_one()? {
                Duration::ZERO
            } else {
                silence + POLL
            };
        }
    }

    /// False where nothing came. A broker that is away comes back, or patience ends.
    fn read_one(&mut self) -> Result<bool, ReaderError> {
        let (audit, positions) = (&mut self.audit, &mut self.positions);
        match self.consumer.poll(POLL) {
            Some(Ok(message)) => {
                let source = self.topics.source(message.topic());
                positions.insert((source, message.partition()), message.offset() + 1);
                enter(audit, source, &message);
                Ok(true)
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                self.skip_deleted()?;
                Ok(true)
            }
            Some(Err(_)) | None => Ok(false),
        }
    }

    /// The broker deleted records before they were read: counts them and goes on after them.
    fn skip_deleted(&mut self) -> Result<(), ReaderError> {
        for (&(source, partition), position) in &mut self.positions {
            let topic = self.topics.name(source);
            let (first, _) = self.consumer.fetch_watermarks(topic, partition, CALL)?;
            self.audit.unread((first - *position).max(0).unsigned_abs());
            *position = first.max(*position);
        }
        Ok(self.assign()?)
    }

    fn ends(&self) -> KafkaResult<BTreeMap<(Source, i32), i64>> {
        let end = |&(source, partition): &(Source, i32)| {
            let topic = self.topics.name(source);
            let (_, end) = self.consumer.fetch_watermarks(topic, partition, CALL)?;
            Ok(((source, partition), end))
        };
        self.positions.keys().map(end).collect()
    }

    /// Records before the ends that are not read.
    fn missing(&self, ends: &BTreeMap<(Source, i32), i64>) -> i64 {
        let left = |(partition, end): (_, &i64)| (end - self.positions[partition]).max(0);
        ends.iter().map(left).sum()
    }
}

impl Topics {
    fn name(&self, source: Source) -> &str {
        match source {
            Source::Input => &self.input,
            Source::Output => &self.output,
            Source::DeadLetters => &self.dead_letters,
        }
    }

    fn source(&self, topic: &str) -> Source {
        if topic == self.input {
            Source::Input
        } else if topic == self.output {
            Source::Output
        } else {
            Source::DeadLetters
        }
    }
}

fn consumer(bootstrap: &str) -> KafkaResult<BaseConsumer> {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        // librdkafka wants a group to assign partitions; this one is never joined.
        .set("group.id", "greenroom-audit")
        .set("enable.auto.commit", "false")
        // A deleted record is to be counted, not skipped.
        .set("auto.offset.reset", "error")
        // With the default a full queue stalls a partition for a second.
        .set("fetch.queue.backoff.ms", "1")
        // The embedded broker answers an empty fetch at the end of this time, whatever came since.
        .set("fetch.wait.max.ms", "10")
        .set("queued.max.messages.kbytes", "16384")
        .set_log_level(RDKafkaLogLevel::Error)
        .create()
}

/// Enters the record into the books.
fn enter(audit: &mut Audit, source: Source, message: &BorrowedMessage<'_>) {
    let id = || header(message, ID_HEADER).and_then(decode_id);
    match source {
        Source::Input => audit.input(message.partition(), message.offset(), id()),
        Source::Output => audit.output(message.partition(), id()),
        Source::DeadLetters => enter_dead_letter(audit, message),
    }
}

fn enter_dead_letter(audit: &mut Audit, message: &BorrowedMessage<'_>) {
    let partition = number(message, "greenroom.source.partition");
    let offset = number(message, "greenroom.source.offset");
    let error_type = header(message, "greenroom.error.type");
    match (partition, offset, error_type) {
        (Some(partition), Some(offset), Some(error_type)) => {
            audit.dead_letter(partition, offset, &String::from_utf8_lossy(error_type));
        }
        _ => audit.stray_dead_letter(),
    }
}

/// The last header of that name: it is the one that was added last.
fn header<'a>(message: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a [u8]> {
    let headers = message.headers()?;
    headers
        .iter()
        .filter(|header| header.key == name)
        .last()?
        .value
}

fn number<T: FromStr>(message: &BorrowedMessage<'_>, name: &str) -> Option<T> {
    std::str::from_utf8(header(message, name)?)
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests;
