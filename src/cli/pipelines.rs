//! `greenroom pipelines`: what is shipped.

use std::io::{self, Write};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Failure, Outcome, say};
use crate::pipeline::{PRESETS, Spec, guide, preset};

pub fn command() -> Command {
    Command::new("pipelines")
        .about(
            "The shipped pipelines, a line each, or one as TOML to copy and change, with a sample",
        )
        .arg(Arg::new("name").value_name("NAME"))
        .arg(
            Arg::new("guide")
                .long("guide")
                .action(ArgAction::SetTrue)
                .conflicts_with("name")
                .help("All that may stand in a pipeline file, each step with an example"),
        )
}

pub fn run(args: &ArgMatches) -> Outcome {
    if args.get_flag("guide") {
        return Ok(write!(io::stdout(), "{}", guide())?);
    }
    let Some(name) = args.get_one::<String>("name") else {
        for preset in PRESETS {
            let spec = Spec::parse(preset.toml, preset.name);
            let described = spec.as_ref().map_or("", |spec| spec.description());
            say(format_args!("{:12} {described}", preset.name))?;
        }
        return Ok(());
    };
    match preset(name) {
        Some(preset) => Ok(write!(io::stdout(), "{}", preset.with_sample())?),
        None => {
            let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
            let allowed = names.join(", ");
            let mistake = format!("there is no pipeline `{name}` (shipped are: {allowed})");
            Err(Failure::Usage(vec![mistake]))
        }
    }
}
