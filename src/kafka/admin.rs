//! Questions about topics, and making them.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;

use super::{Code, Error, Settings, properties};

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

    /// How many partitions each topic has; `UnknownTopicOrPartition` where there is no such topic,
    /// or `TopicAuthorizationFailed` where we may not know. Waits for the broker; never makes a
    /// topic.
    ///
    /// # Errors
    /// Where no broker answers within `timeout`.
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
        let asked: Vec<_> = topics
            .iter()
            .map(|topic| ResourceSpecifier::Topic(topic))
            .collect();
        let answers = self
            .client
            .describe_configs(&asked, &within(timeout))
            .await
            .map_err(|error| Error::from_kafka("asking for topic settings", error))?;
        let limit = |answer: ConfigResourceResult| {
            let entries = answer?;
            let limit = entries.get("max.message.bytes");
            limit
                .and_then(|entry| entry.value.as_ref()?.parse().ok())
                .ok_or(Code::InvalidConfig)
        };
        Ok(answers.into_iter().map(limit).collect())
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
