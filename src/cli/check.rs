//! `greenroom check`: are the settings right, and what does the pipeline make of these events?

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use chrono::{DateTime, SecondsFormat};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::json_line::JsonLine;
use super::setup::{Key, Setup};
use super::{Failure, Outcome, say, start_log, store};
use crate::config::{self, Delivery};
use crate::counts::{Accumulator, Changelog, Counts};
use crate::flow::Partition;
use crate::pipeline::{LetterWriter, Now, Outcome as Result_, Rejected, Worker};
use crate::record::{Outgoing, Records};
use crate::supervision::unix_nanos;

mod broker;
mod lines;

const EXAMPLES: &str = "\
Examples:
  greenroom check my.toml --input events.jsonl    what it makes of these events
  greenroom check --broker                        could the service start here?";

pub fn command() -> Command {
    Command::new("check")
        .about("Settings, the pipeline explained, each input line's result; without Kafka but for --broker")
        .after_help(EXAMPLES)
        .arg(config::pipeline_arg())
        .arg(
            Arg::new("input")
                .long("input")
                .value_name("FILE")
                .help("Events, a line each, or envelopes of key, value and headers; `-` is stdin"),
        )
        .arg(
            Arg::new("now")
                .long("now")
                .value_name("RFC3339")
                .requires("input")
                .help("The time to work at, for results that can be compared"),
        )
        .arg(
            Arg::new("counts")
                .long("counts")
                .action(ArgAction::SetTrue)
                .requires("input")
                .help("Print what was counted in a last line, {\"counts\": …}"),
        )
        .arg(
            Arg::new("broker")
                .long("broker")
                .action(ArgAction::SetTrue)
                .conflicts_with("input")
                .help("Also ask the broker: are the topics there, and may they be used?"),
        )
}

pub fn run(args: &ArgMatches) -> Outcome {
    let setup = Setup::load(args, Key::Needed)?;
    match args.get_one::<String>("input") {
        Some(path) => results(&setup, path, now(args)?, args.get_flag("counts")),
        None => {
            explain(&setup)?;
            if args.get_flag("broker") {
                start_log(&setup.config.log)?;
                return broker::look(&setup);
            }
            Ok(())
        }
    }
}

fn explain(setup: &Setup) -> Outcome {
    for listed in &setup.config.listing {
        say(listed)?;
    }
    say("")?;
    for line in setup.pipeline.explain() {
        say(line)?;
    }
    if setup.config.flow.delivery == Delivery::ExactlyOnce {
        say(format_args!("\n{}", what_exactly_once_asks(setup)))?;
    }
    Ok(())
}

fn what_exactly_once_asks(setup: &Setup) -> String {
    let mut topics = setup.pipeline.topics().to_vec();
    let mut note = "note: counts are not part of the transactions: they are exact all the same, \
                    and seen a moment earlier or later than the results";
    if store::travels_with_transactions(setup) {
        topics.push(Changelog::topic(setup.pipeline.group()));
        note = "note: counts are part of the transactions, and seen together with the results";
    }
    let topics = topics.join(", ");
    format!(
        "warning: whoever reads {topics} must set isolation.level=read_committed, or sees what \
         never became final as well\n{note}"
    )
}

/// The time to work at, in nanoseconds since 1970.
fn now(args: &ArgMatches) -> Result<u64, Failure> {
    let Some(text) = args.get_one::<String>("now") else {
        return Ok(unix_nanos());
    };
    let parsed = DateTime::parse_from_rfc3339(text).ok();
    let nanos = parsed.and_then(|now| now.timestamp_nanos_opt());
    let nanos = nanos.and_then(|nanos| u64::try_from(nanos).ok());
    nanos.ok_or_else(|| {
        let allowed = "allowed is a time from 1970 to 2261 such as 2026-01-02T03:04:05Z";
        Failure::Usage(vec![format!("--now={text}: {allowed}")])
    })
}

fn results(setup: &Setup, path: &str, now: u64, counts: bool) -> Outcome {
    let unreadable = |error: io::Error| Failure::Usage(vec![format!("--input={path}: {error}")]);
    let input: Box<dyn BufRead> = match path {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(BufReader::new(File::open(path).map_err(unreadable)?)),
    };
    let mut desk = Desk::new(setup, now);
    for (offset, line) in (0..).zip(input.split(b'\n')) {
        let line = line.map_err(unreadable)?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        desk.work(offset, line)?;
    }
    if counts {
        say(json!({"counts": desk.counted()}))?;
    }
    Ok(())
}

/// One record after the other, by the very code that the service runs.
struct Desk<'s> {
    setup: &'s Setup,
    worker: Worker,
    letters: LetterWriter,
    counts: Accumulator,
    now: Now,
    failed_at: String,
}

impl<'s> Desk<'s> {
    fn new(setup: &'s Setup, nanos: u64) -> Self {
        let now = DateTime::from_timestamp_nanos(nanos.cast_signed());
        Desk {
            worker: setup.pipeline.worker(),
            letters: LetterWriter::new(setup.pipeline.clone(), super::preflight::MAX_MESSAGE_BYTES),
            counts: Accumulator::default(),
            now: Now::from_unix_nanos(nanos),
            failed_at: now.to_rfc3339_opts(SecondsFormat::Millis, true),
            setup,
        }
    }

    fn work(&mut self, offset: i64, line: &[u8]) -> io::Result<()> {
        let mut records = Records::default();
        lines::read(line, offset, &mut records);
        let mut out = Outgoing::default();
        let source = records.get(0);
        let counts = Some(&mut self.counts);
        let outcome = self.worker.process(source, 0, self.now, &mut out, counts);
        if let Result_::Rejected(rejection) = &outcome {
            let rejected = Rejected {
                partition: Partition { topic: 0, id: 0 },
                index: 0,
                rejection,
                attempts: 1,
                omit_value: false,
            };
            self.letters
                .write(source, &rejected, &self.failed_at, &mut out);
        }
        for index in 0..out.len() {
            let record = out.get(index, &records);
            let topic = &self.setup.pipeline.topics()[usize::from(record.topic())];
            JsonLine::new(topic, record.key(), record.value(), record.headers())
                .write(&mut io::stdout().lock())?;
        }
        Ok(())
    }

    fn counted(&mut self) -> Counts {
        let mut counts = Counts::default();
        counts.merge(&self.counts.take());
        counts
    }
}
