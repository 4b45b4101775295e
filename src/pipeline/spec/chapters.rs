//! What the guide says of a pipeline file's sections; each step tells of itself.

use super::{Spec, SummarySpec, Unnamed, read_step, read_summary};
use crate::pipeline::guide::{Chapter, Example, Key};

/// The top of the file.
pub(in crate::pipeline) const FILE: Chapter<Spec> = Chapter {
    name: "the pipeline",
    about: "A pipeline file is TOML. These keys stand at its top; sections follow. Unknown keys are \
            mistakes, and all mistakes are named at once, with their lines.",
    keys: &[
        Key::needed(
            "name",
            "the pipeline's name, as the headers of dead letters say it",
        ),
        Key::optional("description", "nothing", "one line on what it is for"),
        Key::needed("group", "the consumer group"),
        Key::needed("input", "the topics that are read"),
        Key::needed("output", "the topic that results are written to"),
        Key::optional(
            "dead_letters",
            "`<input topic>-dead-letters`",
            "the topic that rejected records are written to, as they came",
        ),
        Key::or(
            "tombstones",
            r#""reject""#,
            "what becomes of a record whose value is null: `pass` writes it to the output, without a step having seen it",
        ),
        Key::or(
            "others",
            r#""reject""#,
            "what becomes of JSON that is no object",
        ),
        Key::optional(
            "filtered",
            "what is filtered goes nowhere",
            "a topic for what is filtered; see below",
        ),
        Key::optional(
            "errors",
            "all rejections are dead letters as they came",
            "a topic for errors in a form of its own; see below",
        ),
        Key::optional(
            "summary",
            "no summaries",
            "when counts are published; see below",
        ),
        Key::optional(
            "step",
            "records pass as they are",
            "the work, in the order of the file; see below",
        ),
        Key::optional("count", "nothing is counted", "what is counted; see below"),
        Key::optional(
            "report",
            "`greenroom counts` shows all counts plainly",
            "how counts are shown to people; see below",
        ),
        Key::optional(
            "settings",
            "nothing is set",
            "settings of the service that go with this pipeline: a flag's name, with `_` for `-`, and its value; see the README",
        ),
    ],
    examples: &[],
    read: Spec::read,
};

pub(in crate::pipeline) const SUMMARY: Chapter<SummarySpec> = Chapter {
    name: "summary",
    about: "Publishes all counts, as one JSON object, whenever so many records were worked on or so many seconds in which some came have passed, and at the end. A summary grows with its counts: one that is larger than its topic takes (`max.message.bytes`) is not sent, nor is any that is about as long or longer; the log says so, and nothing else waits for it.",
    keys: &[
        Key::needed("topic", "the topic that summaries are written to"),
        Key::optional(
            "every_records",
            "by time only",
            "how many records there are between two summaries",
        ),
        Key::or(
            "of",
            r#""read""#,
            "which records `every_records` counts: `emitted` are those written to the output",
        ),
        Key::optional(
            "every_seconds",
            "by number only",
            "how many seconds there are between two summaries; one of the two is needed",
        ),
    ],
    examples: &[Example {
        toml: r#"[summary]
topic = "summaries"
every_records = 10_000

[[count]]
name = "processed_count"

[[count]]
name = "locale"
by = "locale""#,
        runs: &[(
            r#"{"locale":"CA"}"#,
            r#"{"processed_count":1,"locale":{"CA":1}}"#,
        )],
    }],
    read: read_summary,
};

pub(in crate::pipeline) const STEP: Chapter<Unnamed> = Chapter {
    name: "step",
    about: "Steps work on an event's members one after the other. One that rejects or filters an \
            event ends its way: a rejected one goes to the dead letters, a filtered one nowhere, \
            unless `[errors]` and `[filtered]` say otherwise. \
            What no step touches is written byte for byte as it came, and in its place.",
    keys: &[
        Key::needed("do", "which step it is; each has keys of its own"),
        Key::optional(
            "name",
            "the kind, the second of it `<kind>-2`",
            "what errors and filter reasons call it",
        ),
        Key::optional(
            "reason",
            "what it rejects is a dead letter as it came; of what it filters `[filtered]` says its name",
            "how the records of `[errors]` and `[filtered]` say why; in errors `{detail}` stands for what was wrong, `{missing}` for the members that `require` misses, as `['ip', 'locale']`",
        ),
        Key::optional(
            "given",
            "it is never left out",
            "a member: where it is absent, null, false, zero or empty, the step is left out",
        ),
    ],
    examples: &[],
    read: read_step,
};
