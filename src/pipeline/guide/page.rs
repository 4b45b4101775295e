//! The reference part of docs/pipelines.md, in Markdown. A test compares it.

use std::fmt::Write;

use chrono_tz::Tz;

use super::{Asked, Chapter, Example, Fallback, Form, Key};
use crate::pipeline::count::COUNT;
use crate::pipeline::report::REPORT;
use crate::pipeline::side_topic::{ERRORS, FILTERED, MEMBER};
use crate::pipeline::spec::{FILE, STEP, SUMMARY};
use crate::pipeline::steps::{LACKS, STEPS};
use crate::pipeline::time::{self, Now};

/// The time and the key that the examples were made with; tests run them with the same.
pub(super) const NOW: Now = Now::from_unix_nanos(1_704_164_645_678_901_234);
pub(super) const HASH_KEY: &str = "0123456789abcdef0123456789abcdef";

/// All that may stand in a pipeline file: every section with its keys, every step with an example.
pub fn guide() -> String {
    let mut page = String::new();
    write_chapter(&mut page, "## The file", "", &FILE);
    write_chapter(&mut page, "## `[errors]`", "error", &ERRORS);
    write_chapter(&mut page, "## `[filtered]`", "record", &FILTERED);
    write_chapter(&mut page, "### `record`", "", &MEMBER);
    write_chapter(&mut page, "## `[summary]`", "summary", &SUMMARY);
    write_chapter(&mut page, "## `[[step]]`", "", &STEP);
    page.push_str(&lacks());
    page.push_str(&formats());
    let _ = writeln!(
        page,
        "\nThe examples were made at 2024-01-02T03:04:05.678901Z, with the hash key \
         `{HASH_KEY}`, in UTC."
    );
    for step in STEPS {
        write_chapter(&mut page, &format!("### `{}`", step.name), "result", step);
    }
    write_chapter(&mut page, "## `[[count]]`", "counts", &COUNT);
    write_chapter(&mut page, "## `[[report]]`", "report", &REPORT);
    page
}

/// `result` is the heading over what the examples' inputs become.
fn write_chapter<T>(page: &mut String, heading: &str, result: &str, chapter: &Chapter<T>) {
    let _ = write!(page, "\n{heading}\n\n{}\n\n", chapter.about);
    page.push_str("| key | is | default | meaning |\n|---|---|---|---|\n");
    for asked in chapter.asked() {
        let key = chapter.keys.iter().find(|key| key.name == asked.key);
        page.push_str(&row(
            &asked,
            key.expect("a test finds every key that is asked for"),
        ));
    }
    for example in chapter.examples {
        write_example(page, result, example);
    }
}

fn row(asked: &Asked, key: &Key) -> String {
    let default = match key.fallback {
        Fallback::Needed => "needed".to_owned(),
        Fallback::Value(value) => format!("`{value}`"),
        Fallback::Words(words) => words.to_owned(),
    };
    let (name, form, meaning) = (asked.key, describe(asked), key.meaning);
    format!("| `{name}` | {form} | {default} | {meaning} |\n")
}

fn describe(asked: &Asked) -> String {
    match &asked.form {
        Form::Text => "a text".to_owned(),
        Form::Texts => "a list of texts, each once".to_owned(),
        Form::Member => "a member's name".to_owned(),
        Form::Members => "a list of members' names, each once".to_owned(),
        Form::Flag => "true or false".to_owned(),
        Form::Positive => "a whole number above 0".to_owned(),
        Form::OneOf(names) => format!("one of {}", code(names)),
        Form::SomeOf(names) => format!("a list of some of {}", code(names)),
        Form::Lists => "a table from names to lists of texts".to_owned(),
        Form::Section => format!("a section `[{}]`", asked.key),
        Form::Sections => format!("sections `[[{}]]`", asked.key),
    }
}

fn code(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn write_example(page: &mut String, result: &str, example: &Example) {
    let _ = write!(page, "\n```toml\n{}\n```\n\n", example.toml);
    let _ = writeln!(page, "| value | {result} |\n|---|---|");
    for (value, becomes) in example.runs {
        let becomes = becomes.replace('\n', "`<br>`");
        let _ = writeln!(page, "| `{value}` | `{becomes}` |");
    }
}

/// The ways to lack a value, which several keys take.
fn lacks() -> String {
    let mut text = String::from("\nA member may lack a value in these ways:\n\n");
    text.push_str("| name | the member is |\n|---|---|\n");
    for (name, lack) in LACKS {
        let _ = writeln!(text, "| `{name}` | {} |", lack.explain());
    }
    text
}

/// How times are written, each as the renderer writes it.
fn formats() -> String {
    let mut text = String::from("\nTimes are written in these formats:\n\n");
    text.push_str("| format | for example |\n|---|---|\n");
    for (name, format) in time::Format::NAMES {
        let rendered = NOW.render(*format, Tz::UTC);
        let _ = writeln!(text, "| `{name}` | `{}` |", rendered.as_str());
    }
    text
}
