//! `greenroom demo`: the whole house in one process, and an audit of what it did.
//!
//! ```text
//! generator ─▶ embedded broker ─▶ the house ─▶ embedded broker ─▶ audit
//!                                     ▲
//!                       chaos: panics, stops, hangs, poison
//! ```

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::setup::Setup;
use super::{Failure, Outcome, running, say, service, signals, start_log, store};
use crate::config::{self, CountsStore, Host, PipelineFile, Sources};
use crate::counts::Changelog;
use crate::kafka::EmbeddedBroker;
use crate::status::{Board, Latch, State};
use crate::supervision::{RestartLimits, install_panic_hook};
use crate::telemetry::logs::Filter;
use crate::topology::{Books, House, OutputTopic, Plan};
use crate::web;

mod audit;
mod chaos;
mod feed;
mod screen;
mod show;

use audit::{Reader, Report};
use feed::Feed;

const PARTITIONS: u32 = 4;
/// One event in so many is hostile, so that there is something to reject.
const HOSTILE_SHARE: f64 = 0.01;

pub fn command() -> Command {
    let number = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("demo")
        .about("Everything in one process: no Kafka, no Docker; ends with an audit")
        .arg(
            number("seconds", "N", "How long [default: until Ctrl+C]")
                .value_parser(value_parser!(u64)),
        )
        .arg(
            number("rate", "R", "Events a second")
                .value_parser(value_parser!(u32).range(1..=200_000))
                .default_value("5000"),
        )
        .arg(
            number("seed", "S", "Of events and chaos")
                .value_parser(value_parser!(u64))
                .default_value("1"),
        )
        .arg(
            Arg::new("chaos")
                .long("chaos")
                .action(ArgAction::SetTrue)
                .help("Make actors panic, stop and hang all the while"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("The audit as one JSON object on the last line of stdout"),
        )
}

/// What was asked for.
#[derive(Clone, Copy)]
struct Wish {
    seconds: Option<u64>,
    rate: u32,
    seed: u64,
    chaos: bool,
    json: bool,
}

impl Wish {
    fn read(args: &ArgMatches) -> Wish {
        Wish {
            seconds: args.get_one("seconds").copied(),
            rate: args.get_one("rate").copied().unwrap_or(5000),
            seed: args.get_one("seed").copied().unwrap_or(1),
            chaos: args.get_flag("chaos"),
            json: args.get_flag("json"),
        }
    }
}

pub fn run(args: &ArgMatches) -> Outcome {
    let wish = Wish::read(args);
    let broker = EmbeddedBroker::start(1).map_err(running)?;
    let setup = setup(args, &broker)?;
    let log = start_log(&setup.config.log)?;
    install_panic_hook();
    for topic in setup.topics() {
        broker.create_topic(topic, PARTITIONS).map_err(running)?;
    }
    if setup.config.counts.store == CountsStore::Kafka {
        let topic = Changelog::topic(setup.pipeline.group());
        broker.create_topic(&topic, 1).map_err(running)?;
    }
    let report = actix::System::new().block_on(play(&setup, log, wish))?;
    conclude(&report, wish)
}

/// The service's own settings, but for what the demo brings along: the broker, which gives
/// transactions no meaning, and a random hash key for its lifetime.
fn setup(args: &ArgMatches, broker: &EmbeddedBroker) -> Result<Setup, Failure> {
    let mut env = config::environment();
    env.insert("KAFKA_BROKERS".to_owned(), broker.bootstrap().into());
    env.insert("GREENROOM_DELIVERY".to_owned(), "at-least-once".into());
    let key = hex::encode(rand::random::<[u8; 32]>());
    env.insert("GREENROOM_HASH_KEY".to_owned(), format!("hex:{key}").into());
    for (name, value) in DEFAULTS {
        env.entry(name.to_owned()).or_insert_with(|| value.into());
    }
    let mut flags = config::flags(args);
    flags.remove("KAFKA_BROKERS");
    flags.remove("GREENROOM_DELIVERY");
    let sources = Sources {
        flags,
        env,
        file: PipelineFile::default(),
        host: Host::here(),
    };
    Setup::from(sources, super::setup::Key::Needed)
}

/// What fits the embedded broker, where nothing else is asked for.
const DEFAULTS: [(&str, &str); 7] = [
    // The embedded broker ends with the demo too.
    ("GREENROOM_COUNTS_STORE", "memory"),
    // The screen is what is to be looked at.
    ("RUST_LOG", "off"),
    // So that the lag on it is that of a moment.
    ("GREENROOM_COMMIT_INTERVAL", "100ms"),
    // It answers an empty fetch after its whole wait, whatever comes meanwhile.
    ("GREENROOM_KAFKA_CONSUMER_FETCH_WAIT_MAX_MS", "10"),
    // It looks through all batches of a partition at each fetch: they should be few.
    ("GREENROOM_KAFKA_PRODUCER_LINGER_MS", "50"),
    // It ends a rebalance only after the session timeout, whoever is there.
    ("GREENROOM_KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "3000"),
    ("GREENROOM_KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS", "500"),
];

async fn play(setup: &Setup, log: Filter, wish: Wish) -> Result<Report, Failure> {
    let board = service::board(setup);
    let books = store::books(setup, &board).map_err(running)?;
    let exporter = service::exporter(setup, &board)?;
    let address = listen(setup, &service::sources(setup, &board, &books, log))?;
    if let Some(address) = address {
        say(format_args!("status page: http://{address}"))?;
    }
    let brokers = setup.kafka().brokers;
    let reader = Reader::start(&brokers, topics(setup)).map_err(running)?;
    let mut plan = plan(setup, wish, &board, &books);
    plan.tracer = exporter.tracer();
    let mut house = House::start(plan).await;
    board.ready(Latch::Topics);
    board.set_state(State::Running);
    let feed = Feed::start(setup, wish, exporter.tracer()).map_err(running)?;
    let mut stop = Box::pin(signals::stop().map_err(running)?);
    let in_time = tokio::select! {
        failure = show::act(&mut house, &board, wish) => {
            return Err(Failure::Running(failure));
        }
        () = &mut stop => false,
        () = seconds(wish.seconds) => true,
    };
    if in_time {
        // Ctrl+C goes on being heard.
        actix::spawn(stop);
    }
    // The supervisor's thread must not be blocked.
    let sent = tokio::task::spawn_blocking(move || feed.finish());
    let sent = sent.await.map_err(running)?.map_err(running)?;
    // A pause would hold up the end for ever.
    board.resume();
    show::settle(&mut house, &board, sent).await;
    let restarts = show::restarts(&board);
    board.set_state(State::Draining);
    service::drain(&house, &board, &exporter).await?;
    let filtered = board.snapshot().records.filtered;
    let audit = tokio::task::spawn_blocking(move || reader.finish());
    let audit = audit.await.map_err(running)?.map_err(running)?;
    Ok(audit.finish(filtered, restarts))
}

async fn seconds(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// Where the usual port is taken, a free one will do.
fn listen(setup: &Setup, sources: &Arc<web::Sources>) -> Result<Option<SocketAddr>, Failure> {
    let Some(addr) = setup.config.http.addr else {
        return Ok(None);
    };
    match service::listen_at(addr, sources) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            service::listen_at(SocketAddr::new(addr.ip(), 0), sources)
        }
        answer => answer,
    }
    .map(Some)
    .map_err(running)
}

fn topics(setup: &Setup) -> audit::Topics {
    let outputs = setup.pipeline.topics();
    audit::Topics {
        input: setup.pipeline.input_topics()[0].clone(),
        output: outputs[0].clone(),
        dead_letters: outputs[usize::from(setup.pipeline.dead_letters(0))].clone(),
    }
}

fn plan(setup: &Setup, wish: Wish, board: &Board, books: &Books) -> Plan {
    let outputs = setup.pipeline.topics().iter().map(|name| OutputTopic {
        name: name.clone(),
        partitions: PARTITIONS.cast_signed(),
    });
    let mut plan = service::plan(
        setup,
        outputs.collect(),
        super::preflight::MAX_MESSAGE_BYTES,
        (board, books),
    );
    if wish.chaos {
        plan.poison = Some(chaos::find_poison);
        plan.hang_after = chaos::HANG_AFTER;
        // Ordered restarts are no reason to give up, nor to wait ever longer.
        plan.restarts = RestartLimits {
            restarts: u32::MAX,
            first_wait: Duration::from_millis(10),
            longest_wait: Duration::from_millis(10),
            ..plan.restarts
        };
        // Several workers may be hung at once, each by a record of its own.
        plan.transformers = plan.transformers.max(2);
    }
    plan
}

fn conclude(report: &Report, wish: Wish) -> Outcome {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{report}")?;
    if wish.json {
        writeln!(out, "{}", report.to_json())?;
    }
    if report.nothing_lost() {
        Ok(())
    } else {
        Err(Failure::Running("records were lost".to_owned()))
    }
}
