//! Strict JSON (RFC 8259) over borrowed bytes: where values lie, and how texts are written.
//!
//! A library's value tree costs more than the whole pipeline may (serde_json into `Value` takes
//! 391 ns a record, measured), and would lose what must survive: numbers of any precision, and the
//! untouched text of what no step looks at.

mod escape;
mod scanner;

pub(super) use escape::{Literal, quote, quoted, unescape};
pub use scanner::Malformed;
pub(super) use scanner::{Kind, Scanner, Token};

#[cfg(test)]
mod tests;
