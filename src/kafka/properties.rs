//! Our settings as librdkafka's properties.
//!
//! Three layers: our defaults, over them what the user asks for, over that what the promises
//! need. A user's property that the last layer would override is refused by the settings before
//! it gets here, so that nobody believes it is in force.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::Error;

/// What Kafka clients are made from. Properties may hold secrets, so this cannot be printed (P10).
#[derive(Clone, Default)]
pub struct Settings {
    /// `host:port`, comma-separated.
    pub brokers: String,
    pub group: String,
    /// The stable name of this instance: `client.id`, and `group.instance.id` where static.
    pub instance: String,
    /// A restart within the session timeout keeps its partitions.
    pub static_membership: bool,
    /// Bytes in flight allowed in the house; librdkafka's queues are a share of it (P4).
    pub budget: usize,
    /// Where the producer's records become visible by transactions (P12). Two producers of one id
    /// fence each other.
    pub transactional_id: Option<String>,
    /// Users' properties for all clients.
    pub properties: Vec<(String, String)>,
    pub consumer_properties: Vec<(String, String)>,
    pub producer_properties: Vec<(String, String)>,
}

impl Settings {
    /// The same for a producer with transactions. Its id is the instance's own within the group,
    /// and stays the same through restarts, which so end what was left behind.
    pub fn transactional(mut self) -> Self {
        self.transactional_id = Some(format!("{}-{}", self.group, self.instance));
        self
    }

    /// How old a transaction may grow: half of what the broker allows, so that there is time to
    /// abort it, since a broker that does so fences the producer. None without transactions.
    pub fn longest_transaction(&self) -> Option<Duration> {
        let config = self.transactional_id.is_some().then(|| producer(self))?;
        let timeout = config.get(TRANSACTION_TIMEOUT)?.parse().ok()?;
        Some(Duration::from_millis(timeout) / 2)
    }
}

const TRANSACTION_TIMEOUT: &str = "transaction.timeout.ms";

/// The broker's default limit in bytes. librdkafka's own is lower and would refuse, on this side,
/// records that a topic takes.
const LARGEST_RECORD: &str = "1048588";

/// The largest entry of a [`Log`](super::Log), in bytes. One entry may name a value of a record,
/// and its own JSON is around it.
pub const LARGEST_ENTRY: usize = 16 << 20;

