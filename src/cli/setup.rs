//! What most commands begin with: the settings, and the pipeline they name.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use clap::ArgMatches;
use secrecy::{ExposeSecret, SecretString};

use super::{Failure, running};
use crate::config::{self, Config, Delivery, Host, PipelineFile, Sources};
use crate::kafka;
use crate::pipeline::{Compiled, Options, Spec, preset};
use crate::supervision::RestartLimits;
use crate::telemetry::traces::{Exporter, Loss, Names, Service};
use crate::topology::Limits;

/// Whether a command works on records, and so needs the key that hashes are made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Needed,
    /// Any will do: nothing is hashed.
    NotNeeded,
}

/// Settings and pipeline, both right.
pub struct Setup {
    pub config: Config,
    pub pipeline: Compiled,
}

impl Setup {
    /// Reads flags, environment and pipeline file.
    ///
    /// # Errors
    /// Every mistake in any of them, at once.
    pub fn load(args: &ArgMatches, key: Key) -> Result<Setup, Failure> {
        let sources = Sources {
            flags: config::flags(args),
            env: config::environment(),
            file: PipelineFile::default(),
            host: Host::here(),
        };
        Setup::from(sources, key)
    }

    /// As [`Setup::load`], from these sources.
    pub fn from(mut sources: Sources, key: Key) -> Result<Setup, Failure> {
        let mut mistakes = Vec::new();
        let file = find_pipeline(&sources);
        let spec = file.and_then(|(name, text)| {
            match PipelineFile::parse(&name, &text) {
                Ok(file) => sources.file = file,
                // A file that is no TOML is told of once, by the pipeline's own reader.
                Err(problem) => drop(problem),
            }
            Spec::parse(&text, &name).map_err(texts)
        });
        let config = Config::load(&sources).map_err(texts);
        let spec = spec.map_err(|errors| mistakes.extend(errors)).ok();
        let config = config.map_err(|errors| mistakes.extend(errors)).ok();
        if let (Some(spec), Some(config)) = (spec, config) {
            let pipeline = compile(spec, &config, key);
            return match pipeline {
                Ok(pipeline) => Setup { config, pipeline }.checked(),
                Err(errors) => Err(Failure::Usage(errors)),
            };
        }
        mistakes.dedup();
        Err(Failure::Usage(mistakes))
    }

    /// librdkafka has the last word on its own properties.
    fn checked(self) -> Result<Setup, Failure> {
        let kafka = match self.config.flow.delivery {
            Delivery::AtLeastOnce => self.kafka(),
            Delivery::ExactlyOnce => self.kafka().transactional(),
        };
        kafka::properties::check(&kafka).map_err(|errors| Failure::Usage(texts(errors)))?;
        let (interval, longest) = (self.limits().commit_interval, kafka.longest_transaction());
        if longest.is_some_and(|longest| longest <= interval) {
            let mistake = format!(
                "GREENROOM_COMMIT_INTERVAL={interval:?} must be less than half of transaction.timeout.ms in exactly-once"
            );
            return Err(Failure::Usage(vec![mistake]));
        }
        Ok(self)
    }

    pub fn kafka(&self) -> kafka::Settings {
        let kafka = &self.config.kafka;
        kafka::Settings {
            brokers: kafka.brokers.clone(),
            group: self.pipeline.group().to_owned(),
            instance: kafka.instance.clone(),
            static_membership: kafka.static_membership,
            budget: self.config.flow.in_flight_bytes,
            transactional_id: None,
            properties: exposed(&kafka.properties.common),
            consumer_properties: exposed(&kafka.properties.consumer),
            producer_properties: exposed(&kafka.properties.producer),
        }
    }

    pub fn limits(&self) -> Limits {
        let flow = &self.config.flow;
        Limits {
            batch_records: flow.batch_records,
            batch_wait: flow.batch_wait,
            commit_interval: flow.commit_interval(),
            drain: self.config.supervision.drain_timeout,
            stall: self.config.supervision.stall_after,
        }
    }

