//! What an operator may set, where it came from, and what was wrong with it.
//!
//! One table, [`SETTINGS`], makes the flags, the help, the README's table, the error texts and
//! the listing of `greenroom check`. A value comes from a flag, else the environment, else the
//! pipeline file, else the table's default. Every mistake is found before anything starts, and
//! all of them are told at once ([`Config::load`]).
//!
//! ```text
//! flags ─┐
//! env ───┼─▶ Sources ──text──▶ Kind::apply ──▶ Config
//! file ──┘      │                   │
//!               └──── Problem ◀─────┘   (never with a secret in it, P10)
//! ```
//!
//! This room knows nothing of Kafka but the names of librdkafka's properties.

mod command_line;
mod document;
mod environment;
mod listing;
mod parse;
mod pipeline_file;
mod problem;
mod properties;
mod rules;
mod secret;
mod setting;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod traces;

use std::net::SocketAddr;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::SecretString;

pub use command_line::{command_args, flags, pipeline_arg};
pub use document::{readme_table, sample_env};
pub use listing::Listed;
pub use pipeline_file::PipelineFile;
pub use problem::Problem;
pub use properties::Properties;
pub use secret::{HashKey, RedisUrl};
pub use setting::{Choice, Fallback, Given, Kind, Setting};
pub use settings::{SETTINGS, group, topic};
pub use sources::{Flags, Host, Origin, Sources, environment};
pub use traces::{Batching, Export, Protocol, Tls, Traces};

/// All settings, checked and typed. Printing it shows no secret (P10).
#[derive(Clone, Debug)]
pub struct Config {
    pub kafka: Kafka,
    pub pipeline: Pipeline,
    pub flow: Flow,
    pub counts: Counts,
    pub http: Http,
    pub supervision: Supervision,
    pub log: Log,
    pub traces: Traces,
    /// Each setting, its value where it may be shown, and where it came from.
    pub listing: Vec<Listed>,
}

/// How to reach Kafka, and as whom.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// Replaces the pipeline's own group.
    pub group_id: Option<String>,
    /// This instance's stable name: client.id, and group.instance.id where membership is static.
    pub instance: String,
    pub static_membership: bool,
    pub properties: Properties,
}

/// Which pipeline, and what replaces its own names.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// A preset's name, or a TOML file's path.
    pub name: String,
    pub input_topics: Option<Vec<String>>,
    pub output_topic: Option<String>,
    pub dead_letter_topic: Option<String>,
    pub errors_topic: Option<String>,
    pub filtered_topic: Option<String>,
    pub summary_topic: Option<String>,
    pub hash_key: Option<HashKey>,
    pub hash_key_id: Option<String>,
    /// The time zone in which steps render times.
    pub timezone: Tz,
}

/// How records move.
#[derive(Clone, Debug)]
pub struct Flow {
    pub transformers: usize,
    pub worker_key: WorkerKey,
    pub delivery: Delivery,
    /// Budget for all records between poll and settlement (P4).
    pub in_flight_bytes: usize,
    pub batch_records: usize,
    pub batch_wait: Duration,
    /// None: what suits the delivery.
    commit_interval: Option<Duration>,
}

impl Flow {
    /// Between two commits.
    pub fn commit_interval(&self) -> Duration {
        self.commit_interval
            .unwrap_or(self.delivery.commit_interval())
    }
}

/// What goes to the same worker, and so stays in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerKey {
    /// The records of a partition.
    Partition,
    /// Of a partition those with the same key.
    Key,
}

/// How often a record's result is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Again, where something failed in between.
    AtLeastOnce,
    /// Once, by whoever reads what is committed only (P12).
    ExactlyOnce,
}

impl Delivery {
    /// As settings and the status name it.
    pub fn name(self) -> &'static str {
        match self {
            Delivery::AtLeastOnce => "at-least-once",
            Delivery::ExactlyOnce => "exactly-once",
        }
    }

    /// The commit interval that suits it. Nobody sees a result before its transaction ends, so
    /// that is soon.
    fn commit_interval(self) -> Duration {
        match self {
            Delivery::AtLeastOnce => Duration::from_secs(1),
            Delivery::ExactlyOnce => Duration::from_millis(100),
        }
    }
}

/// Where counts live.
#[derive(Clone, Debug)]
pub struct Counts {
    pub store: CountsStore,
    pub redis_url: RedisUrl,
}

