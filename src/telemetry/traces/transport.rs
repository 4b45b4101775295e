//! How a collector is reached.

use std::collections::HashMap;
use std::time::Duration;

use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use native_tls::{Certificate, Identity, TlsConnector};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
    WithTonicConfig as _,
};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use tonic::transport::{Channel, Endpoint, Error as BadEndpoint};

use crate::config::{Export, Protocol, Tls};

/// For one request: the exporter's own deadline is looked at between two of them only.
const REQUEST: Duration = Duration::from_secs(10);

/// Why a collector cannot be reached as the settings want it.
#[derive(Debug, thiserror::Error)]
pub enum NoTransport {
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
    #[error("the endpoint: {0}")]
    Endpoint(#[from] BadEndpoint),
    #[error("TLS: {0}")]
    Tls(#[from] native_tls::Error),
    #[error(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY need each other"
    )]
    HalfAnIdentity,
}

pub(super) fn transport(export: &Export) -> Result<SpanExporter, NoTransport> {
    let headers = headers(export);
    let exporter = match export.protocol {
        Protocol::Grpc => SpanExporter::builder()
            .with_tonic()
            .with_channel(channel(export)?)
            .with_metadata(metadata(&headers))
            .build(),
        Protocol::HttpProtobuf => SpanExporter::builder()
            .with_http()
            .with_http_client(client(export)?)
            .with_endpoint(&export.endpoint)
            .with_headers(headers)
            .build(),
    };
    Ok(exporter?)
}

fn channel(export: &Export) -> Result<Channel, NoTransport> {
    let endpoint = Endpoint::from_shared(export.endpoint.clone())?.timeout(REQUEST);
    let connector = connector(&export.tls, &["h2"])?;
    Ok(endpoint.connect_with_connector_lazy(connector))
}

fn client(export: &Export) -> Result<HyperClient<HttpsConnector<HttpConnector>>, NoTransport> {
    let connector = connector(&export.tls, &["http/1.1"])?;
    Ok(HyperClient::new(connector, REQUEST, None))
}

/// Speaks TLS with endpoints on `https`, by the one library that Kafka and Redis are reached with
/// too: the exporter's own knows another.
fn connector(tls: &Tls, protocols: &[&str]) -> Result<HttpsConnector<HttpConnector>, NoTransport> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let mut builder = TlsConnector::builder();
    builder.request_alpns(protocols);
    if let Some(pem) = &tls.certificate {
        builder.disable_built_in_roots(true);
        for certificate in Certificate::stack_from_pem(pem.as_bytes())? {
            builder.add_root_certificate(certificate);
        }
    }
    if let Some(identity) = identity(tls)? {
        builder.identity(identity);
    }
    Ok(HttpsConnector::from((http, builder.build()?.into())))
}

fn identity(tls: &Tls) -> Result<Option<Identity>, NoTransport> {
    match (&tls.client_certificate, &tls.client_key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            let key = key.expose_secret().as_bytes();
            Ok(Some(Identity::from_pkcs8(certificate.as_bytes(), key)?))
        }
        _ => Err(NoTransport::HalfAnIdentity),
    }
}

fn headers(export: &Export) -> HashMap<String, String> {
    let headers = export.headers.expose_secret().split(',');
    let pairs = headers.filter_map(|header| header.split_once('='));
    let trimmed = pairs.map(|(name, value)| (name.trim(), value.trim()));
    trimmed
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The same for gRPC, where the exporter leaves it to us to decode the values. Settings that
/// cannot be headers were refused at the start.
fn metadata(headers: &HashMap<String, String>) -> MetadataMap {
    let decode = |value: &String| percent_decode_str(value).decode_utf8_lossy().into_owned();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), decode(value)));
    let headers: HashMap<_, _> = headers.collect();
    MetadataMap::from_headers((&headers).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_its_key_need_each_other() {
        let half = Tls {
            client_key: Some("-----BEGIN PRIVATE KEY-----".to_owned().into()),
            ..Tls::default()
        };
        assert!(matches!(identity(&half), Err(NoTransport::HalfAnIdentity)));
        let refused = connector(&half, &["h2"]).expect_err("no certificate");
        assert!(
            refused
                .to_string()
                .contains("OTEL_EXPORTER_OTLP_CLIENT_KEY")
        );
    }

    #[test]
    fn the_headers_of_a_collector_reach_it_decoded() {
        let export = Export {
            endpoint: String::new(),
            protocol: Protocol::Grpc,
            headers: "api-key=a%20b, other = c=d".to_owned().into(),
            tls: Tls::default(),
        };
        let metadata = metadata(&headers(&export));
        let read = |name: &str| metadata.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(read("api-key"), Some("a b"));
        assert_eq!(read("other"), Some("c=d"));
    }
}
