//! Traces: which records are traced, and their spans on the way to a collector.
//!
//! ```text
//!   actors ──notes──▶ Log ──delivered and counted──▶ [Queue] ──▶ thread `spans`: parts ─▶ spans ─▶ OTLP
//!   [Tracer] decides ─┘                             bounded
//! ```
//!
//! Spans are made on a thread of their own, right before they are sent: what waits is a fifth of
//! their size, and no actor pays for them. A collector that is away or slow costs spans, which are
//! counted, and nothing else.
//!
//! No span holds anything of a record but where it lies and which trace it belongs to (P10): not
//! even its `tracestate`, which goes on with the record.

mod exporter;
mod names;
mod parts;
mod queue;
mod refusals;
mod settled;
mod spans;
mod tracer;
mod transport;

pub use exporter::{Exporter, NoExporter};
pub use names::{Names, Service};
pub use queue::Loss;
pub use tracer::Tracer;

/// A span links to so many others at most, as OpenTelemetry limits it.
const LINKS: usize = 128;
