//! `greenroom chaos`: restarts the actors of a running service, to see that nothing is lost.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use rand::seq::IndexedRandom;
use secrecy::SecretString;
use serde::Deserialize;

use super::setup::{Key, Setup};
use super::{Failure, Outcome, running, say, signals};
use crate::web;

pub fn command() -> Command {
    Command::new("chaos")
        .about("Restarts actors of the running service at random, until it is told to stop")
        .arg(
            Arg::new("every")
                .long("every")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=3600))
                .default_value("5")
                .help("Time between two restarts"),
        )
        .arg(
            Arg::new("count")
                .long("count")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .help("How many restarts [default: until Ctrl+C]"),
        )
}

pub fn run(args: &ArgMatches) -> Outcome {
    let setup = Setup::load(args, Key::NotNeeded)?;
    let addr = setup.service()?;
    let token = setup.config.http.admin_token.clone().ok_or_else(|| {
        let why = "GREENROOM_ADMIN_TOKEN is not set: it must be the running service's";
        Failure::Usage(vec![why.to_owned()])
    })?;
    let every = args.get_one("every").copied();
    let every = Duration::from_secs(every.expect("clap knows its default"));
    let count = args.get_one("count").copied().unwrap_or(u64::MAX);
    actix::System::new().block_on(async {
        let stop = signals::stop().map_err(running)?;
        tokio::select! {
            outcome = strike(addr, &token, every, count) => outcome,
            () = stop => Ok(()),
        }
    })
}

/// One actor after another, each as likely as any other. The consumer is among them: unlike the
/// embedded broker, real ones bear its coming and going.
async fn strike(addr: SocketAddr, token: &SecretString, every: Duration, count: u64) -> Outcome {
    for number in 0..count {
        if number > 0 {
            tokio::time::sleep(every).await;
        }
        let actors = actors(addr)?;
        let Some(actor) = actors.choose(&mut rand::rng()) else {
            continue;
        };
        let path = format!("/api/actors/{actor}/restart");
        let (code, answer) = web::tell(addr, &path, token, "").map_err(running)?;
        match code {
            202 => say(format_args!("{actor}: {}", answer.trim_end()))?,
            // It ends already, or did between the two questions.
            404 | 409 => {}
            code => {
                return Err(running(format!(
                    "{path} answers {code}: {}",
                    answer.trim_end()
                )));
            }
        }
    }
    Ok(())
}

/// The names of the actors that there are; none where the service only begins.
fn actors(addr: SocketAddr) -> Result<Vec<String>, Failure> {
    let (_, status) = web::ask(addr, "/api/status").map_err(running)?;
    let status: Status = serde_json::from_str(&status).map_err(running)?;
    let mut names: Vec<String> = status.actors.into_iter().map(|of| of.name).collect();
    // It watches the others, and has nobody to restart it.
    names.retain(|name| name != "supervisor");
    Ok(names)
}

/// What of the status is needed here.
#[derive(Deserialize)]
struct Status {
    actors: Vec<Actor>,
}

#[derive(Deserialize)]
struct Actor {
    name: String,
}
