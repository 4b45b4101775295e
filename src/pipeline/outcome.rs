//! What becomes of a record. Failure is data: only bugs unwind.

use std::sync::Arc;

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
    Rejected(ErrorType, String),
}

impl Stop {
    /// A rejection; a detail that is too long is cut.
    pub fn rejected(error_type: ErrorType, mut detail: String) -> Self {
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
        Stop::Rejected(error_type, detail)
    }
}
