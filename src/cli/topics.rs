//! `greenroom topics create`: makes the pipeline's topics.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::setup::{Key, Setup};
use super::{Failure, Outcome, running, say};
use crate::config::{self, CountsStore};
use crate::counts::Changelog;
use crate::kafka::admin::{BROKERS_DEFAULT, TopicPlan};
use crate::kafka::{Admin, Code};

/// A new cluster may take its time.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn command() -> Command {
    let create = Command::new("create")
        .about("Makes the pipeline's topics; those that are there stay as they are")
        .arg(config::pipeline_arg())
        .arg(number(
            "partitions",
            "Partitions of each topic [default: the broker's]",
        ))
        .arg(number(
            "replication-factor",
            "Copies of each partition [default: the broker's]",
        ));
    Command::new("topics")
        .about("The pipeline's topics")
        .subcommand_required(true)
        .subcommand(super::with_settings(create))
}

fn number(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("N")
        .value_parser(value_parser!(i32).range(1..))
        .help(help)
}

pub fn run(args: &ArgMatches) -> Outcome {
    let Some(("create", args)) = args.subcommand() else {
        unreachable!("clap requires the subcommand");
    };
    let setup = Setup::load(args, Key::NotNeeded)?;
    let admin = Admin::new(&setup.kafka()).map_err(running)?;
    let given = |name| {
        let number = args.get_one::<i32>(name).copied();
        number.unwrap_or(BROKERS_DEFAULT)
    };
    let mut names = setup.topics();
    names.sort_unstable();
    names.dedup();
    let mut plans: Vec<TopicPlan> = names
        .iter()
        .map(|name| TopicPlan {
            name: (*name).to_owned(),
            partitions: given("partitions"),
            replication_factor: given("replication-factor"),
            config: Vec::new(),
        })
        .collect();
    if setup.config.counts.store == CountsStore::Kafka {
        let group = setup.pipeline.group();
        plans.push(Changelog::plan(group, given("replication-factor")));
    }
    let answers = actix::System::new()
        .block_on(admin.create(&plans, PATIENCE))
        .map_err(running)?;
    let names = plans.iter().map(|plan| plan.name.as_str());
    tell(names, &answers)
}

fn tell<'a>(names: impl Iterator<Item = &'a str>, answers: &[Result<(), Code>]) -> Outcome {
    let mut failed = Vec::new();
    for (name, answer) in names.zip(answers) {
        match answer {
            Ok(()) => say(format_args!("{name}: made"))?,
            Err(Code::TopicAlreadyExists) => say(format_args!("{name}: was there"))?,
            Err(code) => failed.push(format!("{name}: {code}")),
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Running(failed.join("; ")))
    }
}
