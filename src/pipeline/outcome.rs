//! What becomes of a record. Failure is data: only bugs unwind.

use std::fmt;
use std::sync::Arc;

use super::names::{Names, Slot};

/// The longest error detail in bytes: it travels in a header.
const MAX_DETAIL: usize = 512;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its result was appended to the outgoing records.
    Emitted,
    /// The pipeline does not want it.
    Filtered(FilterReason),
    /// It belongs to the dead letters.
    Rejected(Rejection),
}

/// Why a record was filtered. `Compiled::reason` gives its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterReason(pub(super) u32);

/// Why a record was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub error_type: ErrorType,
    /// The name of the step that refused it.
    pub step: Arc<str>,
    /// At most 512 bytes of names, positions and types: never content (P10).
    pub detail: String,
    /// What the errors topic gets of it. Without one it is a dead letter of format `raw`.
    pub record: Option<ErrorRecord>,
}

/// A record's value for the errors topic. It holds content, so it cannot be printed (P10).
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorRecord(pub(super) Vec<u8>);

impl fmt::Debug for ErrorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorRecord({} bytes)", self.0.len())
    }
}

/// The kinds of rejections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorType {
    InvalidJson,
    NotAnObject,
    Tombstone,
    MissingField,
    InvalidIp,
    InvalidTimestamp,
    TransformationError,
    /// The output topic does not take a record of this size.
    TooLarge,
    /// It killed its worker again and again.
    Poison,
}

impl ErrorType {
    /// The name in headers, metrics and counts.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorType::InvalidJson => "invalid_json",
            ErrorType::NotAnObject => "not_an_object",
            ErrorType::Tombstone => "tombstone",
            ErrorType::MissingField => "missing_field",
            ErrorType::InvalidIp => "invalid_ip",
            ErrorType::InvalidTimestamp => "invalid_timestamp",
            ErrorType::TransformationError => "transformation_error",
            ErrorType::TooLarge => "too_large",
            ErrorType::Poison => "poison",
        }
    }
}

/// How a step ends a record's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Filtered,
    Rejected(Refusal),
}

/// What a step has against an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub error_type: ErrorType,
    pub detail: String,
    /// The members that are missing, where that is what is wrong.
    pub missing: Vec<Slot>,
}

impl Stop {
    /// A rejection; a detail that is too long is cut.
    pub fn rejected(error_type: ErrorType, detail: String) -> Self {
        Self::refused(error_type, detail, Vec::new())
    }

    /// A rejection for members that are missing.
    pub fn missing(missing: Vec<Slot>, names: &Names) -> Self {
        let detail = format!("missing: {}", names.list(&missing));
        Self::refused(ErrorType::MissingField, detail, missing)
    }

    fn refused(error_type: ErrorType, mut detail: String, missing: Vec<Slot>) -> Self {
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
        Stop::Rejected(Refusal {
            error_type,
            detail,
            missing,
        })
    }
}
