//! HTTP: probes, metrics, status, and the page that shows it.
//!
//! | path | |
//! |---|---|
//! | `/healthz` | 200 while the supervisor answers and has not given up |
//! | `/readyz` | 200, or 503 with the reasons; JSON where that is asked for |
//! | `/metrics` | OpenMetrics text |
//! | `/api/status` | [`Status`](crate::status::Status) |
//! | `/api/counts` | what this instance has counted |
//! | `/` | the page |
//!
//! It only looks, and only at the [status board](crate::status::Board): it knows no actor.

mod ask;
mod page;
mod routes;
mod server;

pub use ask::{AskError, ask};
pub use routes::CountsSource;
pub use server::serve;

#[cfg(test)]
mod tests;
