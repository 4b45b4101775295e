//! `greenroom health`: asks the running service; for HEALTHCHECK.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::setup::{Key, Setup};
use super::{Failure, Outcome, running, say};
use crate::web;

pub fn command() -> Command {
    Command::new("health")
        .about("Asks the running service whether it is well; exit code 0 or 1")
        .arg(
            Arg::new("ready")
                .long("ready")
                .action(ArgAction::SetTrue)
                .help("Ask whether it can do its work, not only whether it lives"),
        )
}

pub fn run(args: &ArgMatches) -> Outcome {
    let setup = Setup::load(args, Key::NotNeeded)?;
    let addr = setup.service()?;
    let path = if args.get_flag("ready") {
        "/readyz"
    } else {
        "/healthz"
    };
    let (code, text) = web::ask(addr, path).map_err(running)?;
    say(text)?;
    if code == 200 {
        Ok(())
    } else {
        Err(Failure::Running(format!("{path} answers {code}")))
    }
}
