//! What librdkafka's callbacks do: nothing but queue what happened.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;

use super::lines::log;
use super::{ClientError, Code, TopicPartition};

/// Something that the consumer's owner has to know or to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlEvent {
    /// These partitions are ours. Answer with [`Consumer::assign`](super::Consumer::assign):
    /// until then the group's rebalance waits for us, and nothing is fetched.
    Assign(Vec<TopicPartition>),
    /// Give these back. Answer with [`Consumer::unassign`](super::Consumer::unassign) once they
    /// are drained; until then they are still ours, unless
    /// [`Consumer::assignment_lost`](super::Consumer::assignment_lost).
    Revoke(Vec<TopicPartition>),
    /// How a commit ended, partition by partition.
    Committed(Vec<Committed>),
    Error(ClientError),
}

/// How the commit of one partition ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: i64,
    pub result: Result<(), Code>,
}

/// The inbox between librdkafka's callbacks, which run inside a poll, and the poll's caller.
#[derive(Default)]
pub(super) struct Inbox {
    events: Mutex<Vec<ControlEvent>>,
    /// Callbacks so far: tells a poll that served something from one that found nothing.
    served: AtomicU64,
    /// A rebalance waits for assign or unassign.
    unanswered: AtomicBool,
    closing: AtomicBool,
}

impl Inbox {
    pub(super) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, event: ControlEvent) {
        self.lock().push(event);
    }

    pub(super) fn take(&self) -> Vec<ControlEvent> {
        std::mem::take(&mut *self.lock())
    }

    pub(super) fn answered(&self) {
        self.unanswered.store(false, Ordering::Relaxed);
    }

    /// From now on rebalances are answered at once. True if one waits for its answer.
    pub(super) fn close(&self) -> bool {
        self.closing.store(true, Ordering::Relaxed);
        self.unanswered.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<ControlEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, event: ControlEvent) {
        self.served.fetch_add(1, Ordering::Relaxed);
        self.push(event);
    }
}

impl ClientContext for Inbox {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.served.fetch_add(1, Ordering::Relaxed);
        log(level as i32, facility, line);
    }

    /// Statistics are off unless a user sets them on; nobody reads them.
    fn stats_raw(&self, _: &[u8]) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.serve(ControlEvent::Error(ClientError {
            code: error.rdkafka_error_code().unwrap_or(Code::Fail),
            fatal: false,
            text: reason.to_owned(),
        }));
    }
}

impl ConsumerContext for Inbox {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.closing.load(Ordering::Relaxed) {
            // Nobody will answer any more, and the close waits for an answer. librdkafka takes
            // any assign for a full unassign while it closes.
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "partitions were not given back while closing");
            }
            self.served.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.unanswered.store(true, Ordering::Relaxed);
        let partitions = names(partitions);
        self.serve(match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                ControlEvent::Assign(partitions)
            }
            _ => ControlEvent::Revoke(partitions),
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let whole = result.map_err(code);
        let committed = offsets
            .elements()
            .iter()
            .map(|element| Committed {
                partition: TopicPartition::new(element.topic(), element.partition()),
                offset: element.offset().to_raw().unwrap_or(-1),
                result: element.error().map_err(code).and(whole),
            })
            .collect();
        self.serve(ControlEvent::Committed(committed));
    }
}

fn code(error: KafkaError) -> Code {
    error.rdkafka_error_code().unwrap_or(Code::Fail)
}

fn names(partitions: &TopicPartitionList) -> Vec<TopicPartition> {
    let elements = partitions.elements();
    let named = elements
        .iter()
        .map(|element| TopicPartition::new(element.topic(), element.partition()));
    named.collect()
}
