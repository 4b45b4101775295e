//! The table as flags. clap does not read the environment: the order of sources is decided in
//! one place, and clap would print values (P10).

use clap::{Arg, ArgMatches, Command};

use super::settings::PIPELINE;
use super::{Flags, Given, Kind, SETTINGS, Setting};

/// Adds a flag for every setting that has one.
pub fn command_args(command: Command) -> Command {
    command.args(SETTINGS.iter().filter_map(|setting| match setting.given {
        Given::Flag(flag) => Some(flag_arg(setting, flag)),
        Given::Argument | Given::Environment => None,
    }))
}

/// The argument PIPELINE, for the commands that work on one.
pub fn pipeline_arg() -> Arg {
    Arg::new(PIPELINE.name)
        .value_name("PIPELINE")
        .help(help(&PIPELINE))
}

/// What the command line gives, by the settings' names.
pub fn flags(matches: &ArgMatches) -> Flags {
    SETTINGS
        .iter()
        .filter_map(|setting| {
            let text = matches.try_get_one::<String>(setting.name).ok()??;
            Some((setting.name, text.clone()))
        })
        .collect()
}

fn flag_arg(setting: &Setting, flag: &'static str) -> Arg {
    let arg = Arg::new(setting.name)
        .long(flag)
        .help(help(setting))
        .help_heading("Settings")
        .allow_hyphen_values(true);
    match setting.kind {
        Kind::Switch(_) => arg
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        Kind::Count(..) => arg.value_name("N"),
        Kind::Bytes(..) => arg.value_name("SIZE"),
        Kind::Duration(..) => arg.value_name("TIME"),
        Kind::Choice(_) => arg.value_name("WORD"),
        Kind::Parsed(..) | Kind::Secret(..) => arg.value_name("TEXT"),
    }
}

fn help(setting: &Setting) -> String {
    format!(
        "{} [default: {}] [env: {}]",
        setting.help.replace('`', ""),
        setting.default.describe(),
        setting.name
    )
}
