//! What spans call things by: indices on the way are names on arrival.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};

/// Names that every span of a pipeline may need.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The input topics, in the pipeline's order.
    pub inputs: Vec<Arc<str>>,
    /// The topics written to, in the pipeline's order.
    pub outputs: Vec<Arc<str>>,
    pub steps: Vec<Arc<str>>,
    pub group: Arc<str>,
    pub client_id: Arc<str>,
}

/// Who says all this.
#[derive(Clone, Debug)]
pub struct Service {
    /// None: what `OTEL_RESOURCE_ATTRIBUTES` says, else `greenroom`.
    pub name: Option<String>,
    pub instance: String,
}

impl Service {
    pub(super) fn resource(&self) -> Resource {
        let own = [
            KeyValue::new("service.instance.id", self.instance.clone()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ];
        let builder = Resource::builder_empty()
            .with_service_name(env!("CARGO_PKG_NAME"))
            .with_attributes(own)
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_detector(Box::new(EnvResourceDetector::new()));
        match &self.name {
            Some(name) => builder.with_service_name(name.clone()).build(),
            None => builder.build(),
        }
    }
}
