//! The command line: a file a command. Knows what the house can do, not how its actors work.
//!
//! Exit codes: 0 done or drained; 1 failed while running, the reason in the last log line; 2 wrong
//! usage or settings: nothing was started, every mistake is named at once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::{self, Config};
use crate::pipeline::{Compiled, Spec};

mod check;
mod demo;
mod generate;
mod health;
mod pipelines;
mod run;
mod topics;

/// How a command ended.
enum Failure {
    /// Wrong usage or settings, a line each.
    Usage(Vec<String>),
    /// It failed while it ran.
    Running(String),
}

type Outcome = Result<(), Failure>;

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let outcome = match matches.subcommand() {
        Some(("run", args)) => run::run(args),
        Some(("demo", args)) => demo::run(args),
        Some(("check", args)) => check::run(args),
        Some(("pipelines", args)) => pipelines::run(args),
        Some(("generate", args)) => generate::run(args),
        Some(("topics", args)) => topics::run(args),
        Some(("health", args)) => health::run(args),
        _ => unreachable!("clap requires a known command"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Running(reason)) => {
            tracing::error!("{reason}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(mistakes)) => {
            for mistake in mistakes {
                eprintln!("error: {mistake}");
            }
            ExitCode::from(2)
        }
    }
}

/// The command line as clap knows it.
pub fn command() -> Command {
    Command::new("greenroom")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Reads JSON events from Kafka, works on them in supervised actors, writes them back; nothing is lost.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(run::command()))
        .subcommand(with_settings(demo::command()))
        .subcommand(with_settings(check::command()))
        .subcommand(pipelines::command())
        .subcommand(with_settings(generate::command()))
        .subcommand(with_settings(topics::command()))
        .subcommand(with_settings(health::command()))
}

fn with_settings(command: Command) -> Command {
    config::command_args(command)
}

fn pipeline_arg() -> Arg {
    Arg::new("pipeline")
        .value_name("PIPELINE")
        .help("A preset's name, or a TOML file [default: GREENROOM_PIPELINE, else logins]")
}

fn lines<T: Display>(mistakes: Vec<T>) -> Failure {
    Failure::Usage(mistakes.iter().map(ToString::to_string).collect())
}

fn running(error: impl Display) -> Failure {
    Failure::Running(error.to_string())
}