/// Names that mean the same property. Ours is the first; two names for one property would be
/// applied in no certain order.
const ALIASES: [(&str, &str); 6] = [
    ("acks", "request.required.acks"),
    ("bootstrap.servers", "metadata.broker.list"),
    ("compression.type", "compression.codec"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
];

/// The properties of the consumer.
pub fn consumer(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    set(
        &mut config,
        [
            ("fetch.queue.backoff.ms", "1"),
            ("queued.min.messages", "10000"),
        ],
    );
    apply(&mut config, &settings.consumer_properties);
    set(
        &mut config,
        [
            ("group.id", settings.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "false"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
        ],
    );
    membership(&mut config, settings);
    bound_fetches(&mut config, settings.budget);
    config
}

/// The properties of the producer. Its partitioner is the Java default one for records that have
/// a key; for those without, the caller names the partition (P2).
pub fn producer(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    if settings.transactional_id.is_some() {
        config.set(TRANSACTION_TIMEOUT, "60000");
        // Where the group's coordinator dies, librdkafka's send_offsets_to_transaction may wait,
        // beyond any bound, until some connection comes or goes: for as long as that broker is
        // away. While it waits the others are idle, so one of them goes soon.
        config.set("connections.max.idle.ms", "4000");
    }
    set(
        &mut config,
        [
            ("linger.ms", "2"),
            // Where a partition has one request on its way and records older than the linger
            // behind it, librdkafka's idempotent producer does not wait but polls without a
            // pause, unless another request stands in line for the connection. With its own 5
            // that cost 70,000 to 220,000 polls for 300,000 records, with 2 it is 1,500 to 15,000.
            ("max.in.flight.requests.per.connection", "2"),
            ("compression.type", "lz4"),
            ("request.timeout.ms", "5000"),
        ],
    );
    apply(&mut config, &settings.producer_properties);
    set(
        &mut config,
        [
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("message.timeout.ms", "0"),
            ("partitioner", "murmur2"),
        ],
    );
    if let Some(id) = &settings.transactional_id {
        transactional(&mut config, id);
    }
    // Half of the budget waits here at most, then sends report a full queue: even an empty one is
    // full to a record larger than the queue, so the largest must fit. librdkafka spends some 300
    // bytes on each message beside its content, hence the bound on their number.
    let kbytes = (settings.budget / 2).max(largest(&config)).div_ceil(1024);
    config.set("queue.buffering.max.kbytes", kbytes.to_string());
    config.set(
        "queue.buffering.max.messages",
        (settings.budget / 1024).max(10_000).to_string(),
    );
    if settings.transactional_id.is_some() {
        // Entries of a log may be in its transactions, if they fit the queue.
        let largest = LARGEST_ENTRY.min(kbytes * 1024);
        config.set("message.max.bytes", largest.to_string());
    }
    config
}

/// The properties of who writes a [`Log`](super::Log): the producer's, but for its records.
pub fn log_writer(settings: &Settings) -> ClientConfig {
    let mut config = producer(settings);
    config.set("message.max.bytes", LARGEST_ENTRY.to_string());
    config
}

/// The properties of who reads a [`Log`](super::Log): a consumer that joins no group. librdkafka
/// wants a group's name all the same.
pub fn reader(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    set(
        &mut config,
        [
            ("fetch.queue.backoff.ms", "1"),
            // A broker says that the end is reached only when it has waited for more.
            ("fetch.wait.max.ms", "10"),
        ],
    );
    apply(&mut config, &settings.consumer_properties);
    set(
        &mut config,
        [
            ("group.id", settings.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
        ],
    );
    // What only a member of the group has.
    for property in [
        "group.protocol",
        "group.instance.id",
        "partition.assignment.strategy",
    ] {
        config.remove(property);
    }
    config
}

/// The properties of who sees a [`Log`](super::Log) as it is, with what is not committed yet.
pub fn onlooker(settings: &Settings) -> ClientConfig {
    let mut config = reader(settings);
    config.set("isolation.level", "read_uncommitted");
    config
}

/// A transaction has an end, and so has a record's delivery: librdkafka derives it where it is not
/// said. A request must end before its transaction does, or librdkafka refuses the settings.
fn transactional(config: &mut ClientConfig, id: &str) {
    config.set("transactional.id", id);
    config.remove("message.timeout.ms");
    let number = |property| -> Option<u64> { config.get(property)?.parse().ok() };
    let times = (number(TRANSACTION_TIMEOUT), number("socket.timeout.ms"));
    if let (Some(transaction), Some(socket)) = times
        && transaction < socket
    {
        config.set("socket.timeout.ms", transaction.to_string());
    }
}

/// Whether librdkafka takes these settings, for all clients there are.
///
/// # Errors
/// The first property it refuses of each client, without its value (P10).
pub fn check(settings: &Settings) -> Result<(), Vec<Error>> {
    let clients = [consumer(settings), producer(settings), reader(settings)];
    let refused = clients.iter().filter_map(|config| {
        let error = config.create_native_config().err()?;
        Some(Error::from_kafka("reading the settings", error))
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(refused)
    }
}

/// The properties of clients that only ask and make topics.
pub fn admin(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    // Errors as events: nobody polls these clients, and an event waits until it is asked for.
    let errors = rdkafka::bindings::RD_KAFKA_EVENT_ERROR;
    config.set("enabled_events", errors.to_string());
    config
}

/// What all clients share. With librdkafka's defaults a frozen broker stalls a client for 31 s,
/// with these for 5 to 8 s.
fn base(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set_log_level(RDKafkaLogLevel::Info);
    set(
        &mut config,
        [
            ("client.id", settings.instance.as_str()),
            ("socket.timeout.ms", "10000"),
            ("socket.connection.setup.timeout.ms", "5000"),
            ("topic.metadata.refresh.interval.ms", "5000"),
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "1000"),
            ("message.max.bytes", LARGEST_RECORD),
            ("statistics.interval.ms", "0"),
        ],
    );
    apply(&mut config, &settings.properties);
    set(
        &mut config,
        [
            ("bootstrap.servers", settings.brokers.as_str()),
            ("allow.auto.create.topics", "false"),
        ],
    );
    config
}

/// How the group is joined. Where the broker decides (KIP-848) librdkafka refuses to be told
/// timeouts and strategy.
fn membership(config: &mut ClientConfig, settings: &Settings) {
    if settings.static_membership {
        config.set("group.instance.id", settings.instance.as_str());
    }
    if config.get("group.protocol") == Some("consumer") {
        for property in [
            "partition.assignment.strategy",
            "session.timeout.ms",
            "heartbeat.interval.ms",
        ] {
            config.remove(property);
        }
        return;
    }
    for (property, value) in [
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("session.timeout.ms", "45000"),
    ] {
        if config.get(property).is_none() {
            config.set(property, value);
        }
    }
}

/// Bounds what is fetched ahead. All partitions forward to one queue, whose length librdkafka
/// compares with this limit, so it holds for all of them together; every broker can overshoot it
/// by one fetch. An eighth of the budget: with a quarter a release came to 240 MiB under load, of
/// P4's 250.
fn bound_fetches(config: &mut ClientConfig, budget: usize) {
    let queued = (budget / 8 / 1024).max(1024);
    config.set("queued.max.messages.kbytes", queued.to_string());
    config.set(
        "fetch.max.bytes",
        (budget / 16).max(largest(config)).to_string(),
    );
}

/// Bytes of the largest record that may come or go.
fn largest(config: &ClientConfig) -> usize {
    let bytes = config.get("message.max.bytes");
    bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

fn set<const N: usize>(config: &mut ClientConfig, properties: [(&str, &str); N]) {
    for (property, value) in properties {
        config.set(property, value);
    }
}

fn apply(config: &mut ClientConfig, properties: &[(String, String)]) {
    for (property, value) in properties {
        config.set(canonical(property), value.as_str());
    }
}

fn canonical(property: &str) -> &str {
    ALIASES
        .iter()
        .find(|(_, alias)| *alias == property)
        .map_or(property, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            brokers: "localhost:9092".into(),
            group: "g".into(),
            instance: "i".into(),
            budget: 64 << 20,
            ..Settings::default()
        }
    }

    fn pair(property: &str, value: &str) -> (String, String) {
        (property.into(), value.into())
    }

    #[test]
    fn librdkafka_accepts_what_we_set() {
        let settings = settings();
        let all = [consumer, producer, log_writer, reader, admin];
        for config in all.map(|of| of(&settings)) {
            config
                .create_native_config()
                .expect("every property is known");
        }
    }

    #[test]
    fn a_users_property_wins_over_a_default_under_either_name() {
        let mut settings = settings();
        settings.properties = vec![pair("security.protocol", "sasl_ssl")];
        settings.producer_properties = vec![pair("queue.buffering.max.ms", "7")];
        let config = producer(&settings);
        assert_eq!(config.get("linger.ms"), Some("7"));
        assert_eq!(config.get("queue.buffering.max.ms"), None);
        assert_eq!(config.get("security.protocol"), Some("sasl_ssl"));
    }

    #[test]
    fn p1_a_promise_wins_over_a_users_property() {
        let mut settings = settings();
        settings.producer_properties = vec![pair("request.required.acks", "1")];
        settings.consumer_properties = vec![pair("enable.auto.commit", "true")];
        assert_eq!(producer(&settings).get("acks"), Some("all"));
        assert_eq!(consumer(&settings).get("enable.auto.commit"), Some("false"));
    }

    #[test]
    fn no_users_property_wins_over_what_the_promises_need() {
        let mut all = settings();
        let kept = [
            "acks",
            "auto.offset.reset",
            "fetch.max.bytes",
            "group.id",
            "message.timeout.ms",
            "partitioner",
            "queue.buffering.max.kbytes",
            "queued.max.messages.kbytes",
        ];
        for property in kept {
            all.properties.push(pair(property, "user"));
            all.consumer_properties.push(pair(property, "user"));
            all.producer_properties.push(pair(property, "user"));
        }
        let (consumer, producer) = (consumer(&all), producer(&all));
        for name in [
            "auto.offset.reset",
            "group.id",
            "fetch.max.bytes",
            "queued.max.messages.kbytes",
        ] {
            assert_ne!(consumer.get(name), Some("user"), "{name}");
        }
        for name in [
            "acks",
            "partitioner",
            "message.timeout.ms",
            "queue.buffering.max.kbytes",
        ] {
            assert_ne!(producer.get(name), Some("user"), "{name}");
        }
    }

    #[test]
    fn the_brokers_protocol_takes_no_strategy_and_no_timeouts() {
        let mut settings = settings();
        settings.properties = vec![
            pair("group.protocol", "consumer"),
            pair("session.timeout.ms", "9000"),
        ];
        let config = consumer(&settings);
        assert_eq!(config.get("partition.assignment.strategy"), None);
        assert_eq!(config.get("session.timeout.ms"), None);
        settings.properties.clear();
        let config = consumer(&settings);
        assert_eq!(
            config.get("partition.assignment.strategy"),
            Some("cooperative-sticky")
        );
    }

    #[test]
    fn p12_a_transaction_bounds_its_requests_and_deliveries() {
        let mut settings = settings();
        settings.transactional_id = Some("g-i".into());
        let config = producer(&settings);
        assert_eq!(config.get("transactional.id"), Some("g-i"));
        assert_eq!(config.get("socket.timeout.ms"), Some("10000"));
        assert_eq!(config.get("connections.max.idle.ms"), Some("4000"));
        assert_eq!(config.get("message.timeout.ms"), None);
        let largest = |config: &ClientConfig| config.get("message.max.bytes").unwrap().parse();
        assert_eq!(largest(&config), Ok(LARGEST_ENTRY), "counts fit");
        let small = Settings {
            budget: 4 << 20,
            ..settings.clone()
        };
        assert_eq!(
            largest(&producer(&small)),
            Ok(2 << 20),
            "what fits the queue"
        );
        settings.producer_properties = vec![pair("transaction.timeout.ms", "5000")];
        let config = producer(&settings);
        assert_eq!(config.get("socket.timeout.ms"), Some("5000"));
        let longest = settings.longest_transaction();
        assert_eq!(longest, Some(Duration::from_millis(2500)));
    }

    #[test]
    fn p4_queues_shrink_and_grow_with_the_budget() {
        let number = |config: &ClientConfig, name: &str| {
            config
                .get(name)
                .and_then(|value| value.parse::<usize>().ok())
                .expect("a number")
        };
        for budget in [1 << 20, 64 << 20, 1 << 30] {
            let settings = Settings {
                budget,
                ..settings()
            };
            let queued = number(&consumer(&settings), "queued.max.messages.kbytes") * 1024;
            let buffered = number(&producer(&settings), "queue.buffering.max.kbytes") * 1024;
            // Two records of the largest size are the least.
            assert!(
                queued + buffered <= budget.max((2 << 20) + 1024),
                "{budget}"
            );
        }
    }

    #[test]
    fn p1_a_larger_record_widens_the_fetch_and_the_queue() {
        let mut settings = settings();
        settings.budget = 1 << 20;
        settings.properties = vec![pair("message.max.bytes", "20000000")];
        let (consumer, producer) = (consumer(&settings), producer(&settings));
        assert_eq!(consumer.get("fetch.max.bytes"), Some("20000000"));
        assert_eq!(producer.get("queue.buffering.max.kbytes"), Some("19532"));
    }
}
