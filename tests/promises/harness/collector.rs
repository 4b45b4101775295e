//! A collector of spans: an OTLP server that keeps what it is sent.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use greenroom::config::{Config, Sources, Traces};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Listens on a port of its own for as long as the process lives.
pub struct Collector {
    address: SocketAddr,
    endpoint: String,
    requests: Requests,
}

const WHOLE: &str = "nobody panics with the lock";

type Requests = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A span as it arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty at a root.
    pub parent: String,
    pub kind: i32,
    pub begun: u64,
    pub ended: u64,
    pub attributes: BTreeMap<String, String>,
    pub events: Vec<String>,
    pub links: usize,
    pub failed: bool,
}

struct Receiver {
    requests: Requests,
    /// So many spans of each request.
    refuses: i64,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut requests = self.requests.lock().expect(WHOLE);
        requests.push(request.into_inner());
        let partial_success = ExportTracePartialSuccess {
            rejected_spans: self.refuses,
            error_message: "too old".to_owned(),
        };
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success: (self.refuses > 0).then_some(partial_success),
        }))
    }
}

impl Collector {
    pub fn listen() -> Collector {
        Collector::refusing(0)
    }

    /// Listens, and says of each request that it refuses so many spans of it.
    pub fn refusing(refuses: i64) -> Collector {
        let requests = Requests::default();
        let service = TraceServiceServer::new(Receiver {
            requests: requests.clone(),
            refuses,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let incoming = {
            let _inside = runtime.enter();
            TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a free port")
        };
        let address = incoming.local_addr().expect("an address");
        let server = tonic::transport::Server::builder().add_service(service);
        thread::spawn(move || runtime.block_on(server.serve_with_incoming(incoming)));
        Collector {
            address,
            endpoint: format!("http://{address}"),
            requests,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Settings that send spans here, with this sampler.
    pub fn settings(&self, sampler: &str) -> Traces {
        settings_of_traces(&self.environment(sampler))
    }

    /// The same as variables.
    pub fn environment<'a>(&'a self, sampler: &'a str) -> [(&'a str, &'a str); 3] {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", sampler),
        ]
    }

    pub fn spans(&self) -> Vec<Span> {
        self.requests().concat()
    }

    /// The spans of each request.
    pub fn requests(&self) -> Vec<Vec<Span>> {
        let requests = self.requests.lock().expect(WHOLE);
        requests.iter().map(spans).collect()
    }

    /// All that arrived, as text.
    pub fn everything(&self) -> String {
        format!("{:?}", self.requests.lock().expect(WHOLE))
    }
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let resources = request.resource_spans.iter();
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    spans.map(Span::from).collect()
}

/// What the settings say of traces in this environment.
pub fn settings_of_traces(env: &[(&str, &str)]) -> Traces {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
    let sources = Sources {
        env: env.collect(),
        ..Sources::default()
    };
    Config::load(&sources).expect("right settings").traces
}

impl From<&Sent> for Span {
    fn from(sent: &Sent) -> Span {
        Span {
            name: sent.name.clone(),
            trace: hex::encode(&sent.trace_id),
            id: hex::encode(&sent.span_id),
            parent: hex::encode(&sent.parent_span_id),
            kind: sent.kind,
            begun: sent.start_time_unix_nano,
            ended: sent.end_time_unix_nano,
            attributes: sent.attributes.iter().map(attribute).collect(),
            events: sent.events.iter().map(|event| event.name.clone()).collect(),
            links: sent.links.len(),
            failed: sent.status.as_ref().is_some_and(|status| status.code == 2),
        }
    }
}

fn attribute(of: &KeyValue) -> (String, String) {
    let value = match of.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    (of.key.clone(), value)
}
