//! The broker that all run on, and its topics.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use greenroom::config::{Config, Sources};
use greenroom::kafka::{Admin, Settings, admin::TopicPlan, properties};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use secrecy::{ExposeSecret, SecretString};

use crate::broker::Embedded;

/// For whatever the broker is to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// By name, as the service reads them.
pub type Variables = BTreeMap<String, OsString>;

/// What suits the embedded broker, for every client: its rebalances wait as long as a session
/// lasts, it answers an empty fetch after its whole wait, and it ends with the bench.
const EMBEDDED: [(&str, &str); 4] = [
    ("GREENROOM_KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "3000"),
    ("GREENROOM_KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS", "500"),
    ("GREENROOM_KAFKA_CONSUMER_FETCH_WAIT_MAX_MS", "10"),
    ("GREENROOM_COUNTS_STORE", "memory"),
];

pub struct Ground {
    embedded: Option<Mutex<Embedded>>,
    brokers: String,
    names: AtomicU32,
}

impl Ground {
    /// The broker that the environment names, or an embedded one.
    pub fn find() -> Ground {
        let given = std::env::var("KAFKA_BROKERS").ok();
        let embedded = given.is_none().then(Embedded::start);
        let own = embedded.as_ref().map(|of| of.bootstrap.clone());
        Ground {
            brokers: given.or(own).expect("one of the two"),
            embedded: embedded.map(Mutex::new),
            names: AtomicU32::new(0),
        }
    }

    pub fn is_real(&self) -> bool {
        self.embedded.is_none()
    }

    /// What every client on this broker is given.
    pub fn variables(&self) -> Variables {
        let fitting: &[_] = if self.is_real() { &[] } else { &EMBEDDED };
        let fitting = fitting.iter().copied();
        let all = fitting.chain([("KAFKA_BROKERS", self.brokers.as_str())]);
        all.map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }

    /// For clients of the bench's own.
    pub fn settings(&self) -> Settings {
        client_settings(self.variables())
    }

    /// Makes a topic.
    pub fn topic(&self, what: &str, partitions: i32, config: &[(&str, &str)]) -> String {
        let name = self.name(what);
        match &self.embedded {
            Some(embedded) => {
                let mut embedded = embedded.lock().expect("nobody panics with it");
                embedded.create_topic(&name, partitions);
            }
            None => self.create(&name, partitions, config),
        }
        name
    }

    fn create(&self, name: &str, partitions: i32, config: &[(&str, &str)]) {
        let config = config
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let plan = TopicPlan {
            name: name.into(),
            partitions,
            replication_factor: 1,
            config: config.collect(),
        };
        let admin = Admin::new(&self.settings()).expect("a client");
        let created = wait_for(admin.create(&[plan], PATIENCE));
        created.expect("an answer")[0].expect("a new topic");
        let there = || admin.partitions(&[name], PATIENCE).expect("an answer")[0].is_ok();
        while !there() {}
    }

    /// Gives back what a real broker's disk holds of them; the embedded one forgets of its own
    /// accord.
    pub fn delete(&self, topics: &[&str]) {
        if self.is_real() {
            let client = properties::admin(&self.settings()).create();
            let client: AdminClient<DefaultClientContext> = client.expect("a client");
            let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
            let deleted = wait_for(client.delete_topics(topics, &options));
            let deleted = deleted.expect("an answer").into_iter();
            deleted.for_each(|answer| drop(answer.expect("it was there")));
        }
    }

    /// A name that nothing else on the broker has.
    pub fn name(&self, what: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("bench-{}-{number}-{what}", std::process::id())
    }
}

fn wait_for<T>(answer: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(answer)
}

/// What the service's own variables make of Kafka's clients.
pub fn client_settings(variables: Variables) -> Settings {
    let config = config(variables);
    let kafka = config.kafka;
    Settings {
        brokers: kafka.brokers,
        group: kafka.group_id.unwrap_or_else(|| "bench".to_owned()),
        instance: kafka.instance,
        budget: config.flow.in_flight_bytes,
        properties: exposed(&kafka.properties.common),
        consumer_properties: exposed(&kafka.properties.consumer),
        producer_properties: exposed(&kafka.properties.producer),
        ..Settings::default()
    }
}

/// The service's settings in this environment.
pub fn config(env: Variables) -> Config {
    let sources = Sources {
        env,
        ..Sources::default()
    };
    Config::load(&sources).expect("right settings")
}

fn exposed(properties: &BTreeMap<&'static str, SecretString>) -> Vec<(String, String)> {
    let properties = properties.iter();
    properties
        .map(|(name, value)| ((*name).to_owned(), value.expose_secret().to_owned()))
        .collect()
}
