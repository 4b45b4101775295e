//! Topics of a test's own: made, filled, and read whole.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Headers, Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::{Broker, PATIENCE, Pipes, eventually};

/// Makes, fills and reads topics. They stay when the test ends, as the broker usually does not.
pub struct Topics {
    config: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
    producer: BaseProducer<Failures>,
    patience: Duration,
}

/// Counts the records that no broker took.
#[derive(Default)]
struct Failures(AtomicUsize);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Topics {
    /// Clients for these brokers.
    pub fn of(broker: &Broker) -> Topics {
        Topics::at(broker.bootstrap())
    }

    /// Those of any broker, the embedded one too (which makes no topics this way).
    pub fn at(bootstrap: &str) -> Topics {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        let mut producing = config.clone();
        producing
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("message.max.bytes", "2000000");
        Topics {
            admin: config.create().expect("an admin client can be made"),
            producer: producing
                .create_with_context(Failures::default())
                .expect("a producer can be made"),
            config,
            patience: PATIENCE,
        }
    }

    /// Waits so much longer for records to be acknowledged: somebody takes the brokers away.
    pub fn through_an_outage(self, longest: Duration) -> Topics {
        Topics {
            patience: PATIENCE + longest,
            ..self
        }
    }

    /// Makes a topic and waits until its partitions have leaders. Its name begins with `name` and
    /// is like no other.
    pub fn create(&self, name: &str, partitions: i32) -> String {
        // As many as the broker has by default, so that three nodes hold three copies.
        self.create_replicated(name, partitions, -1)
    }

    /// The same with so many copies of each partition.
    pub fn create_replicated(&self, name: &str, partitions: i32, copies: i32) -> String {
        self.create_as(name, partitions, TopicReplication::Fixed(copies), &[])
    }

    /// With one partition, and what is `set` of the topic's own.
    pub fn create_set(&self, name: &str, set: &[(&str, &str)]) -> String {
        self.create_as(name, 1, TopicReplication::Fixed(-1), set)
    }

    /// The same with one copy of each partition, on these nodes in turn, which count from 0.
    pub fn create_on(&self, name: &str, partitions: usize, nodes: &[usize]) -> String {
        let brokers = nodes.iter().map(|node| [*node as i32 + 1]);
        let brokers: Vec<[i32; 1]> = brokers.cycle().take(partitions).collect();
        let copies: Vec<&[i32]> = brokers.iter().map(|broker| &broker[..]).collect();
        let copies = TopicReplication::Variable(&copies);
        self.create_as(name, partitions as i32, copies, &[])
    }

    fn create_as(
        &self,
        name: &str,
        partitions: i32,
        replication: TopicReplication<'_>,
        set: &[(&str, &str)],
    ) -> String {
        let name = format!("{name}-{:016x}", rand::random::<u64>());
        let topic = NewTopic::new(&name, partitions, replication);
        let topic = set
            .iter()
            .fold(topic, |topic, (key, value)| topic.set(key, value));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let results = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime can be made")
            .block_on(self.admin.create_topics(&[topic], &options))
            .expect("the broker makes topics");
        assert_eq!(results, [Ok(name.clone())]);
        self.wait_for_leaders(&name, partitions);
        name
    }

    /// Waits until every partition of a new topic has a leader that answers as one. A question that
    /// comes before there is one may stay without an answer: it is asked again.
    pub fn wait_for_leaders(&self, topic: &str, partitions: i32) {
        let soon = Duration::from_secs(1);
        eventually("leaders of all partitions", || {
            let led = self.partitions(topic);
            led.len() == partitions as usize
                && led.iter().all(|of| self.end(topic, *of, soon).is_ok())
        });
    }

    /// The node, from 0, that holds a copy of a topic's first partition and does not lead it.
    pub fn follower(&self, topic: &str) -> usize {
        let (leader, replicas) = self.copies(topic);
        let mut followers = replicas.into_iter().filter(|node| *node != leader);
        followers.next().expect("it has more than one copy")
    }

    /// The node, from 0, that leads a topic's first partition.
    pub fn leader(&self, topic: &str) -> usize {
        self.copies(topic).0
    }

    /// The nodes, from 0, that lead a topic's first partition and hold copies of it.
    fn copies(&self, topic: &str) -> (usize, Vec<usize>) {
        let metadata = self.admin.inner().fetch_metadata(Some(topic), PATIENCE);
        let metadata = metadata.expect("the broker knows its topics");
        let partition = &metadata.topics()[0].partitions()[0];
        let node = |id: &i32| id.abs_diff(1) as usize;
        (
            node(&partition.leader()),
            partition.replicas().iter().map(node).collect(),
        )
    }

    /// Gives a topic more partitions, so many in all.
    pub fn grow(&self, topic: &str, partitions: usize) {
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let more = NewPartitions::new(topic, partitions);
        let results = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime can be made")
            .block_on(self.admin.create_partitions(&[more], &options))
            .expect("the broker makes partitions");
        assert_eq!(results, [Ok(topic.to_owned())]);
        // Clients that know the topic already would ask for the new ones a while later.
        eventually("leaders of all partitions", || {
            self.partitions(topic).len() == partitions
        });
    }

    /// The broker's consumer groups, by name.
    pub fn groups(&self) -> Vec<String> {
        let client = self.producer.client();
        let groups = client.fetch_group_list(None, PATIENCE);
        let groups = groups.expect("the broker knows its groups");
        let names = groups.groups().iter().map(|group| group.name().to_owned());
        names.collect()
    }