    pub fn restarts(&self) -> RestartLimits {
        let supervision = &self.config.supervision;
        RestartLimits {
            restarts: supervision.restart_limit,
            period: supervision.restart_period,
            ..RestartLimits::default()
        }
    }

    /// What spans call things by.
    pub fn names(&self) -> Names {
        let shared = |names: &[String]| names.iter().map(|name| (&**name).into()).collect();
        Names {
            inputs: shared(self.pipeline.input_topics()),
            outputs: shared(self.pipeline.topics()),
            steps: self.pipeline.steps().map(Into::into).collect(),
            group: self.pipeline.group().into(),
            client_id: (&*self.config.kafka.instance).into(),
        }
    }

    /// Sends spans, where the settings say whereto.
    pub fn exporter(&self, names: Names, loss: Loss) -> Result<Exporter, Failure> {
        let traces = &self.config.traces;
        let service = Service {
            name: traces.service_name.clone(),
            instance: self.config.kafka.instance.clone(),
        };
        Exporter::start(traces, &service, names, loss).map_err(running)
    }

    /// Where the running service is to be asked.
    pub fn service(&self) -> Result<SocketAddr, Failure> {
        let off = "GREENROOM_HTTP_ADDR is off: there is nobody to ask";
        let addr = self.config.http.addr;
        addr.ok_or_else(|| Failure::Usage(vec![off.to_owned()]))
    }

    /// Every topic of the pipeline: those it reads, then those it writes.
    pub fn topics(&self) -> Vec<&str> {
        let inputs = self.pipeline.input_topics().iter();
        let all = inputs.chain(self.pipeline.topics());
        all.map(String::as_str).collect()
    }
}

/// The pipeline's name or path, and its text.
fn find_pipeline(sources: &Sources) -> Result<(String, String), Vec<String>> {
    // A wrong name is told of by the settings' own reader.
    let name = sources.pipeline().map_err(|_| Vec::new())?;
    if let Some(preset) = preset(&name) {
        return Ok((name, preset.toml.to_owned()));
    }
    match fs::read_to_string(&name) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(vec![format!(
            "pipeline `{name}` is no preset (`greenroom pipelines` lists them) and no file that can be read: {error}"
        )]),
    }
}

fn compile(mut spec: Spec, config: &Config, key: Key) -> Result<Compiled, Vec<String>> {
    if let Some(group) = &config.kafka.group_id {
        spec.override_group(group);
    }
    let pipeline = &config.pipeline;
    if let Some(topics) = &pipeline.input_topics {
        spec.override_input(topics.clone());
    }
    if let Some(topic) = &pipeline.output_topic {
        spec.override_output(topic);
    }
    if let Some(topic) = &pipeline.dead_letter_topic {
        spec.override_dead_letters(topic);
    }
    if let Some(topic) = &pipeline.errors_topic {
        spec.override_errors(topic);
    }
    if let Some(topic) = &pipeline.filtered_topic {
        spec.override_filtered(topic);
    }
    if let Some(topic) = &pipeline.summary_topic {
        spec.override_summary(topic);
    }
    let given = pipeline.hash_key.as_ref().map(|key| key.expose().to_vec());
    let hash_key = match key {
        Key::Needed => given,
        Key::NotNeeded => Some(given.unwrap_or_else(|| vec![0; 32])),
    };
    let options = Options {
        hash_key: hash_key.map(Into::into),
        hash_key_id: pipeline.hash_key_id.clone(),
        timezone: pipeline.timezone,
    };
    spec.compile(&options).map_err(texts)
}

/// librdkafka is who the values are for; its settings cannot be printed either.
fn exposed(properties: &BTreeMap<&'static str, SecretString>) -> Vec<(String, String)> {
    let expose = |(name, value): (&&str, &SecretString)| {
        ((*name).to_owned(), value.expose_secret().to_owned())
    };
    properties.iter().map(expose).collect()
}

fn texts<T: ToString>(errors: Vec<T>) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
