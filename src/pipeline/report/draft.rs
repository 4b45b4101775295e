//! A report as its section says it.

use super::Report;
use super::line::{Known, Line};
use crate::pipeline::count::Count;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::names::Names;
use crate::pipeline::section::{Section, allowed};

/// A `[[report]]` by itself: which counts there are is not known yet.
#[derive(Debug)]
pub struct Draft {
    every_seconds: Option<u64>,
    at_shutdown: bool,
    for_each: Option<Box<str>>,
    text: Box<str>,
}

pub const REPORT: Chapter<Draft> = Chapter {
    name: "report",
    about: "Shows counts to people: in the log, and in `greenroom counts`, which prints all reports \
            and then the counts that are in none of them. The text is written as it is to look. In \
            it, `{NAME}` is a count: its number; or, where it has keys, `{\"key\": n, …}`; or, where \
            such a one stands alone in its line, a line `key: n` for each key, behind the spaces \
            before it. `{{` and `}}` are braces.\n\n\
            The keys of counts come from records, and nothing else in the log does: with a report \
            you decide that whoever reads the log may see them. A key is cut after 100 bytes, and \
            what would end a line, drive a terminal or hide is escaped, as `\\n` or `\\u{1b}`. A \
            line holds at most 1000 keys, a report in the log at most 10,000 lines. \
            `greenroom counts --json` cuts nothing.",
    keys: &[
        Key::optional(
            "every_seconds",
            "never",
            "log it that often, also where nothing came; it tells what this instance has counted",
        ),
        Key::or("at_shutdown", "false", "log it when all is drained"),
        Key::optional(
            "for_each",
            "it is written once, of counts without a `group`",
            "a `group` of counts: write it for each key of that, of the counts within; `{GROUP}` is the key",
        ),
        Key::needed("text", "what it looks like"),
    ],
    examples: &[
        Example {
            toml: r#"[[count]]
name = "visits"

[[count]]
name = "by version"
by = "version"

[[report]]
every_seconds = 60
text = "{visits} visits: {by version}""#,
            runs: &[(r#"{"version":"2.3.0"}"#, r#"1 visits: {"2.3.0": 1}"#)],
        },
        Example {
            toml: r#"[[count]]
name = "devices"
by = "device"
group = "country"

[[report]]
at_shutdown = true
for_each = "country"
text = """
Visits from {country}
- by device:
  {devices}
""""#,
            runs: &[(
                r#"{"country":"CA","device":"phone"}"#,
                "Visits from CA\n- by device:\n  phone: 1",
            )],
        },
    ],
    read: Draft::read,
};

impl Draft {
    fn read(section: &mut Section<'_, '_>, _: &mut Names) -> Option<Self> {
        let every_seconds = section.positive("every_seconds");
        let at_shutdown = section.flag("at_shutdown");
        let for_each = section.text("for_each");
        let text = section.needed_text("text");
        Some(Draft {
            every_seconds,
            at_shutdown: at_shutdown.unwrap_or(false),
            for_each: for_each.map(Box::from),
            text: text?.into(),
        })
    }

    /// The report on these counts, unless it names others: those are mistakes of its section.
    pub fn on(self, counts: &[Count], section: &mut Section<'_, '_>) -> Option<Report> {
        let groups = groups(counts);
        let for_each = self.for_each.as_deref();
        if let Some(group) = for_each.filter(|group| !groups.contains(group)) {
            let message = format!("unknown group `{group}`{}", allowed(group, &groups));
            section.mistake_of("for_each", &message);
            return None;
        }
        let known = Known {
            group: for_each,
            counts: of_group(counts, for_each),
        };
        let lines = self.lines(&known, section)?;
        Some(Report {
            every_seconds: self.every_seconds,
            at_shutdown: self.at_shutdown,
            for_each: self.for_each,
            lines,
        })
    }

    fn lines(&self, known: &Known<'_>, section: &mut Section<'_, '_>) -> Option<Vec<Line>> {
        let lines = self.text.lines().map(|line| Line::read(line, known));
        let lines: Vec<_> = lines.collect();
        for message in lines.iter().filter_map(|line| line.as_ref().err()) {
            section.mistake_of("text", message);
        }
        let lines: Vec<_> = lines.into_iter().collect::<Result<_, _>>().ok()?;
        if lines.iter().flat_map(Line::names).next().is_none() {
            section.mistake_of("text", "no count is named: write `{NAME}`");
        }
        Some(lines)
    }
}

/// The groups by which counts are grouped, each once.
fn groups(counts: &[Count]) -> Vec<&str> {
    let mut groups: Vec<_> = counts.iter().filter_map(Count::group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The counts of a group, or those of none.
fn of_group<'c>(counts: &'c [Count], group: Option<&str>) -> Vec<&'c Count> {
    counts
        .iter()
        .filter(|count| count.group() == group)
        .collect()
}