/// The store of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountsStore {
    /// The compacted topic `<group>-counts`.
    Kafka,
    Redis,
    /// Counts end with the process.
    Memory,
}

/// Probes, metrics and the console.
#[derive(Clone, Debug)]
pub struct Http {
    /// None: no HTTP at all.
    pub addr: Option<SocketAddr>,
    /// None: the console only looks.
    pub admin_token: Option<SecretString>,
}

/// When an actor is given up, and when the service is (P5, P7, P8).
#[derive(Clone, Debug)]
pub struct Supervision {
    /// Restarts an actor may have within `restart_period`; one more escalates.
    pub restart_limit: u32,
    pub restart_period: Duration,
    pub hang_after: Duration,
    pub stall_after: Duration,
    /// How often a record may kill its worker before it is a dead letter.
    pub max_attempts: u32,
    pub drain_timeout: Duration,
}

/// What the log looks like and holds.
#[derive(Clone, Debug)]
pub struct Log {
    /// None: text on a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// Directives of tracing's `EnvFilter`.
    pub filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl CountsStore {
    /// The setting's word for it.
    pub fn name(self) -> &'static str {
        match self {
            CountsStore::Kafka => "kafka",
            CountsStore::Redis => "redis",
            CountsStore::Memory => "memory",
        }
    }
}

impl Config {
    /// Reads every setting from its first source.
    ///
    /// # Errors
    /// Every mistake there is, in the table's order, then those of the pipeline file, of unknown
    /// variables and of Kafka's properties.
    pub fn load(sources: &Sources) -> Result<Config, Vec<Problem>> {
        let mut config = Config::blank();
        let mut problems = Vec::new();
        for setting in SETTINGS {
            match config.set(setting, sources) {
                Ok(listed) => config.listing.push(listed),
                Err(problem) => problems.push(problem),
            }
        }
        problems.extend(sources.file.mistakes());
        problems.extend(environment::unknown(&sources.env));
        problems.extend(config.set_properties(sources));
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(problems)
        }
    }

    fn set(&mut self, setting: &Setting, sources: &Sources) -> Result<Listed, Problem> {
        let (text, origin) = match sources.find(setting)? {
            Some(found) => (found.text, found.origin),
            None => match setting.default.text(&sources.host) {
                Some(text) => (text, Origin::Default),
                None => return Ok(Listed::unset(setting)),
            },
        };
        match setting.kind.apply(&text, self) {
            Ok(shown) => Ok(Listed::new(setting.name, shown, origin)),
            Err(why) => Err(Problem::value(setting, &text, origin, why)),
        }
    }

    fn set_properties(&mut self, sources: &Sources) -> Vec<Problem> {
        let mut problems = Vec::new();
        for property in properties::catalogue() {
            match self.kafka.properties.set(&property, sources) {
                Ok(listed) => self.listing.extend(listed),
                Err(problem) => problems.push(problem),
            }
        }
        problems
    }

    /// What the table's defaults are laid over; a test loads them all.
    fn blank() -> Config {
        Config {
            kafka: Kafka {
                brokers: String::new(),
                group_id: None,
                instance: String::new(),
                static_membership: false,
                properties: Properties::default(),
            },
            pipeline: Pipeline {
                name: String::new(),
                input_topics: None,
                output_topic: None,
                dead_letter_topic: None,
                errors_topic: None,
                filtered_topic: None,
                summary_topic: None,
                hash_key: None,
                hash_key_id: None,
                timezone: Tz::UTC,
            },
            flow: Flow {
                transformers: 0,
                worker_key: WorkerKey::Partition,
                delivery: Delivery::AtLeastOnce,
                in_flight_bytes: 0,
                batch_records: 0,
                batch_wait: Duration::ZERO,
                commit_interval: None,
            },
            counts: Counts {
                store: CountsStore::Memory,
                redis_url: RedisUrl::default(),
            },
            http: Http {
                addr: None,
                admin_token: None,
            },
            supervision: Supervision {
                restart_limit: 0,
                restart_period: Duration::ZERO,
                hang_after: Duration::ZERO,
                stall_after: Duration::ZERO,
                max_attempts: 0,
                drain_timeout: Duration::ZERO,
            },
            log: Log {
                format: None,
                filter: String::new(),
            },
            traces: Traces::blank(),
            listing: Vec::new(),
        }
    }
}
