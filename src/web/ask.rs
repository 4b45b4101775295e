//! Asking a running service, as a container's health check does, and telling it: no curl needed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use ureq::http::Response;
use ureq::{Agent, Body};

/// A service that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than counts with hundreds of thousands of keys take; a service that sends more is none of
/// ours.
const ANSWER_BYTES: u64 = 256 << 20;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    #[error("no address to ask: {0}")]
    Address(#[from] io::Error),
    #[error("{addr} does not answer: {source}")]
    Silent {
        addr: SocketAddr,
        source: ureq::Error,
    },
}

/// Asks the service that listens at `addr` for `path`; returns the answer's code and text,
/// whatever the code is. Where it listens at all addresses (`0.0.0.0`), this machine's own is
/// asked.
///
/// # Errors
/// Where there is no whole answer within 5 seconds.
pub fn ask(addr: impl ToSocketAddrs, path: &str) -> Result<(u16, String), AskError> {
    call(addr, |agent, root| {
        agent.get(format!("{root}{path}")).call()
    })
}

/// Tells it to do something, as who has the admin token; otherwise as [`ask`].
///
/// # Errors
/// As [`ask`].
pub fn tell(
    addr: impl ToSocketAddrs,
    path: &str,
    token: &SecretString,
    body: &str,
) -> Result<(u16, String), AskError> {
    call(addr, |agent, root| {
        let token = token.expose_secret();
        let request = agent.post(format!("{root}{path}"));
        let request = request.header("Authorization", format!("Bearer {token}"));
        request.send(body)
    })
}

fn call(
    addr: impl ToSocketAddrs,
    send: impl FnOnce(&Agent, &str) -> Result<Response<Body>, ureq::Error>,
) -> Result<(u16, String), AskError> {
    let addr = addr
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    let addr = reachable(addr);
    let answer = send(&agent(), &format!("http://{addr}")).and_then(read);
    answer.map_err(|source| AskError::Silent { addr, source })
}

/// The environment's proxy would look for this service on its own machine.
fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .proxy(None);
    Agent::from(config.build())
}

fn read(mut answer: Response<Body>) -> Result<(u16, String), ureq::Error> {
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES);
    let text = body.read_to_string()?;
    Ok((answer.status().as_u16(), text))
}

fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_at_home() {
        let asked = |addr: &str| reachable(addr.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(asked("[::]:8080"), "[::1]:8080");
        assert_eq!(asked("10.0.0.7:8080"), "10.0.0.7:8080");
    }

    #[test]
    fn silence_names_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);

        let error = ask(addr, "/healthz").expect_err("nobody listens");
        assert!(
            error
                .to_string()
                .starts_with(&format!("{addr} does not answer: ")),
            "{error}"
        );
    }
}
