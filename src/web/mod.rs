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
//! With the admin token, as `Authorization: Bearer TOKEN`:
//!
//! | path | |
//! |---|---|
//! | `POST /api/pause`, `/api/resume` | reading ends, and goes on |
//! | `POST /api/actors/{name}/restart` | that actor is replaced; loses nothing |
//! | `POST /api/log-level` | the body's directives, as `RUST_LOG` has them, say what is logged |
//!
//! It knows no actor: it looks at the [status board](crate::status::Board), and asks that.

mod admin;
mod ask;
mod control;
mod page;
mod routes;
mod server;

pub use admin::AdminToken;
pub use ask::{AskError, ask, tell};
pub use routes::{CountsSource, Sources};
pub use server::serve;

#[cfg(test)]
mod tests;
