//! Traces as values: which record is traced, under which ids, and what is noted on its way.
//!
//! Spans are made after the fact, from times taken on the way: while a record travels there is no
//! span, only a [`Journey`] in the [`Log`] of its batch, and of a batch without a traced record not
//! even that.
//!
//! Knows nothing of clocks, exporters, actors and batches.

mod context;
mod log;
mod quota;
mod sampler;
mod stopwatch;

pub use context::{Context, SpanId, TraceId};
pub use log::{About, End, Finished, Journey, Log, Milestone, Sink, Times, Work};
pub use quota::Quota;
pub use sampler::{Origin, Root, Sampler};
pub use stopwatch::{Lap, Stopwatch};