    /// Writes records and waits until the broker has acknowledged every one.
    pub fn produce<'a>(&self, records: impl IntoIterator<Item = BaseRecord<'a, [u8], [u8]>>) {
        for mut record in records {
            while let Err((error, refused)) = self.producer.send(record) {
                let code = error.rdkafka_error_code();
                assert_eq!(code, Some(RDKafkaErrorCode::QueueFull));
                self.producer.poll(Duration::from_millis(100));
                record = refused;
            }
        }
        self.producer
            .flush(self.patience)
            .expect("records are delivered");
        let failures = self.producer.context().0.load(Ordering::Relaxed);
        assert_eq!(failures, 0, "the broker takes every record");
    }

    /// Reads a topic from its beginning to where it ends now, as a read_committed reader sees it.
    /// The records of a partition come in their order.
    pub fn drain(&self, topic: &str) -> Vec<OwnedMessage> {
        let mut records = Vec::new();
        self.each(topic, |record| records.push(record.detach()));
        records
    }

    /// The same, record by record, for topics that no memory should hold.
    pub fn each(&self, topic: &str, mut then: impl FnMut(BorrowedMessage<'_>)) {
        let mut config = self.config.clone();
        let consumer: BaseConsumer = config
            .set("group.id", "drain") // librdkafka assigns nothing to a client without a group
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a consumer can be made");
        let mut open: HashSet<i32> = self.partitions(topic).into_iter().collect();
        let mut assignment = TopicPartitionList::new();
        for &partition in &open {
            assignment
                .add_partition_offset(topic, partition, Offset::Beginning)
                .expect("the beginning is an offset");
        }
        consumer
            .assign(&assignment)
            .expect("partitions can be assigned");

        let mut quiet_since = Instant::now();
        while !open.is_empty() {
            match consumer.poll(PATIENCE) {
                Some(Ok(record)) => {
                    then(record);
                    quiet_since = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                // A dead node among living ones shows as an error, and is none.
                Some(Err(error)) => assert!(quiet_since.elapsed() < PATIENCE, "{topic}: {error}"),
                None => panic!("{topic} gave nothing for {PATIENCE:?}"),
            }
        }
    }

    /// What a group has committed of each partition of a topic, 0 where nothing.
    pub fn committed_each(&self, group: &str, topic: &str) -> Vec<i64> {
        let mut config = self.config.clone();
        let consumer: BaseConsumer = config
            .set("group.id", group)
            .create()
            .expect("a consumer can be made");
        let mut asked = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            asked.add_partition(topic, partition);
        }
        // Where a coordinator is just moving, nothing is known yet: the caller asks again.
        let Ok(answer) = consumer.committed_offsets(asked, PATIENCE) else {
            return Vec::new();
        };
        let offsets = answer.elements();
        let offsets = offsets.iter().map(|of| of.offset().to_raw());
        offsets.map(|offset| offset.unwrap_or(0).max(0)).collect()
    }

    /// All that a group has committed of a topic.
    pub fn committed(&self, group: &str, topic: &str) -> i64 {
        self.committed_each(group, topic).iter().sum()
    }

    /// Waits until the group has committed all that is in the input.
    pub fn wait_for_all(&self, pipes: &Pipes) {
        let fed: i64 = self.ends(&pipes.input).iter().sum();
        eventually("all to be committed", || {
            self.committed(&pipes.group, &pipes.input) == fed
        });
    }

    /// Deletes a partition's records below an offset, as retention does.
    pub fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut before = TopicPartitionList::new();
        before
            .add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("it is an offset");
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime can be made")
            .block_on(self.admin.delete_records(&before, &AdminOptions::new()))
            .expect("the broker deletes records");
    }

    /// Where each partition of a topic ends now for those who read what is committed. Waits where a
    /// leader is just being replaced.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        let mut ends = Vec::new();
        eventually("the ends of all partitions", || {
            let led = self.partitions(topic).into_iter();
            let asked = led.map(|partition| self.end(topic, partition, PATIENCE));
            let answers: KafkaResult<Vec<i64>> = asked.collect();
            ends = answers.unwrap_or_default();
            !ends.is_empty()
        });
        ends
    }

    /// How many offsets a topic's logs hold, with those of transactions that are open still.
    pub fn written(&self, topic: &str) -> i64 {
        let mut config = self.config.clone();
        let reader: BaseConsumer = config
            .set("isolation.level", "read_uncommitted")
            .create()
            .expect("a consumer can be made");
        let partitions = self.partitions(topic).into_iter();
        let ends = partitions.map(|partition| {
            let ends = reader.fetch_watermarks(topic, partition, PATIENCE);
            ends.expect("the broker knows its partitions").1
        });
        ends.sum()
    }

    fn end(&self, topic: &str, partition: i32, within: Duration) -> KafkaResult<i64> {
        let client = self.producer.client();
        let (_, end) = client.fetch_watermarks(topic, partition, within)?;
        Ok(end)
    }

    /// The partitions of a topic; none where it is not known yet, or one of them has no leader.
    ///
    /// This client asks for ends too, and only so it hears of new leaders: librdkafka keeps what it
    /// knows of a topic that it neither reads nor writes for a quarter of an hour.
    fn partitions(&self, topic: &str) -> Vec<i32> {
        let client = self.producer.client();
        let Ok(metadata) = client.fetch_metadata(Some(topic), PATIENCE) else {
            return Vec::new();
        };
        let partitions = metadata.topics()[0].partitions();
        if partitions.iter().any(|partition| partition.leader() < 0) {
            return Vec::new();
        }
        partitions.iter().map(|partition| partition.id()).collect()
    }
}

/// A header's text.
pub fn header<'a>(record: &'a OwnedMessage, name: &str) -> Option<&'a str> {
    let headers = record.headers()?;
    let header = headers.iter().find(|header| header.key == name)?;
    std::str::from_utf8(header.value?).ok()
}
