//! The server's life.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, middleware, web};

use super::page;
use super::routes::{self, Sources};

/// For requests under way when the server is told to stop: none of ours takes longer, and an idle
/// connection must not hold up the end (P8).
const GRACE: Duration = Duration::from_secs(1);

/// More than any number of probes, scrapers and open pages; beyond, connections wait.
const CONNECTIONS: usize = 128;

/// Listens at `addr` and answers from `sources`. Port 0 takes a free one: the address
/// that is returned is the real one.
///
/// The server runs once its future is polled, until [`Server::handle`] is told to stop it; it
/// leaves the process's signals alone.
///
/// # Errors
/// Where it cannot listen; the text names the address, the kind is the system's.
pub fn serve(addr: SocketAddr, sources: Arc<Sources>) -> io::Result<(SocketAddr, Server)> {
    let sources = web::Data::from(sources);
    let app = move || {
        App::new()
            .app_data(sources.clone())
            .wrap(security_headers())
            .configure(routes::configure)
    };
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(CONNECTIONS)
        .worker_max_blocking_threads(1)
        .disable_signals()
        .shutdown_timeout(GRACE.as_secs())
        .bind(addr)
        .map_err(|error| cannot_listen(addr, &error))?;
    let bound = server.addrs().first().copied().unwrap_or(addr);
    Ok((bound, server.run()))
}

fn cannot_listen(addr: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen at {addr}: {error}"))
}

/// Nothing that is served may be framed, sniffed, cached, or load anything from elsewhere.
fn security_headers() -> middleware::DefaultHeaders {
    middleware::DefaultHeaders::new()
        .add(("Content-Security-Policy", page::content_security_policy()))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("X-Frame-Options", "DENY"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cache-Control", "no-store"))
}
