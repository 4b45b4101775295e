//! OpenTelemetry's standard variables, as far as Greenroom reads them itself; the exporter reads
//! the others of its own accord.

mod batching;
mod tls;

use secrecy::SecretString;

pub use batching::Batching;
pub(super) use batching::{BATCH, DELAY, QUEUE, TIMEOUT};
pub use tls::Tls;
pub(super) use tls::{
    CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, TRACES_CERTIFICATE, TRACES_CLIENT_CERTIFICATE,
    TRACES_CLIENT_KEY,
};

use super::setting::{
    Choice,
    Fallback::{Unset, Value},
    Given::Environment,
    Kind, Setting,
};
use super::{Config, parse};
use crate::trace::{Root, Sampler};

const URL: &str = "`http://host:port` or `https://host:port`, with a path where there is one";
const HEADERS: &str = "`name=value`, comma-separated, values percent-encoded";

/// What is traced, and where spans are sent.
#[derive(Clone, Debug)]
pub struct Traces {
    /// What holds for all of OpenTelemetry's signals.
    pub otlp: Otlp,
    /// What holds for traces only, and prevails.
    pub traces: Otlp,
    pub sampler: SamplerName,
    /// The share that is traced, where the sampler is one of a share.
    pub ratio: f64,
    /// None: the default, or what `OTEL_RESOURCE_ATTRIBUTES` says.
    pub service_name: Option<String>,
    pub batching: Batching,
    pub is_exported: bool,
    pub is_disabled: bool,
}

/// How a collector is reached, as far as it is said.
#[derive(Clone, Debug, Default)]
pub struct Otlp {
    pub endpoint: Option<String>,
    pub protocol: Option<Protocol>,
    pub headers: Option<SecretString>,
    pub tls: Tls,
}

/// What is spoken with the collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    #[default]
    HttpProtobuf,
}

/// The values of `OTEL_TRACES_SAMPLER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplerName {
    AlwaysOn,
    AlwaysOff,
    Ratio,
    ParentOrOn,
    ParentOrOff,
    ParentOrRatio,
}

/// Where spans are sent.
#[derive(Clone, Debug)]
pub struct Export {
    /// Whole, with the path that the protocol wants.
    pub endpoint: String,
    pub protocol: Protocol,
    /// Name and value, the latter percent-encoded.
    pub headers: SecretString,
    /// For an endpoint on `https`.
    pub tls: Tls,
}

impl Traces {
    pub(super) fn blank() -> Traces {
        Traces {
            otlp: Otlp::default(),
            traces: Otlp::default(),
            sampler: SamplerName::AlwaysOff,
            ratio: 0.0,
            service_name: None,
            batching: Batching::default(),
            is_exported: false,
            is_disabled: false,
        }
    }

    /// None where spans are sent nowhere.
    pub fn export(&self) -> Option<Export> {
        if self.is_disabled || !self.is_exported {
            return None;
        }
        let protocol = self.traces.protocol.or(self.otlp.protocol);
        let protocol = protocol.unwrap_or_default();
        let general = self.otlp.endpoint.as_deref();
        let general = general.map(|endpoint| match protocol {
            Protocol::Grpc => endpoint.to_owned(),
            Protocol::HttpProtobuf => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        });
        let headers = self.traces.headers.as_ref().or(self.otlp.headers.as_ref());
        Some(Export {
            endpoint: self.traces.endpoint.clone().or(general)?,
            protocol,
            headers: headers.cloned().unwrap_or_default(),
            tls: self.traces.tls.or(&self.otlp.tls),
        })
    }

    pub fn sampler(&self) -> Sampler {
        use SamplerName::{AlwaysOff, AlwaysOn, ParentOrOff, ParentOrOn, ParentOrRatio, Ratio};
        Sampler {
            follows_parent: matches!(self.sampler, ParentOrOn | ParentOrOff | ParentOrRatio),
            root: match self.sampler {
                AlwaysOn | ParentOrOn => Root::AlwaysOn,
                AlwaysOff | ParentOrOff => Root::AlwaysOff,
                Ratio | ParentOrRatio => Root::Ratio(self.ratio),
            },
        }
    }
}

pub(super) const ENDPOINT: Setting = Setting {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    given: Environment,
    default: Unset("none: no traces"),
    help: "collector that traces are sent to; `/v1/traces` is appended for HTTP",
    kind: Kind::Parsed(URL, |config, text| {
        parse::http_url(text).map(|url| config.traces.otlp.endpoint = Some(url))
    }),
};

pub(super) const TRACES_ENDPOINT: Setting = Setting {
    name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    given: Environment,
    default: Unset("the one above"),
    help: "the same for traces alone; nothing is appended",
    kind: Kind::Parsed(URL, |config, text| {
        parse::http_url(text).map(|url| config.traces.traces.endpoint = Some(url))
    }),
};

pub(super) const PROTOCOL: Setting = Setting {
    name: "OTEL_EXPORTER_OTLP_PROTOCOL",
    given: Environment,
    default: Value("http/protobuf"),
    help: "what is spoken with the collector",
    kind: Kind::Choice(&[
        Choice {
            word: "grpc",
            choose: |config| config.traces.otlp.protocol = Some(Protocol::Grpc),
        },
        Choice {
            word: "http/protobuf",
            choose: |config| config.traces.otlp.protocol = Some(Protocol::HttpProtobuf),
        },
    ]),
};

