//! The actors: thin shells around the deciding values of [`crate::flow`] and the work of
//! [`crate::pipeline`], a file each.
//!
//! ```text
//! Kafka ─▶ consumer ──Work──▶ transformer k ──Processed──▶ producer ─▶ Kafka
//!             ▲                   │  └──Rejected──▶ error router ──DeadLetters──▲
//!             │                   └──Counted──▶ aggregator ──Summary────────────┘
//!             └──────────────── Report ────────────────┘
//! ```
//!
//! One direction, and one way back: every actor's [`Report`](crate::flow::Report)s go to the
//! consumer. No actor reaches into another. Knows nothing of HTTP.

pub mod aggregator;
pub mod books;
mod complaints;
pub mod consumer;
pub mod error_router;
pub mod fences;
pub mod messages;
pub mod producer;
pub mod reports;
pub mod sabotage;
pub mod transformer;

pub use aggregator::Aggregator;
use complaints::Complaints;
pub use consumer::Consumer;
pub use error_router::ErrorRouter;
pub use fences::Fences;
pub use producer::Producer;
pub use reports::Reports;
pub use transformer::Transformer;
