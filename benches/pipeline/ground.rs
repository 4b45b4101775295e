//! The broker that all run on, and its topics.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use greenroom::generator::{Event, Generator, Kind, Profile};
use greenroom::kafka::{Admin, EmbeddedBroker, Settings, admin::TopicPlan};
use greenroom::record::Records;

use crate::forwarders::Sink;

pub const PARTITIONS: i32 = 4;
pub const BATCH: usize = 1000;
/// For whatever the broker is to do.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// About as long as a login event is.
const BYTES: usize = 256;

pub struct Ground {
    embedded: Option<EmbeddedBroker>,
    brokers: String,
    names: AtomicU32,
}

impl Ground {
    /// The broker that the environment names, or an embedded one.
    pub fn find() -> Ground {
        let (embedded, brokers) = match std::env::var("KAFKA_BROKERS") {
            Ok(brokers) => (None, brokers),
            Err(_) => {
                let embedded = EmbeddedBroker::start(1).expect("an embedded broker");
                let brokers = embedded.bootstrap();
                (Some(embedded), brokers)
            }
        };
        Ground {
            embedded,
            brokers,
            names: AtomicU32::new(0),
        }
    }

    pub fn is_real(&self) -> bool {
        self.embedded.is_none()
    }

    /// The service's own settings, in a group of their own.
    pub fn settings(&self) -> Settings {
        // The embedded broker's rebalances wait as long as a session lasts.
        let short = [
            ("heartbeat.interval.ms", "500"),
            ("session.timeout.ms", "6000"),
        ];
        let short = short.map(|(name, value)| (name.into(), value.into()));
        Settings {
            brokers: self.brokers.clone(),
            group: self.name("group"),
            instance: "bench".into(),
            budget: 64 << 20,
            consumer_properties: if self.is_real() {
                Vec::new()
            } else {
                short.into()
            },
            ..Settings::default()
        }
    }

    /// Makes a topic.
    pub fn topic(&self, what: &str, config: &[(&str, &str)]) -> String {
        let name = self.name(what);
        match &self.embedded {
            Some(embedded) => {
                let made = embedded.create_topic(&name, PARTITIONS.cast_unsigned());
                made.expect("a topic");
            }
            None => self.create(&name, config),
        }
        name
    }

    fn create(&self, name: &str, config: &[(&str, &str)]) {
        let config = config
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let plan = TopicPlan {
            name: name.into(),
            partitions: PARTITIONS,
            replication_factor: 1,
            config: config.collect(),
        };
        let admin = Admin::new(&self.settings()).expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let created = runtime.block_on(admin.create(&[plan], PATIENCE));
        created.expect("an answer")[0].expect("a new topic");
        let there = || admin.partitions(&[name], PATIENCE).expect("an answer")[0].is_ok();
        while !there() {}
    }

    /// Writes so many login events, partition by partition.
    pub fn fill(&self, topic: &str, records: usize) {
        let mut events = Events::new();
        let mut sink = Sink::new(&self.settings(), topic);
        for number in 0..records / BATCH {
            sink.write(number as i32 % PARTITIONS, &events.batch(BATCH));
        }
        sink.finish();
    }

    fn name(&self, what: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("bench-{}-{number}-{what}", std::process::id())
    }
}

/// Login events as the usual generators send them: without key and headers, so that every
/// subject carries the same.
pub struct Events {
    generator: Generator,
    event: Event,
}

impl Events {
    pub fn new() -> Self {
        Events {
            generator: Generator::new(Profile {
                trace: false,
                ..Profile::new(Kind::Usual, 1)
            }),
            event: Event::default(),
        }
    }

    pub fn batch(&mut self, records: usize) -> Records {
        let mut batch = Records::with_capacity(records, records * BYTES);
        for _ in 0..records {
            self.generator.fill(&mut self.event, 1_694_479_551);
            batch.push(0, None, None, self.event.value.as_deref());
        }
        batch
    }
}
