//! What is asked of the bench.

use clap::{Arg, ArgAction, Command, value_parser};

const AFTER: &str = "\
Without --only: S, F, and the presets with 1, 2 and 4 workers, and their latency. Others are chosen
by name: `--only scale/partitions`, `--only telemetry counts`. S is run in any case.

KAFKA_BROKERS=host:port names a real broker; else there is an embedded one, in a process of its own.";

pub struct Wish {
    pub records: usize,
    pub rounds: usize,
    /// Of each row of latencies.
    pub seconds: usize,
    pub only: Vec<String>,
    pub json: bool,
    pub list: bool,
}

impl Wish {
    pub fn read() -> Wish {
        let args = command().get_matches();
        let number = |name| *args.get_one::<u32>(name).expect("it has a default") as usize;
        let only = args.get_many::<String>("only").unwrap_or_default();
        Wish {
            records: number("records"),
            rounds: number("rounds"),
            seconds: number("seconds"),
            only: only.cloned().collect(),
            json: args.get_flag("json"),
            list: args.get_flag("list"),
        }
    }
}

fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        let arg = Arg::new(name).long(name).value_name("N").help(help);
        arg.value_parser(value_parser!(u32).range(1..))
            .default_value(default)
    };
    let flag = |name: &'static str, help: &'static str| {
        let arg = Arg::new(name).long(name).help(help);
        arg.action(ArgAction::SetTrue)
    };
    let only = Arg::new("only")
        .long("only")
        .value_name("NAME")
        .num_args(1..);
    Command::new("pipeline")
        .about("What it costs to carry login events from Kafka to Kafka")
        .after_help(AFTER)
        .arg(number(
            "records",
            "1000000",
            "Login events that a row carries",
        ))
        .arg(number(
            "rounds",
            "3",
            "Of all rows; their medians are printed",
        ))
        .arg(number("seconds", "10", "That a row of latencies takes"))
        .arg(only.help("Rows, or beginnings of their names up to a slash"))
        .arg(flag("json", "Prints JSON instead of Markdown"))
        .arg(flag("list", "Prints the rows' names and does nothing"))
        // Cargo gives it to every bench.
        .arg(flag("bench", "").hide(true))
}
