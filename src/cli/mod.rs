//! The command line: a file a command. Knows what the house can do, not how its actors work.
//!
//! Exit codes: 0 done or drained; 1 failed while running, the reason in the last log line; 2 wrong
//! usage or settings: nothing was started, every mistake is named at once.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::Command;

use crate::config;
use crate::telemetry::logs;

mod chaos;
mod check;
mod counts;
mod demo;
mod generate;
mod health;
mod json_line;
mod pipelines;
mod preflight;
mod run;
mod service;
mod setup;
mod signals;
mod store;
mod topics;
mod view;

/// How a command failed.
#[derive(Debug)]
enum Failure {
    /// Wrong usage or settings, a line each.
    Usage(Vec<String>),
    /// It failed while it ran.
    Running(String),
    /// Whoever read what is printed, such as `head`, has seen enough: no failure to anybody.
    Unread,
}

impl From<io::Error> for Failure {
    /// That of writing to stdout.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Failure::Unread,
            _ => running(error),
        }
    }
}

type Outcome = Result<(), Failure>;

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let outcome = match matches.subcommand() {
        Some(("run", args)) => run::run(args),
        Some(("demo", args)) => demo::run(args),
        Some(("check", args)) => check::run(args),
        Some(("counts", args)) => counts::run(args),
        Some(("pipelines", args)) => pipelines::run(args),
        Some(("generate", args)) => generate::run(args),
        Some(("view", args)) => view::run(args),
        Some(("topics", args)) => topics::run(args),
        Some(("health", args)) => health::run(args),
        Some(("chaos", args)) => chaos::run(args),
        _ => unreachable!("clap requires a command that it knows"),
    };
    match outcome {
        Ok(()) | Err(Failure::Unread) => ExitCode::SUCCESS,
        Err(Failure::Running(reason)) => {
            tell(&reason);
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

/// The reason is the last line of the log, where there is one that is not switched off.
fn tell(reason: &str) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{reason}");
    } else {
        eprintln!("error: {reason}");
    }
}

fn command() -> Command {
    Command::new("greenroom")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(run::command()))
        .subcommand(with_settings(demo::command()))
        .subcommand(with_settings(check::command()))
        .subcommand(with_settings(counts::command()))
        .subcommand(pipelines::command())
        .subcommand(with_settings(generate::command()))
        .subcommand(with_settings(view::command()))
        .subcommand(topics::command())
        .subcommand(with_settings(health::command()))
        .subcommand(with_settings(chaos::command()))
}

fn with_settings(command: Command) -> Command {
    config::command_args(command)
}

/// # Errors
/// Where `RUST_LOG` cannot be read.
fn start_log(log: &config::Log) -> Result<logs::Filter, Failure> {
    logs::init(log.format, &log.filter).map_err(|error| Failure::Usage(vec![error.to_string()]))
}

/// Writes a line to stdout.
fn say(line: impl Display) -> Outcome {
    Ok(writeln!(io::stdout(), "{line}")?)
}

fn running(error: impl Display) -> Failure {
    Failure::Running(error.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_whole() {
        super::command().debug_assert();
    }
}
