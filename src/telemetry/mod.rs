//! What leaves the house for its operators: logs, metrics and traces.
//!
//! None of them holds a record's key, headers or value, or any part of them (P10). Knows nothing of
//! actors: metrics are read off the [status board](crate::status::Board).

pub mod logs;
pub mod metrics;
pub mod process;
pub mod traces;

pub use metrics::Metrics;
