//! `greenroom generate`: login events to look at.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::setup::{Key, Setup};
use super::signals::Stops;
use super::{Failure, Outcome, running, start_log};
use crate::generator::{Event, Generator, Kind, Pace, Profile};
use crate::kafka::{self, NewRecord, Report, SendError, Tag};
use crate::supervision::{Clock, Moment, SystemClock};

/// For one question to the broker, and for the last records to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of that patience, as long as nothing else is looked after.
const SLICE: Duration = Duration::from_millis(100);
/// How long to wait for room where librdkafka's queue is full.
const ROOM: Duration = Duration::from_millis(20);
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
    let sender = Sender::connect(&setup.kafka(), topic).map_err(running)?;
    actix::System::new().block_on(order.fulfil(&sender))
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

/// A producer to one topic; records without a key go round its partitions.
pub struct Sender {
    client: kafka::Producer,
    partitions: i32,
    next: Cell<i32>,
    /// Events that were refused.
    failed: Arc<AtomicUsize>,
}

impl Sender {
    pub fn connect(settings: &kafka::Settings, topic: &str) -> Result<Sender, kafka::Error> {
        let failed = Arc::new(AtomicUsize::new(0));
        let counted = failed.clone();
        let client = kafka::Producer::new(settings, &[topic], move |report| match report {
            Report::Error(error) => tracing::warn!(%error, "trouble with the brokers"),
            Report::Receipts(receipts) => {
                let refused = receipts.iter().filter(|receipt| receipt.is_failure());
                counted.fetch_add(refused.count(), Ordering::Relaxed);
            }
        })?;
        let partitions = client.partition_count(0, PATIENCE)?;
        Ok(Sender {
            client,
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            next: Cell::new(0),
            failed,
        })
    }

    /// Waits where librdkafka has no room.
    pub async fn send(&self, event: &Event) -> Result<(), SendError> {
        let partition = self.partition(event);
        loop {
            match self.try_send(event, partition) {
                Err(SendError::QueueFull) => tokio::time::sleep(ROOM).await,
                answer => return answer,
            }
        }
    }

    /// As [`Sender::send`], on a thread that may block.
    pub fn send_blocking(&self, event: &Event) -> Result<(), SendError> {
        let partition = self.partition(event);
        loop {
            match self.try_send(event, partition) {
                Err(SendError::QueueFull) => std::thread::sleep(ROOM),
                answer => return answer,
            }
        }
    }

    fn try_send(&self, event: &Event, partition: Option<i32>) -> Result<(), SendError> {
        let headers = event.headers.iter();
        let record = NewRecord {
            key: event.key.as_deref(),
            value: event.value.as_deref(),
            timestamp: None,
            headers: headers.map(|(name, value)| (name.as_bytes(), Some(value.as_slice()))),
        };
        self.client.send(0, partition, record, Tag::new(1, 0))
    }

    /// Sends what is still here, and waits until it is acknowledged.
    pub fn flush(&self) -> Result<(), kafka::Error> {
        self.client.flush(PATIENCE)
    }

    /// As [`Sender::flush`], and yields meanwhile, so that signals are heard.
    async fn deliver(&self) -> Result<(), kafka::Error> {
        let mut flushed = self.client.flush(SLICE);
        if flushed.is_err() {
            let events = self.client.pending();
            tracing::info!("waiting for {events} events to be acknowledged; Ctrl+C ends that");
        }
        let clock = SystemClock::new();
        while flushed.is_err() && clock.now().since(Moment::START) < PATIENCE {
            tokio::task::yield_now().await;
            flushed = self.client.flush(SLICE);
        }
        flushed
    }

    /// Events that were refused, or are not acknowledged yet.
    fn undelivered(&self) -> usize {
        self.client.pending() + self.failed.load(Ordering::Relaxed)
    }

    /// A key decides by itself.
    fn partition(&self, event: &Event) -> Option<i32> {
        event.key.is_none().then(|| {
            let partition = self.next.get();
            self.next.set((partition + 1) % self.partitions);
            partition
        })
    }
}

pub fn unix_seconds() -> i64 {
    chrono::Utc::now().timestamp()
}
