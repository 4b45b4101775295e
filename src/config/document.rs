//! The table as documents: the README's section and a sample `.env`. Tests compare both.

use std::fmt::Write;

use super::rules::RULES;
use super::{Fallback, Given, SETTINGS, Setting};

/// Variables that come in families: name, default, meaning.
const FAMILIES: [(&str, &str, &str); 2] = [
    (
        "`GREENROOM_KAFKA_<PROPERTY>`, `GREENROOM_KAFKA_CONSUMER_<PROPERTY>`, `GREENROOM_KAFKA_PRODUCER_<PROPERTY>`",
        "librdkafka's, or a better one",
        "any librdkafka property, such as `GREENROOM_KAFKA_SECURITY_PROTOCOL=sasl_ssl` for \
         `security.protocol`; see below",
    ),
    (
        "other `OTEL_*`",
        "OpenTelemetry's",
        "read by its exporter and resource: `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_RESOURCE_ATTRIBUTES`",
    ),
];

const INTRODUCTION: &str = "\
A flag prevails over the environment, that over the pipeline file's `[settings]` (keys are the flags' names with `_` for \
`-`), and that over the default. `NAME_FILE` reads the variable `NAME` from a file. Keys and tokens have no flag, as every user of a \
machine can read command lines. Unknown variables that begin with `GREENROOM_` are an error, except those that Kubernetes \
injects. All mistakes are reported at once, with exit code 2.
";

/// The README's section on settings, in Markdown.
pub fn readme_table() -> String {
    let mut text = format!(
        "{INTRODUCTION}\n| variable | flag | default | must be | meaning |\n|---|---|---|---|---|\n"
    );
    for setting in SETTINGS {
        text.push_str(&row(setting));
    }
    for (name, default, help) in FAMILIES {
        let _ = writeln!(text, "| {name} | | {default} | | {help} |");
    }
    text.push_str(
        "\nProperties that Greenroom decides itself, because a promise depends on them:\n\n",
    );
    text.push_str("| property | allowed | why |\n|---|---|---|\n");
    for rule in RULES {
        let (names, allowed) = (code(rule.properties), code(rule.allowed));
        let _ = writeln!(text, "| {names} | {allowed} | {} |", rule.why);
    }
    text
}

/// A `.env` file with every setting's default, all of them commented out.
pub fn sample_env() -> String {
    let mut text = String::from("# Greenroom's settings and their defaults.\n");
    for setting in SETTINGS {
        let (help, allowed) = (plain(setting.help), plain(&setting.kind.allowed()));
        let _ = writeln!(text, "\n# {help}\n# (must be {allowed})");
        let _ = match setting.default {
            Fallback::Value(value) => writeln!(text, "#{}={value}", setting.name),
            Fallback::OfHost(described, _) | Fallback::Unset(described) => {
                writeln!(text, "# (default: {described})\n#{}=", setting.name)
            }
        };
    }
    text
}

/// Without Markdown's marks.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn row(setting: &Setting) -> String {
    let flag = match setting.given {
        Given::Flag(flag) => format!("`--{flag}`"),
        Given::Argument => "argument".to_owned(),
        Given::Environment => String::new(),
    };
    let default = match setting.default {
        Fallback::Value(value) => code(&[value]),
        Fallback::OfHost(described, _) | Fallback::Unset(described) => described.to_owned(),
    };
    let (name, help, allowed) = (setting.name, setting.help, setting.kind.allowed());
    format!("| `{name}` | {flag} | {default} | {allowed} | {help} |\n")
}

fn code(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
