//! The work on a record, as pure values: no actors, no Kafka, no clock but the one handed in.
//!
//! ```text
//! TOML ──Spec::parse──▶ Spec ──compile──▶ Compiled ──worker──▶ Worker
//!                                                                │
//! Record ─▶ read (JSON, strict) ─▶ step ─▶ step ─▶ … ─▶ write ─▶ Outgoing
//!              │                    │
//!              └──── Rejected ──────┴──── Filtered (either may have a topic of its own form)
//! ```
//! A pipeline file says which steps there are and in which order; no code knows a pipeline's name.
//! Failure is data (`Outcome`): only bugs unwind. Errors speak of names, positions and types,
//! never of content (P10).

mod address;
mod compiled;
mod count;
mod event;
mod guide;
mod json;
mod letter;
mod masking;
mod names;
mod outcome;
mod presets;
mod reason;
mod report;
mod section;
mod side_topic;
mod spec;
mod steps;
mod time;
mod worker;

pub use compiled::{Compiled, Options, Summary};
pub use guide::guide;
pub use letter::{LetterWriter, Rejected};
pub use outcome::{ErrorRecord, ErrorType, FilterReason, Outcome, Rejection};
pub use presets::{PRESETS, Preset, preset};
pub use report::{Layout, Report};
pub use section::SpecError;
pub use spec::Spec;
pub use time::Now;
pub use worker::Worker;
