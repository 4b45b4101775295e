//! Kafka as this service needs it: batches in, batches out, and every event of the client as a
//! value. Nothing here knows of pipelines or actors.
//!
//! - [`Consumer`] reads through one queue of our own and turns rebalances, commit results and
//!   errors into [`ControlEvent`]s that are answered later, from the polling thread, never inside
//!   a callback.
//! - [`Producer`] copies records into librdkafka and reports deliveries in bulk, by ticket.
//! - Its [transactions](Remedy) take what was produced and the offsets of what was read together.
//! - [`Log`] appends to a topic and reads it to its end.
//! - [`Admin`] looks for topics and rights, and makes topics.
//! - [`EmbeddedBroker`] is a broker inside the process, for the demo and the tests.
//! - [`properties`] turns our settings into librdkafka's.
//!
//! This is the only room with `unsafe`. The safe calls of the rdkafka crate handle one record at
//! a time and alone cost more CPU than the whole pipeline does; the batch calls exist in C only.

#![allow(
    unsafe_code,
    reason = "librdkafka's batch calls exist in C only; each block says why it is sound"
)]

pub mod admin;
mod consumer;
mod context;
pub mod embedded;
mod errors;
mod fetch;
mod lines;
mod log;
mod native;
mod new_record;
mod producer;
pub mod properties;
mod receipt;
mod rights;
mod transaction;

#[cfg(test)]
mod tests;

pub use admin::Admin;
pub use consumer::Consumer;
pub use context::{Committed, ControlEvent};
pub use embedded::EmbeddedBroker;
pub use errors::{Class, ClientError, Error};
pub use fetch::{Fetch, Message, PartitionError, Run};
pub use log::{Entry, Log};
pub use new_record::NewRecord;
pub use producer::{Producer, Report, SendError};
pub use properties::Settings;
pub use rdkafka::types::RDKafkaErrorCode as Code;
pub use receipt::{Receipt, Tag};
pub use rights::{Right, Rights};
pub use transaction::{Membership, Remedy, TransactionError};

/// A partition of a topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: std::sync::Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: &str, partition: i32) -> Self {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// As it is displayed.
impl std::str::FromStr for TopicPartition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (topic, partition) = text.rsplit_once('/').ok_or(())?;
        let partition = partition.parse().map_err(drop)?;
        Ok(TopicPartition::new(topic, partition))
    }
}
