//! What went in against what came out: input, output and dead-letter topics, read back whole.

use std::collections::{BTreeMap, HashMap, HashSet};

use rdkafka::ClientConfig;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use greenroom::generator::{Event, Generator, Kind, Profile};

use super::{Broker, PATIENCE, Pipes, Topics, eventually};

/// Names an input record: its partition, and its place in it.
pub type Id = (i32, i64);

/// The header that carries an input's [`Id`] through the pipeline.
pub const ID: &str = "id";

/// Writes `count` events of a generator into the input, as [`pour`] does.
pub fn feed(topics: &Topics, pipes: &Pipes, count: usize, generator: &mut Generator) {
    let next = || {
        let mut event = Event::default();
        generator.fill(&mut event, 1_700_000_000);
        event
    };
    let events = std::iter::repeat_with(next).take(count);
    pour(topics, &pipes.input, events);
}

/// Writes `count` events into the input, as [`pour`] does: usual ones, and hostile ones among them.
pub fn feed_mixed(topics: &Topics, pipes: &Pipes, count: usize) {
    let fed: i64 = topics.ends(&pipes.input).iter().sum();
    let events = mixed(fed.unsigned_abs()).take(count);
    pour(topics, &pipes.input, events);
}

/// Usual events, every twentieth a hostile one.
pub fn mixed(seed: u64) -> impl Iterator<Item = Event> {
    let mut usual = Generator::new(Profile::new(Kind::Usual, seed));
    let mut hostile = Generator::new(Profile::new(Kind::Hostile, seed));
    (1_u64..).map(move |number| {
        let mut event = Event::default();
        let generator = match number % 20 {
            0 => &mut hostile,
            _ => &mut usual,
        };
        generator.fill(&mut event, 1_700_000_000);
        event
    })
}

/// Writes events into a topic, shared out evenly over its partitions, each with its [`Id`] in a
/// header: its partition and its offset.
pub fn pour(topics: &Topics, topic: &str, events: impl Iterator<Item = Event>) {
    pour_by(5_000, topics, topic, events);
}

/// As [`pour`], so many at once.
pub fn pour_by(
    chunk: usize,
    topics: &Topics,
    topic: &str,
    mut events: impl Iterator<Item = Event>,
) {
    let mut next = topics.ends(topic);
    let mut lanes = (0..next.len()).cycle();
    loop {
        let chunk: Vec<(Id, Event)> = events
            .by_ref()
            .take(chunk)
            .zip(lanes.by_ref())
            .map(|(event, lane)| {
                next[lane] += 1;
                ((lane as i32, next[lane] - 1), event)
            })
            .collect();
        if chunk.is_empty() {
            return;
        }
        topics.produce(chunk.iter().map(|(id, event)| record(topic, *id, event)));
    }
}

/// How a transaction ends.
#[derive(Clone, Copy)]
pub enum End {
    Commit,
    Abort,
}

/// Writes `count` events into the first partition, in one transaction.
pub fn feed_transaction(
    broker: &Broker,
    pipes: &Pipes,
    count: usize,
    end: End,
    generator: &mut Generator,
) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("transactional.id", &pipes.input)
        .create()
        .expect("a producer can be made");
    let done = producer
        .init_transactions(PATIENCE)
        .and_then(|()| producer.begin_transaction());
    done.expect("a transaction begins");
    let mut event = Event::default();
    for place in 0..count {
        generator.fill(&mut event, 1_700_000_000);
        let record = record(&pipes.input, (0, place as i64), &event);
        producer.send(record).expect("the queue has room");
    }
    producer.flush(PATIENCE).expect("records are delivered");
    let ended = match end {
        End::Commit => producer.commit_transaction(PATIENCE),
        End::Abort => producer.abort_transaction(PATIENCE),
    };
    ended.expect("the transaction ends");
}

