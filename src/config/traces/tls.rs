//! Certificates for a collector that is reached over TLS.

use secrecy::SecretString;

use super::Otlp;
use crate::config::setting::{
    Fallback::{self, Unset},
    Given::Environment,
    Kind, Setting,
};
use crate::config::{Config, parse};

const FILE: &str = "the path of a PEM file that can be read";

/// What PEM files hold, as far as they are named.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Trusted in place of the machine's own.
    pub certificate: Option<String>,
    pub client_certificate: Option<String>,
    pub client_key: Option<SecretString>,
}

impl Tls {
    /// Each of it, where it is said; else that of `general`.
    pub(super) fn or(&self, general: &Tls) -> Tls {
        let (own, general) = (self.clone(), general.clone());
        Tls {
            certificate: own.certificate.or(general.certificate),
            client_certificate: own.client_certificate.or(general.client_certificate),
            client_key: own.client_key.or(general.client_key),
        }
    }
}

pub(in crate::config) const CERTIFICATE: Setting = file(
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    Unset("the machine's own"),
    "certificates that a collector on `https` is trusted by",
    |config, text| trust(&mut config.traces.otlp, text),
);

pub(in crate::config) const TRACES_CERTIFICATE: Setting = file(
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    Unset("the ones above"),
    "the same for traces alone",
    |config, text| trust(&mut config.traces.traces, text),
);

pub(in crate::config) const CLIENT_CERTIFICATE: Setting = file(
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    Unset("none"),
    "our certificate, for a collector that asks for one, and those it was signed by",
    |config, text| identify(&mut config.traces.otlp, text),
);

pub(in crate::config) const TRACES_CLIENT_CERTIFICATE: Setting = file(
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    Unset("the one above"),
    "the same for traces alone",
    |config, text| identify(&mut config.traces.traces, text),
);

pub(in crate::config) const CLIENT_KEY: Setting = file(
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    Unset("none"),
    "its private key, PKCS#8",
    |config, text| prove(&mut config.traces.otlp, text),
);

pub(in crate::config) const TRACES_CLIENT_KEY: Setting = file(
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    Unset("the one above"),
    "the same for traces alone",
    |config, text| prove(&mut config.traces.traces, text),
);

const fn file(
    name: &'static str,
    default: Fallback,
    help: &'static str,
    read: fn(&mut Config, &str) -> Option<()>,
) -> Setting {
    Setting {
        name,
        given: Environment,
        default,
        help,
        kind: Kind::Parsed(FILE, read),
    }
}

fn trust(otlp: &mut Otlp, path: &str) -> Option<()> {
    parse::pem_file(path).map(|pem| otlp.tls.certificate = Some(pem))
}

fn identify(otlp: &mut Otlp, path: &str) -> Option<()> {
    parse::pem_file(path).map(|pem| otlp.tls.client_certificate = Some(pem))
}

fn prove(otlp: &mut Otlp, path: &str) -> Option<()> {
    parse::pem_file(path).map(|pem| otlp.tls.client_key = Some(pem.into()))
}
