//! `greenroom run`: the service.

use clap::{ArgMatches, Command};

use super::service;
use super::setup::{Key, Setup};
use super::{Outcome, running, start_log};
use crate::config;
use crate::supervision::install_panic_hook;

pub fn command() -> Command {
    Command::new("run")
        .about("Reads, works and writes until it is told to stop")
        .arg(config::pipeline_arg())
}

pub fn run(args: &ArgMatches) -> Outcome {
    let setup = Setup::load(args, Key::Needed)?;
    let log = start_log(&setup.config.log)?;
    install_panic_hook();
    actix::System::new().block_on(async move {
        let stop = super::signals::stop().map_err(running)?;
        service::serve(setup, log, stop).await
    })
}