fn record<'a>(topic: &'a str, id: Id, event: &'a Event) -> BaseRecord<'a, [u8], [u8]> {
    let text = format!("{}:{}", id.0, id.1);
    let mut headers = OwnedHeaders::new().insert(Header {
        key: ID,
        value: Some(&text),
    });
    for (name, value) in &event.headers {
        headers = headers.insert(Header {
            key: name,
            value: Some(value),
        });
    }
    let mut record = BaseRecord::to(topic).partition(id.0).headers(headers);
    if let Some(key) = &event.key {
        record = record.key(key.as_slice());
    }
    if let Some(value) = &event.value {
        record = record.payload(value.as_slice());
    }
    record
}

/// The id that a record carries.
pub fn id_of(record: &impl Message) -> Option<Id> {
    let headers = record.headers()?;
    let header = headers.iter().find(|header| header.key == ID)?;
    read_id(header.value?)
}

/// The id in the header's value.
pub fn read_id(value: &[u8]) -> Option<Id> {
    let (partition, place) = std::str::from_utf8(value).ok()?.split_once(':')?;
    Some((partition.parse().ok()?, place.parse().ok()?))
}

/// All that came out for the inputs of a test.
pub struct Evidence {
    pub inputs: Vec<OwnedMessage>,
    pub outputs: Vec<OwnedMessage>,
    pub dead_letters: Vec<OwnedMessage>,
}

impl Evidence {
    pub fn gather(topics: &Topics, pipes: &Pipes) -> Evidence {
        Evidence {
            inputs: topics.drain(&pipes.input),
            outputs: topics.drain(&pipes.output),
            dead_letters: topics.drain(&pipes.dead_letters),
        }
    }

    /// P12: a read_committed reader finds one result of each input, in order. Behind a transaction
    /// that a dead instance has left, results are seen when the broker has ended it.
    pub fn assert_exactly_once(topics: &Topics, pipes: &Pipes) {
        let mut gathered = None;
        eventually("all results to be seen", || {
            let evidence = gathered.insert(Evidence::gather(topics, pipes));
            evidence.results().len() == evidence.inputs.len()
        });
        let evidence = gathered.expect("it was gathered");
        evidence.assert_no_duplicate();
        evidence.assert_in_order();
    }

    /// How often each input has a result.
    pub fn results(&self) -> HashMap<Id, usize> {
        let mut results = HashMap::new();
        for record in self.outputs.iter().chain(&self.dead_letters) {
            let id = id_of(record).expect("a header passes through");
            *results.entry(id).or_insert(0) += 1;
        }
        results
    }

    /// P1: every input has a result.
    pub fn assert_nothing_lost(&self) {
        let results = self.results();
        let lost: Vec<Id> = self
            .inputs
            .iter()
            .filter_map(id_of)
            .filter(|id| !results.contains_key(id))
            .collect();
        assert!(
            lost.is_empty(),
            "{} lost, the first are {:?}",
            lost.len(),
            &lost[..lost.len().min(5)]
        );
    }

    /// P8, P12: no input has two results.
    pub fn assert_no_duplicate(&self) {
        let twice = self.results().into_values().filter(|n| *n > 1).count();
        assert_eq!(twice, 0, "inputs with more than one result");
    }

    /// P2: without their repetitions, the results of an input partition are in its order, within
    /// each partition of a topic.
    pub fn assert_in_order(&self) {
        assert_in_order(&self.outputs);
        assert_in_order(&self.dead_letters);
    }

    /// P2 where workers share partitions by key: the same of the records with one key.
    pub fn assert_keys_in_order(&self) {
        for records in [&self.outputs, &self.dead_letters] {
            assert_lines_in_order(records, |record| record.key());
        }
    }
}

/// The same for the records of one topic.
pub fn assert_in_order(records: &[OwnedMessage]) {
    assert_lines_in_order(records, |_| None);
}

fn assert_lines_in_order(records: &[OwnedMessage], line: impl Fn(&OwnedMessage) -> Option<&[u8]>) {
    let mut seen = HashSet::new();
    let mut last = BTreeMap::new();
    for record in records {
        let id = id_of(record).expect("a header passes through");
        if !seen.insert(id) {
            continue;
        }
        let lane = (record.partition(), id.0, line(record));
        let before = last.insert(lane, id.1);
        let topic = record.topic();
        assert!(
            before < Some(id.1),
            "{topic}: {id:?} came after {before:?} in {lane:?}"
        );
    }
}
