//! `greenroom pipelines`: what is shipped.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Failure, Outcome};
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
        print!("{}", guide());
        return Ok(());
    }
    let Some(name) = args.get_one::<String>("name") else {
        for preset in PRESETS {
            let spec = Spec::parse(preset.toml, preset.name);
            let described = spec.as_ref().map_or("", |spec| spec.description());
            println!("{:12} {described}", preset.name);
        }
        return Ok(());
    };
    match preset(name) {
        Some(preset) => {
            print!("{}", preset.with_sample());
            Ok(())
        }
        None => {
            let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
            let allowed = names.join(", ");
            let mistake = format!("there is no pipeline `{name}` (shipped are: {allowed})");
            Err(Failure::Usage(vec![mistake]))
        }
    }
}
