//! `greenroom counts`: what was counted, as the pipeline's reports show it or as JSON.
//!
//! A durable store is read itself, for all members of the group; memory is a service's own, which
//! is asked.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::setup::{Key, Setup};
use super::{Failure, Outcome, running, store};
use crate::config::{self, CountsStore};
use crate::counts::Snapshot;
use crate::pipeline::{Layout, Spec, preset};
use crate::web;

pub fn command() -> Command {
    Command::new("counts")
        .about("What the group has counted: the pipeline's reports, then all other counts")
        .after_help(
            "With the store `memory` each instance of a group counts its own partitions: these \
             are those of the one at GREENROOM_HTTP_ADDR, which must be running.",
        )
        .arg(config::pipeline_arg())
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("One JSON object: pipeline, store, partitions and counts, nothing cut"),
        )
}

pub fn run(args: &ArgMatches) -> Outcome {
    let setup = Setup::load(args, Key::NotNeeded)?;
    let (snapshot, place) = match setup.config.counts.store {
        CountsStore::Memory => {
            let addr = setup.service()?;
            (ask_service(addr)?, format!(" at {addr}"))
        }
        store => (read_store(&setup, store)?, String::new()),
    };
    if args.get_flag("json") {
        let json = serde_json::to_string(&snapshot).map_err(running)?;
        return print(&[json]);
    }
    let lines = layout(&setup, &snapshot)?.render(&snapshot.counts);
    eprintln!(
        "counts of {}{place}, store {}",
        snapshot.scope, snapshot.store
    );
    print(&lines)
}

fn read_store(setup: &Setup, store: CountsStore) -> Result<Snapshot, Failure> {
    let states = store::open(setup, Box::new(drop)).and_then(|mut store| store.load_all());
    let (states, pipeline) = (states.map_err(running)?, setup.pipeline.name());
    let scope = format!("group {}", setup.pipeline.group());
    Ok(Snapshot::new(&scope, pipeline, store.name(), &states))
}

fn ask_service(addr: SocketAddr) -> Result<Snapshot, Failure> {
    let hint = "`greenroom run` must be running, and GREENROOM_HTTP_ADDR be where it listens";
    let failure = |what: String| Failure::Running(format!("{what}; {hint}"));
    let (code, text) = web::ask(addr, "/api/counts").map_err(|error| failure(error.to_string()))?;
    if code != 200 {
        return Err(failure(format!(
            "{addr} answers {code} when asked for its counts"
        )));
    }
    serde_json::from_str(&text).map_err(|_| failure(format!("{addr} answers with no counts")))
}

/// The service may run another pipeline than the settings here name; a preset's layout is known.
fn layout(setup: &Setup, snapshot: &Snapshot) -> Result<Layout, Failure> {
    let running = &snapshot.pipeline;
    if running == setup.pipeline.name() {
        return Ok(setup.pipeline.layout().clone());
    }
    let preset = preset(running).and_then(|preset| Spec::parse(preset.toml, preset.name).ok());
    let layout = preset.map(|spec| spec.layout().clone());
    layout.ok_or_else(|| {
        let here = setup.pipeline.name();
        let mistake = format!(
            "the service runs the pipeline `{running}`, not `{here}`: name its file, as in \
             `greenroom counts FILE`, or use --json"
        );
        Failure::Usage(vec![mistake])
    })
}

fn print(lines: &[String]) -> Outcome {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}
