//! The table of all settings, in the order in which people are shown them.

use super::setting::{
    Choice,
    Fallback::{OfHost, Unset, Value},
    Given::{Argument, Environment, Flag},
    Kind, Setting, millis, secs,
};
use super::{CountsStore, Delivery, HashKey, LogFormat, RedisUrl, WorkerKey, parse, traces};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

const TEXT: &str = "one line of at most 255 bytes";
const TOPIC: &str = "a topic's name: letters, digits, `.`, `_` and `-`, at most 249 of them";

/// The name of a topic that a command is given.
///
/// # Errors
/// What is allowed.
pub fn topic(text: &str) -> Result<String, &'static str> {
    parse::topic(text).ok_or(TOPIC)
}

/// The name of a consumer group that a command is given.
///
/// # Errors
/// What is allowed.
pub fn group(text: &str) -> Result<String, &'static str> {
    parse::text(text)
        .filter(|name| !name.is_empty())
        .ok_or(TEXT)
}

/// What is listed of a secret that has nothing to show.
const SET: &str = "(set)";

/// Which pipeline to run: it is needed before the others, as its file may set some of them.
pub(super) const PIPELINE: Setting = Setting {
    name: "GREENROOM_PIPELINE",
    given: Argument,
    default: Value("logins"),
    help: "a preset's name, or a TOML file",
    kind: Kind::Parsed(TEXT, |config, text| {
        parse::text(text).map(|name| config.pipeline.name = name)
    }),
};