pub(super) const TRACES_PROTOCOL: Setting = Setting {
    name: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    given: Environment,
    default: Unset("the one above"),
    help: "the same for traces alone",
    kind: Kind::Choice(&[
        Choice {
            word: "grpc",
            choose: |config| config.traces.traces.protocol = Some(Protocol::Grpc),
        },
        Choice {
            word: "http/protobuf",
            choose: |config| config.traces.traces.protocol = Some(Protocol::HttpProtobuf),
        },
    ]),
};

pub(super) const OTLP_HEADERS: Setting = Setting {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    given: Environment,
    default: Unset("none"),
    help: "headers for the collector, such as a key",
    kind: Kind::Secret(HEADERS, |config, text| {
        config.traces.otlp.headers = Some(parse::otlp_headers(text)?.into());
        Some("(set)".to_owned())
    }),
};

pub(super) const TRACES_HEADERS: Setting = Setting {
    name: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    given: Environment,
    default: Unset("the ones above"),
    help: "the same for traces alone",
    kind: Kind::Secret(HEADERS, |config, text| {
        config.traces.traces.headers = Some(parse::otlp_headers(text)?.into());
        Some("(set)".to_owned())
    }),
};

pub(super) const EXPORTER: Setting = Setting {
    name: "OTEL_TRACES_EXPORTER",
    given: Environment,
    default: Value("otlp"),
    help: "`none` makes no traces, though there is an endpoint",
    kind: Kind::Choice(&[
        Choice {
            word: "otlp",
            choose: |config| config.traces.is_exported = true,
        },
        Choice {
            word: "none",
            choose: |config| config.traces.is_exported = false,
        },
    ]),
};

pub(super) const DISABLED: Setting = Setting {
    name: "OTEL_SDK_DISABLED",
    given: Environment,
    default: Value("false"),
    help: "`true` makes no traces either",
    kind: Kind::Switch(|config, on| config.traces.is_disabled = on),
};

pub(super) const SAMPLER: Setting = Setting {
    name: "OTEL_TRACES_SAMPLER",
    given: Environment,
    default: Value("parentbased_traceidratio"),
    help: "which records are traced; what is rejected always is, at most 10 a second",
    kind: Kind::Choice(&[
        named("always_on", |config| sample(config, SamplerName::AlwaysOn)),
        named("always_off", |config| {
            sample(config, SamplerName::AlwaysOff)
        }),
        named("traceidratio", |config| sample(config, SamplerName::Ratio)),
        named("parentbased_always_on", |config| {
            sample(config, SamplerName::ParentOrOn)
        }),
        named("parentbased_always_off", |config| {
            sample(config, SamplerName::ParentOrOff)
        }),
        named("parentbased_traceidratio", |config| {
            sample(config, SamplerName::ParentOrRatio)
        }),
    ]),
};

pub(super) const RATIO: Setting = Setting {
    name: "OTEL_TRACES_SAMPLER_ARG",
    given: Environment,
    default: Value("0.01"),
    help: "the share of records that is traced, for the samplers of a ratio",
    kind: Kind::Parsed("a number from 0 to 1", |config, text| {
        parse::share(text).map(|share| config.traces.ratio = share)
    }),
};

pub(super) const SERVICE_NAME: Setting = Setting {
    name: "OTEL_SERVICE_NAME",
    given: Environment,
    default: Unset("greenroom"),
    help: "the service's name in traces",
    kind: Kind::Parsed("one line of at most 255 bytes", |config, text| {
        parse::text(text).map(|name| config.traces.service_name = Some(name))
    }),
};

const fn named(word: &'static str, choose: fn(&mut Config)) -> Choice {
    Choice { word, choose }
}

fn sample(config: &mut Config, name: SamplerName) {
    config.traces.sampler = name;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn otlp(endpoint: &str) -> Traces {
        Traces {
            otlp: Otlp {
                endpoint: Some(endpoint.to_owned()),
                ..Otlp::default()
            },
            is_exported: true,
            ..Traces::blank()
        }
    }

    #[test]
    fn a_general_endpoint_gets_the_path_of_its_protocol() {
        let mut traces = otlp("http://collector:4318/");
        let endpoint = |traces: &Traces| traces.export().expect("an endpoint").endpoint;
        assert_eq!(endpoint(&traces), "http://collector:4318/v1/traces");
        traces.otlp.protocol = Some(Protocol::Grpc);
        assert_eq!(endpoint(&traces), "http://collector:4318/");
        traces.traces.endpoint = Some("http://traces:1/as-it-is".to_owned());
        traces.traces.protocol = Some(Protocol::HttpProtobuf);
        assert_eq!(endpoint(&traces), "http://traces:1/as-it-is");
    }

    #[test]
    fn without_an_endpoint_or_against_its_wish_nothing_is_exported() {
        assert!(Traces::blank().export().is_none());
        let mut traces = otlp("http://collector:4318");
        traces.is_disabled = true;
        assert!(traces.export().is_none());
        traces.is_disabled = false;
        traces.is_exported = false;
        assert!(traces.export().is_none());
    }
}
