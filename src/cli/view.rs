//! `greenroom view`: follows topics, for a person or a program to read.
//!
//! ```text
//! signals ──stop──▶ the reading thread (follow) ──records──▶ stdout (printer ─▶ table or JSON)
//! ```
//!
//! The thread may be asking a broker that does not answer, or writing to a pipe that nobody reads.
//! So a stop waits for it a moment only, and then the process ends without it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::setup::{Key, Setup};
use super::signals::Stops;
use super::{Failure, Outcome, running, start_log};
use crate::config;
use crate::supervision::install_panic_hook;

mod follow;
mod printer;
mod table;

use follow::{Follower, Wish};
use printer::Printer;

/// For a line that is half written, and for a last commit.
const GOODBYE: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  greenroom view                                    the pipeline's output, from now on
  greenroom view --dead-letters --from-beginning    what was rejected, and why
  greenroom view user-login --count 10 --json | jq .value";

pub fn command() -> Command {
    Command::new("view")
        .about("Follows topics: the pipeline's output, its dead letters, or any others")
        .after_help(EXAMPLES)
        .arg(
            Arg::new("topics")
                .value_name("TOPIC")
                .num_args(0..)
                .help("Topics to follow [default: the pipeline's output]"),
        )
        .arg(switch(
            "from-beginning",
            "Begin with the first record there is, not with the next that comes",
        ))
        .arg(switch(
            "dead-letters",
            "Follow the pipeline's dead letters, besides the topics that are named",
        ))
        .arg(
            Arg::new("count")
                .long("count")
                .short('n')
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..))
                .help("End after so many records [default: no end]"),
        )
        .arg(switch(
            "json",
            "A JSON object a line, with headers; values whole, bytes that are no text in base64",
        ))
        .arg(
            Arg::new("group")
                .long("group")
                .short('g')
                .value_name("GROUP")
                .help("Join this consumer group: begin where it has committed, commit what is printed [default: no group, nothing committed]"),
        )
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

pub fn run(args: &ArgMatches) -> Outcome {
    let setup = load(args)?;
    start_log(&setup.config.log)?;
    install_panic_hook();
    let wish = wish(args, &setup);
    let printer = if args.get_flag("json") {
        Printer::json()
    } else {
        Printer::table(setup.config.pipeline.timezone, &wish.topics)
    };
    actix::System::new().block_on(follow(&setup, wish, printer))
}

async fn follow(setup: &Setup, wish: Wish, printer: Printer) -> Outcome {
    let mut stops = Stops::listen().map_err(running)?;
    let (watching, stopped) = mpsc::channel();
    let follower = Follower::new(setup, wish, stopped).map_err(running)?;
    let (tell, mut ended) = oneshot::channel();
    let reading = move || {
        // Nobody listens where a stop did not wait for us.
        let _ = tell.send(follower.follow(printer));
    };
    let thread = thread::Builder::new().name("view".to_owned());
    thread.spawn(reading).map_err(running)?;
    tokio::select! {
        outcome = &mut ended => {
            outcome.unwrap_or_else(|_| Err(running("the reading thread died")))
        }
        () = stops.next() => {
            drop(watching);
            // What it still had to say is no reason to fail: it was asked to stop.
            let _ = timeout(GOODBYE, ended).await;
            Ok(())
        }
    }
}

/// The settings; every mistake in them and in what `view` itself was given, at once.
fn load(args: &ArgMatches) -> Result<Setup, Failure> {
    let mut mistakes = mistakes(args);
    match Setup::load(args, Key::NotNeeded) {
        Ok(setup) => {
            mistakes.extend(taken_group(args, &setup));
            if mistakes.is_empty() {
                return Ok(setup);
            }
        }
        Err(Failure::Usage(others)) => mistakes.extend(others),
        Err(failure) => return Err(failure),
    }
    Err(Failure::Usage(mistakes))
}

fn mistakes(args: &ArgMatches) -> Vec<String> {
    let wrong = |name: &str, text: &str, allowed| format!("{name}={text:?} must be {allowed}");
    let topics = named(args).filter_map(|topic| {
        let allowed = config::topic(topic).err()?;
        Some(wrong("TOPIC", topic, allowed))
    });
    let group = args.get_one::<String>("group").and_then(|group| {
        let allowed = config::group(group).err()?;
        Some(wrong("--group", group, allowed))
    });
    topics.chain(group).collect()
}

/// As a member of the service's own group a viewer would take partitions from it, and commit past
/// records that were never worked on (P1).
fn taken_group(args: &ArgMatches, setup: &Setup) -> Option<String> {
    let group = args.get_one::<String>("group")?;
    let own = setup.pipeline.group();
    (group == own).then(|| {
        format!("--group={group:?} is the pipeline's own: its service would lose what you see")
    })
}

fn named(args: &ArgMatches) -> impl Iterator<Item = &String> {
    args.get_many::<String>("topics").into_iter().flatten()
}

fn wish(args: &ArgMatches, setup: &Setup) -> Wish {
    let pipeline = &setup.pipeline;
    let mut topics: Vec<String> = named(args).cloned().collect();
    if args.get_flag("dead-letters") {
        let inputs = 0..u16::try_from(pipeline.input_topics().len()).unwrap_or(u16::MAX);
        let letters = inputs.map(|input| usize::from(pipeline.dead_letters(input)));
        topics.extend(letters.map(|index| pipeline.topics()[index].clone()));
    } else if topics.is_empty() {
        topics.push(pipeline.topics()[0].clone());
    }
    topics.sort_unstable();
    topics.dedup();
    Wish {
        topics,
        from_beginning: args.get_flag("from-beginning"),
        count: args.get_one::<u64>("count").copied().unwrap_or(u64::MAX),
        group: args.get_one::<String>("group").cloned(),
    }
}