/// Every setting. What is not in it is not read.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "KAFKA_BROKERS",
        given: Flag("brokers"),
        default: Value("localhost:9092"),
        help: "brokers to begin with",
        kind: Kind::Parsed("host:port, comma-separated", |config, text| {
            parse::brokers(text).map(|brokers| config.kafka.brokers = brokers)
        }),
    },
    PIPELINE,
    Setting {
        name: "GREENROOM_GROUP_ID",
        given: Flag("group-id"),
        default: Unset("the pipeline's"),
        help: "consumer group",
        kind: Kind::Parsed(TEXT, |config, text| {
            parse::text(text).map(|group| config.kafka.group_id = Some(group))
        }),
    },
    Setting {
        name: "GREENROOM_INPUT_TOPIC",
        given: Flag("input-topic"),
        default: Unset("the pipeline's"),
        help: "topics to read",
        kind: Kind::Parsed(
            "topics, comma-separated, none of them twice",
            |config, text| {
                parse::topics(text).map(|topics| config.pipeline.input_topics = Some(topics))
            },
        ),
    },
    Setting {
        name: "GREENROOM_OUTPUT_TOPIC",
        given: Flag("output-topic"),
        default: Unset("the pipeline's"),
        help: "topic for results",
        kind: Kind::Parsed(TOPIC, |config, text| {
            parse::topic(text).map(|topic| config.pipeline.output_topic = Some(topic))
        }),
    },
    Setting {
        name: "GREENROOM_DEAD_LETTER_TOPIC",
        given: Flag("dead-letter-topic"),
        default: Unset("the pipeline's"),
        help: "topic for rejected records",
        kind: Kind::Parsed(TOPIC, |config, text| {
            parse::topic(text).map(|topic| config.pipeline.dead_letter_topic = Some(topic))
        }),
    },
    Setting {
        name: "GREENROOM_ERRORS_TOPIC",
        given: Flag("errors-topic"),
        default: Unset("the pipeline's"),
        help: "topic for errors in the pipeline's own form, where it has one",
        kind: Kind::Parsed(TOPIC, |config, text| {
            parse::topic(text).map(|topic| config.pipeline.errors_topic = Some(topic))
        }),
    },
    Setting {
        name: "GREENROOM_FILTERED_TOPIC",
        given: Flag("filtered-topic"),
        default: Unset("the pipeline's"),
        help: "topic for filtered records, where the pipeline has one",
        kind: Kind::Parsed(TOPIC, |config, text| {
            parse::topic(text).map(|topic| config.pipeline.filtered_topic = Some(topic))
        }),
    },
    Setting {
        name: "GREENROOM_SUMMARY_TOPIC",
        given: Flag("summary-topic"),
        default: Unset("the pipeline's"),
        help: "topic for summaries, where the pipeline has any",
        kind: Kind::Parsed(TOPIC, |config, text| {
            parse::topic(text).map(|topic| config.pipeline.summary_topic = Some(topic))
        }),
    },
    Setting {
        name: "GREENROOM_TRANSFORMERS",
        given: Flag("transformers"),
        default: OfHost("cores", |host| host.cores.to_string()),
        help: "workers, each on a thread of its own",
        kind: Kind::Count(1..=1024, |config, n| config.flow.transformers = n as usize),
    },
    Setting {
        name: "GREENROOM_WORKER_KEY",
        given: Flag("worker-key"),
        default: Value("partition"),
        help: "what goes to the same worker and stays in order; with `key` all workers share the work of each partition",
        kind: Kind::Choice(&[
            Choice {
                word: "partition",
                choose: |config| config.flow.worker_key = WorkerKey::Partition,
            },
            Choice {
                word: "key",
                choose: |config| config.flow.worker_key = WorkerKey::Key,
            },
        ]),
    },
    Setting {
        name: "GREENROOM_DELIVERY",
        given: Flag("delivery"),
        default: Value("at-least-once"),
        help: "how often a result is written where something fails",
        kind: Kind::Choice(&[
            Choice {
                word: "at-least-once",
                choose: |config| config.flow.delivery = Delivery::AtLeastOnce,
            },
            Choice {
                word: "exactly-once",
                choose: |config| config.flow.delivery = Delivery::ExactlyOnce,
            },
        ]),
    },
    Setting {
        name: "GREENROOM_INSTANCE",
        given: Flag("instance"),
        default: OfHost("host name", |host| host.name.clone()),
        help: "stable name of this instance, unlike any other's of its group",
        kind: Kind::Parsed(TEXT, |config, text| {
            parse::text(text).map(|name| config.kafka.instance = name)
        }),
    },
    Setting {
        name: "GREENROOM_STATIC_MEMBERSHIP",
        given: Flag("static-membership"),
        default: Value("false"),
        help: "keep the partitions through a restart, under the instance's name",
        kind: Kind::Switch(|config, on| config.kafka.static_membership = on),
    },
    Setting {
        name: "GREENROOM_COUNTS_STORE",
        given: Flag("counts-store"),
        default: Value("kafka"),
        help: "where counts live: `kafka` is the compacted topic `<group>-counts`; with `memory` they end with the process",
        kind: Kind::Choice(&[
            Choice {
                word: "kafka",
                choose: |config| config.counts.store = CountsStore::Kafka,
            },
            Choice {
                word: "redis",
                choose: |config| config.counts.store = CountsStore::Redis,
            },
            Choice {
                word: "memory",
                choose: |config| config.counts.store = CountsStore::Memory,
            },
        ]),
    },
    Setting {
        name: "REDIS_URL",
        given: Flag("redis-url"),
        default: Value("redis://localhost:6379/0"),
        help: "for counts in Redis; `rediss://` for TLS",
        kind: Kind::Secret(
            "`redis[s]://[[user]:password@]host[:port][/database]`, user and password percent-encoded",
            |config, text| {
                config.counts.redis_url = RedisUrl::parse(text)?;
                Some(config.counts.redis_url.to_string())
            },
        ),
    },
    Setting {
        name: "GREENROOM_IN_FLIGHT_BYTES",
        given: Flag("in-flight-bytes"),
        default: Value("64MiB"),
        help: "budget for all records between poll and settlement",
        // librdkafka's fetch queue, which is derived from it (P4), ends below 2 GiB.
        kind: Kind::Bytes(MIB..=GIB, |config, n| config.flow.in_flight_bytes = n),
    },
    Setting {
        name: "GREENROOM_BATCH_RECORDS",
        given: Flag("batch-records"),
        default: Value("1000"),
        help: "records of a batch, at most",
        kind: Kind::Count(1..=100_000, |config, n| {
            config.flow.batch_records = n as usize
        }),
    },
    Setting {
        name: "GREENROOM_BATCH_WAIT",
        given: Flag("batch-wait"),
        default: Value("0ms"),
        help: "a batch never waits longer than that for company",
        kind: Kind::Duration(secs(0, 10), |config, wait| config.flow.batch_wait = wait),
    },
    Setting {
        name: "GREENROOM_COMMIT_INTERVAL",
        given: Flag("commit-interval"),
        default: Unset("1s; 100ms in exactly-once"),
        help: "time between commits of what is settled; in exactly-once the length of a transaction",
        kind: Kind::Duration(millis(10, 60_000), |config, time| {
            config.flow.commit_interval = Some(time);
        }),
    },
    Setting {
        name: "GREENROOM_HTTP_ADDR",
        given: Flag("http-addr"),
        default: Value("127.0.0.1:8080"),
        help: "where probes, metrics and the console answer; `off` to do without",
        kind: Kind::Parsed("an IP address and a port, or off", |config, text| {
            parse::listen_address(text).map(|addr| config.http.addr = addr)
        }),
    },
    Setting {
        name: "GREENROOM_ADMIN_TOKEN",
        given: Environment,
        default: Unset("none"),
        help: "without it the console only looks",
        kind: Kind::Secret("visible ASCII without spaces", |config, text| {
            config.http.admin_token = Some(parse::token(text)?.into());
            Some(SET.to_owned())
        }),
    },
    Setting {
        name: "GREENROOM_RESTART_LIMIT",
        given: Flag("restart-limit"),
        default: Value("5"),
        help: "restarts of an actor within the period; more escalates",
        kind: Kind::Count(0..=1000, |config, n| config.supervision.restart_limit = n),
    },
    Setting {
        name: "GREENROOM_RESTART_PERIOD",
        given: Flag("restart-period"),
        default: Value("60s"),
        help: "the period that the limit counts in",
        kind: Kind::Duration(secs(1, 86_400), |config, time| {
            config.supervision.restart_period = time;
        }),
    },
    Setting {
        name: "GREENROOM_HANG_AFTER",
        given: Flag("hang-after"),
        default: Value("30s"),
        help: "one handler at work longer than that is hung",
        kind: Kind::Duration(millis(100, 3_600_000), |config, time| {
            config.supervision.hang_after = time;
        }),
    },
    Setting {
        name: "GREENROOM_STALL_AFTER",
        given: Flag("stall-after"),
        default: Value("120s"),
        help: "work in flight without progress for that long is a failure",
        kind: Kind::Duration(secs(1, 86_400), |config, time| {
            config.supervision.stall_after = time;
        }),
    },
    Setting {
        name: "GREENROOM_MAX_ATTEMPTS",
        given: Flag("max-attempts"),
        default: Value("3"),
        help: "workers that a record may kill before it is a dead letter",
        kind: Kind::Count(1..=100, |config, n| config.supervision.max_attempts = n),
    },
    Setting {
        name: "GREENROOM_DRAIN_TIMEOUT",
        given: Flag("drain-timeout"),
        default: Value("25s"),
        help: "time to settle what is in flight at shutdown",
        // A revoke drains as well, and the group waits for max.poll.interval.ms: 5 minutes.
        kind: Kind::Duration(secs(0, 240), |config, time| {
            config.supervision.drain_timeout = time;
        }),
    },
    Setting {
        name: "GREENROOM_HASH_KEY",
        given: Environment,
        default: Unset("none"),
        help: "key of the keyed hashes; `openssl rand -hex 32` makes one, to stand after `hex:`",
        kind: Kind::Secret(
            "at least 32 bytes, as text, hex: or base64:",
            |config, text| {
                config.pipeline.hash_key = Some(HashKey::parse(text)?);
                Some(SET.to_owned())
            },
        ),
    },
    Setting {
        name: "GREENROOM_HASH_KEY_ID",
        given: Flag("hash-key-id"),
        default: Unset("made from the key"),
        help: "the key's name in the output",
        kind: Kind::Parsed(TEXT, |config, text| {
            parse::text(text).map(|id| config.pipeline.hash_key_id = Some(id))
        }),
    },
    Setting {
        name: "GREENROOM_TIMEZONE",
        given: Flag("timezone"),
        default: Value("UTC"),
        help: "zone of the times that steps write",
        kind: Kind::Parsed(
            "an IANA time zone, such as Europe/Zurich",
            |config, text| {
                text.parse()
                    .ok()
                    .map(|zone| config.pipeline.timezone = zone)
            },
        ),
    },
    Setting {
        name: "GREENROOM_LOG_FORMAT",
        given: Flag("log-format"),
        default: Unset("text on a terminal, else json"),
        help: "what the log is written as",
        kind: Kind::Choice(&[
            Choice {
                word: "text",
                choose: |config| config.log.format = Some(LogFormat::Text),
            },
            Choice {
                word: "json",
                choose: |config| config.log.format = Some(LogFormat::Json),
            },
        ]),
    },
    Setting {
        name: "RUST_LOG",
        given: Flag("rust-log"),
        default: Value("info"),
        help: "what is logged",
        kind: Kind::Parsed(
            "tracing's directives, such as info,greenroom=debug",
            |config, text| parse::log_filter(text).map(|filter| config.log.filter = filter),
        ),
    },
    traces::ENDPOINT,
    traces::TRACES_ENDPOINT,
    traces::PROTOCOL,
    traces::TRACES_PROTOCOL,
    traces::OTLP_HEADERS,
    traces::TRACES_HEADERS,
    traces::CERTIFICATE,
    traces::TRACES_CERTIFICATE,
    traces::CLIENT_CERTIFICATE,
    traces::TRACES_CLIENT_CERTIFICATE,
    traces::CLIENT_KEY,
    traces::TRACES_CLIENT_KEY,
    traces::DELAY,
    traces::QUEUE,
    traces::BATCH,
    traces::TIMEOUT,
    traces::EXPORTER,
    traces::DISABLED,
    traces::SAMPLER,
    traces::RATIO,
    traces::SERVICE_NAME,
];
