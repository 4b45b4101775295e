//! A Kafka of its own for one preset, with the topics that its description names.

use chrono::{DateTime, Utc};
use rdkafka::message::{Header, Headers as _, Message, OwnedMessage};

use super::check::check;
use super::comparison::Written;
use super::counts::Counts;
use super::edges::Mixture;
use super::results::Results;
use super::{INPUT, Preset};
use crate::harness::{Broker, Service, Settings, Topics, assert_in_order, eventually, pour};

const RECORDS: usize = 20_000;
const PARTITIONS: i32 = 4;

pub struct Stage {
    preset: &'static Preset,
    _broker: Broker,
    topics: Topics,
    settings: Settings,
    begun: DateTime<Utc>,
}

impl Stage {
    /// Makes the topics with the preset's own command, and fills the input.
    pub fn set(preset: &'static Preset, seed: u64) -> Stage {
        let broker = Broker::start(1);
        let settings = preset
            .settings()
            .with("KAFKA_BROKERS", broker.bootstrap())
            .with("GREENROOM_TRANSFORMERS", "4")
            // So that there are many batches, and a kill meets some of them on their way.
            .with("GREENROOM_IN_FLIGHT_BYTES", "2MiB");
        let topics = Topics::of(&broker);
        let partitions = PARTITIONS.to_string();
        settings.call(&["topics", "create", "--partitions", &partitions]);
        topics.wait_for_leaders(INPUT, PARTITIONS);
        pour(&topics, INPUT, Mixture::new(seed).take(RECORDS));
        Stage {
            preset,
            _broker: broker,
            topics,
            settings,
            begun: Utc::now(),
        }
    }

    /// Has `check` work on the same records of the first partition, at this time.
    pub fn check(&self, results: &Results, now: DateTime<Utc>) -> (Results, Counts) {
        check(self.preset, &self.settings, results.inputs_of(0), now)
    }

    pub fn start(&self) -> Service {
        Service::start(&self.settings)
    }

    pub fn with(mut self, name: &str, value: &str) -> Stage {
        self.settings = self.settings.with(name, value);
        self
    }

    fn committed(&self) -> usize {
        self.topics.committed(self.preset.group, INPUT) as usize
    }

    /// Whether there is work left to be done.
    pub fn is_in_mid_stream(&self) -> bool {
        self.committed() < RECORDS
    }

    /// Waits until every record is settled.
    pub fn wait_for_the_end(&self) {
        eventually("all to be committed", || self.committed() == RECORDS);
    }

    /// Reads all topics, and judges what went in.
    pub fn results(&self) -> Results {
        let mut got = Vec::new();
        for topic in self.preset.topics {
            let records = self.topics.drain(topic);
            assert_in_order(&records);
            got.extend(records.iter().map(written));
        }
        let inputs = self.topics.drain(INPUT);
        let inputs = inputs.iter().map(written).collect();
        Results::new(self.preset, inputs, got, self.begun..=Utc::now())
    }

    /// The last summary, as counts.
    pub fn summary(&self) -> Option<Counts> {
        let records = self.topics.drain(self.preset.summary?);
        let last = records
            .last()
            .expect("the last summary is published at the end");
        let value = serde_json::from_slice(last.payload().expect("a summary has a value"));
        Some(Counts::read(&value.expect("a summary is JSON")))
    }
}

fn written(record: &OwnedMessage) -> Written {
    let headers = record.headers().map(|headers| {
        let header =
            |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
        headers.iter().map(header).collect()
    });
    Written {
        topic: record.topic().to_owned(),
        key: record.key().map(<[u8]>::to_vec),
        value: record.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        timestamp: record.timestamp().to_millis(),
    }
}
