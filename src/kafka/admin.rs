//! Questions about topics, and making them.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::bindings as ffi;
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafka;

use super::lines::log;
use super::native::Queue;
use super::{Class, Code, Error, Settings, properties};

/// As many partitions or copies as the broker has it by default.
pub const BROKERS_DEFAULT: i32 = -1;

/// How a topic is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    pub name: String,
    pub partitions: i32,
    pub replication_factor: i32,
    /// Topic settings, such as `cleanup.policy`.
    pub config: Vec<(String, String)>,
}

/// A client that looks at topics and makes them.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
}

impl Admin {
    /// Makes the client; connects in the background.
    ///
    /// # Errors
    /// Where a property is wrong.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let client = properties::admin(settings)
            .create()
            .map_err(|error| Error::from_kafka("making a client", error))?;
        Ok(Admin { client })
    }

    pub(super) fn native(&self) -> *mut RDKafka {
        self.client.inner().native_ptr()
    }

    /// How many partitions each topic has; `UnknownTopicOrPartition` where there is no such topic,
    /// or `TopicAuthorizationFailed` where we may not know. Waits for the broker; never makes a
    /// topic.
    ///
    /// # Errors
    /// Where no broker answers within `timeout`, or it refuses us: the wrong password for one.
    pub fn partitions(
        &self,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Vec<Result<usize, Code>>, Error> {
        let count = |topic: &&str| {
            let metadata = self
                .client
                .inner()
                .fetch_metadata(Some(topic), timeout)
                .map_err(|error| self.refusal().unwrap_or(error))
                .map_err(|error| Error::from_kafka("asking for topics", error))?;
            let found = metadata.topics().first();
            Ok(
                match found.map(|topic| (topic.error(), topic.partitions())) {
                    Some((Some(error), _)) => Err(error.into()),
                    Some((None, partitions)) if !partitions.is_empty() => Ok(partitions.len()),
                    _ => Err(Code::UnknownTopicOrPartition),
                },
            )
        };
        topics.iter().map(count).collect()
    }

    /// The refusal behind a question without an answer, where there was one: librdkafka connects
    /// again and again, and says why that fails in its events only.
    fn refusal(&self) -> Option<KafkaError> {
        // SAFETY: the handle is dropped in this call, and the client is alive for all of it.
        let events = unsafe { Queue::main(self.client.inner().native_ptr()) };
        let mut refusal = None;
        while let Some(event) = events.next() {
            match event.kind() {
                ffi::RD_KAFKA_EVENT_ERROR => {
                    let code = event.error().code;
                    if let Class::Final(_) = Class::of(code) {
                        refusal = Some(KafkaError::MetadataFetch(code));
                    }
                }
                ffi::RD_KAFKA_EVENT_LOG => {
                    if let Some((level, facility, line)) = event.log() {
                        log(level, &facility, &line);
                    }
                }
                _ => {}
            }
        }
        refusal
    }

    /// Makes the topics; the answer to each, in order. `TopicAlreadyExists` is one of them.
    ///
    /// # Errors
    /// Where no broker answers within `timeout`.
    pub async fn create(
        &self,
        plans: &[TopicPlan],
        timeout: Duration,
    ) -> Result<Vec<Result<(), Code>>, Error> {
        let topics: Vec<NewTopic<'_>> = plans.iter().map(TopicPlan::native).collect();
        let options = within(timeout).operation_timeout(Some(timeout));
        let answers = self
            .client
            .create_topics(&topics, &options)
            .await
            .map_err(|error| Error::from_kafka("creating topics", error))?;
        Ok(answers
            .into_iter()
            .map(|answer| answer.map(drop).map_err(|(_, code)| code))
            .collect())
    }

    /// The topics' `max.message.bytes`, in order: a larger record is refused by the broker.
    ///
    /// # Errors
    /// Where no broker answers within `timeout`.
    pub async fn max_message_bytes(
        &self,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Vec<Result<usize, Code>>, Error> {
        self.number("max.message.bytes", topics, timeout).await
    }

    /// Whether each partition of the topic has as many replicas in sync as the topic's
    /// `min.insync.replicas` asks for: with fewer the broker refuses every write, and librdkafka
    /// tries again for ever without a word.
    ///
    /// # Errors
    /// Where no broker answers within `timeout`, or we may not read the topic's settings.
    pub async fn takes_writes(&self, topic: &str, timeout: Duration) -> Result<bool, Error> {
        const ASKING: &str = "asking for replicas in sync";
        let needed = self
            .number("min.insync.replicas", &[topic], timeout)
            .await?;
        let needed = needed
            .into_iter()
            .next()
            .unwrap_or(Err(Code::InvalidConfig));
        let needed = needed.map_err(|code| Error::call(ASKING, code))?;
        let metadata = self.client.inner().fetch_metadata(Some(topic), timeout);
        let metadata = metadata.map_err(|error| Error::from_kafka(ASKING, error))?;
        let mut partitions = metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions());
        // A topic with fewer replicas than that is content with what it has.
        Ok(partitions.all(|of| of.isr().len() >= needed.min(of.replicas().len())))
    }

    /// A setting of each topic that is a number.
    async fn number(
        &self,
        setting: &str,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Vec<Result<usize, Code>>, Error> {
        let asked: Vec<_> = topics
            .iter()
            .map(|topic| ResourceSpecifier::Topic(topic))
            .collect();
        let answers = self
            .client
            .describe_configs(&asked, &within(timeout))
            .await
            .map_err(|error| Error::from_kafka("asking for topic settings", error))?;
        let number = |answer: ConfigResourceResult| {
            let entries = answer?;
            let number = entries.get(setting);
            number
                .and_then(|entry| entry.value.as_ref()?.parse().ok())
                .ok_or(Code::InvalidConfig)
        };
        Ok(answers.into_iter().map(number).collect())
    }
}

impl TopicPlan {
    fn native(&self) -> NewTopic<'_> {
        let replication = TopicReplication::Fixed(self.replication_factor);
        self.config.iter().fold(
            NewTopic::new(&self.name, self.partitions, replication),
            |topic, (name, value)| topic.set(name, value),
        )
    }
}

fn within(timeout: Duration) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(timeout))
}
