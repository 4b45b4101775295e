//! `greenroom generate`: login events to look at.

use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::setup::{Key, Setup};
use super::signals::Stops;
use super::{Failure, Outcome, running, start_log};
use crate::generator::{Event, Generator, Kind, Pace, Profile};
use crate::kafka::SendError;
use crate::supervision::{Clock, Moment, SystemClock};

mod sender;

pub use sender::Sender;

/// For the last spans.
const FLUSH: Duration = Duration::from_secs(5);
const KINDS: [&str; 3] = ["usual", "sample", "hostile"];

pub fn command() -> Command {
    Command::new("generate")
        .about("Sends login events to the pipeline's input")
        .arg(option("rate", "R", "Events a second; 0 is as fast as it goes").default_value("2"))
        .arg(
            option("count", "N", "Events in all [default: no end]")
                .value_parser(value_parser!(u64)),
        )
        .arg(
            option("kind", "KIND", "Which events")
                .value_parser(KINDS)
                .default_value("usual"),
        )
        .arg(
            option("seed", "S", "The same seed makes the same events")
                .value_parser(value_parser!(u64)),
        )
        .arg(option(
            "topic",
            "T",
            "Where to [default: the pipeline's input]",
        ))
        .arg(
            Arg::new("no-trace")
                .long("no-trace")
                .action(ArgAction::SetTrue)
                .help("Without traceparent headers"),
        )
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

pub fn run(args: &ArgMatches) -> Outcome {
    let setup = Setup::load(args, Key::NotNeeded)?;
    start_log(&setup.config.log)?;
    let order = Order::read(args)?;
    let topic = args.get_one::<String>("topic");
    let topic = topic.unwrap_or(&setup.pipeline.input_topics()[0]);
    let mut names = setup.names();
    names.inputs = vec![topic.as_str().into()];
    // Nothing but the log tells of what is lost here.
    let exporter = setup.exporter(names, Arc::new(|_| ()))?;
    let sender = Sender::connect(&setup.kafka(), topic, exporter.tracer()).map_err(running)?;
    actix::System::new().block_on(async {
        let end = order.fulfil(&sender).await;
        exporter.flush(FLUSH).await;
        end
    })
}

struct Order {
    profile: Profile,
    rate: f64,
    count: Option<u64>,
}

impl Order {
    fn read(args: &ArgMatches) -> Result<Order, Failure> {
        let text = args.get_one::<String>("rate").map_or("", String::as_str);
        let rate: f64 = text.parse().unwrap_or(-1.0);
        if !(0.0..=1e9).contains(&rate) {
            let mistake = format!("--rate={text}: allowed is a number from 0 to 1000000000");
            return Err(Failure::Usage(vec![mistake]));
        }
        let kind = args
            .get_one::<String>("kind")
            .map_or("usual", String::as_str);
        let kind: Kind = kind.parse().map_err(running)?;
        let seed = args.get_one::<u64>("seed").copied();
        Ok(Order {
            profile: Profile {
                trace: !args.get_flag("no-trace"),
                ..Profile::new(kind, seed.unwrap_or_else(rand::random))
            },
            rate,
            count: args.get_one::<u64>("count").copied(),
        })
    }

    /// A signal ends the sending, and the next one the wait for what was sent.
    async fn fulfil(&self, sender: &Sender) -> Outcome {
        let mut stops = Stops::listen().map_err(running)?;
        let sent = tokio::select! {
            sent = self.send(sender) => sent.map_err(running),
            () = stops.next() => Ok(()),
        };
        let delivered = tokio::select! {
            delivered = sender.deliver() => delivered,
            () = stops.next() => Ok(()),
        };
        sent?;
        match (sender.undelivered(), delivered) {
            (0, _) => Ok(()),
            (events, Ok(())) => Err(running(format!("{events} events were not delivered"))),
            (events, Err(late)) => Err(running(format!(
                "{events} events were not delivered: {late}"
            ))),
        }
    }

    async fn send(&self, sender: &Sender) -> Result<(), SendError> {
        let mut generator = Generator::new(self.profile);
        let mut pace = Pace::new(self.rate);
        let clock = SystemClock::new();
        let mut event = Event::default();
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            let elapsed = clock.now().since(Moment::START);
            let due = pace
                .as_mut()
                .map_or(1000, |pace| pace.due(elapsed))
                .min(left);
            for _ in 0..due {
                generator.fill(&mut event, unix_seconds());
                sender.send(&event).await?;
            }
            left -= due;
            let wait = pace
                .as_ref()
                .map_or(Duration::ZERO, |pace| pace.wait(elapsed));
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

pub fn unix_seconds() -> i64 {
    chrono::Utc::now().timestamp()
}
