//! `[[count]]`: what of a pipeline's records is counted.

use chrono_tz::Tz;

use super::event::{Event, Lack};
use super::guide::{self, Chapter, Example};
use super::json::Kind;
use super::names::{Names, Slot};
use super::section::Section;
use super::steps::LACKS;
use super::time::{Format, Rendered};
use crate::counts::{Accumulator, Path};

/// One count, by the values of a member, or a total.
#[derive(Clone, Debug)]
pub(super) struct Count {
    pub name: Box<str>,
    pub of: Of,
    pub by: Option<Key>,
    only: Option<Only>,
    /// Where the Redis store holds it as a plain number too.
    redis_key: Option<Box<str>>,
}

/// Which records a count is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Of {
    Emitted,
    Filtered,
    /// By error type.
    Rejected,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    field: Slot,
    /// The member whose values group the counts, and its name.
    group: Option<(Slot, Box<str>)>,
    form: Form,
    /// Where field or group lack a value in this way, nothing is counted.
    skip: Lack,
}

/// Only events are counted in which a member's text, in lower case, contains one of some parts,
/// and none of others.
#[derive(Clone, Debug)]
struct Only {
    field: Slot,
    contains: Vec<Box<str>>,
    without: Vec<Box<str>>,
}

/// What of a member's value is the key.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A text's characters; null, booleans and numbers as they stand. Lists and objects are not
    /// counted.
    Value,
    /// The hour of a time.
    Hour,
}

const OFS: &[(&str, Of)] = &[
    ("emitted", Of::Emitted),
    ("filtered", Of::Filtered),
    ("rejected", Of::Rejected),
];

const AS: &[(&str, Form)] = &[("value", Form::Value), ("hour", Form::Hour)];

pub(super) const COUNT: Chapter<Count> = Chapter {
    name: "count",
    about: "What is counted, of the records that are written unless `of` says otherwise. A record \
            that is read a second time after a failure is not counted a second time. Counts are \
            in the order of the file; those of one `group` stand together under its name, which \
            no other count may have. A tombstone that passes counts in totals only.",
    keys: &[
        guide::Key::needed("name", "its name among the counts"),
        guide::Key::or(
            "of",
            r#""emitted""#,
            "the records that are counted; `rejected`: by error type",
        ),
        guide::Key::optional(
            "by",
            "all are counted together",
            "the member by whose values they are counted, as it is written; a list or an object is not counted",
        ),
        guide::Key::optional(
            "group",
            "one count",
            "a second member: there is a count for each of its values",
        ),
        guide::Key::or(
            "as",
            r#""value""#,
            "`hour`: count by the hour of the time in `by`, in the zone that `GREENROOM_TIMEZONE` names; what is no time is not counted",
        ),
        guide::Key::or(
            "skip",
            r#""null""#,
            "a record whose `by` or `group` lacks a value in this way is not counted",
        ),
        guide::Key::optional(
            "where",
            "whatever it holds",
            "a member whose text decides whether the record is counted",
        ),
        guide::Key::optional(
            "contains",
            "only without `where`",
            "counted is what contains one of these, whatever its case",
        ),
        guide::Key::optional("without", "whatever else it contains", "and none of these"),
        guide::Key::optional(
            "redis_key",
            "none",
            "the key at which the store `redis` also holds it as a plain number, for other programs to read; only for a total",
        ),
    ],
    examples: &[
        Example {
            toml: "[[count]]\nname = \"processed\"",
            runs: &[("{}", r#"{"processed":1}"#)],
        },
        Example {
            toml: "[[count]]\nname = \"device_type\"\nby = \"device_type\"",
            runs: &[
                (r#"{"device_type":"iOS"}"#, r#"{"device_type":{"iOS":1}}"#),
                (r#"{"device_type":null}"#, "{}"),
            ],
        },
        Example {
            toml: r#"[[count]]
name = "Logins by hour"
by = "timestamp"
as = "hour"
group = "locale"
skip = "falsy""#,
            runs: &[
                (
                    r#"{"locale":"CA","timestamp":1694479551}"#,
                    r#"{"locale":{"CA":{"Logins by hour":{"2023-09-12 00:00:00":1}}}}"#,
                ),
                (r#"{"locale":"","timestamp":1694479551}"#, "{}"),
            ],
        },
        Example {
            toml: r#"[[count]]
name = "ios_count"
where = "device_type"
contains = ["ios"]
without = ["android"]"#,
            runs: &[
                (r#"{"device_type":"iOS 17"}"#, r#"{"ios_count":1}"#),
                (r#"{"device_type":"iOS for Android"}"#, "{}"),
                (r#"{"device_type":"windows"}"#, "{}"),
            ],
        },
        Example {
            toml: "[[count]]\nname = \"rejects\"\nof = \"rejected\"",
            runs: &[("[1]", r#"{"rejects":{"not_an_object":1}}"#)],
        },
    ],
    read: Count::read,
};

impl Count {
    fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let name = section.needed_text("name");
        let of = section.choice("of", OFS).unwrap_or(Of::Emitted);
        let by = Key::read(section, names);
        let only = Only::read(section, names);
        if of != Of::Emitted && (by.is_some() || only.is_some()) {
            section.mistake("`by` and `where` are only for what is emitted");
        }
        let redis_key = read_redis_key(section, of, by.as_ref());
        Some(Count {
            name: name?.into(),
            of,
            by,
            only,
            redis_key,
        })
    }

    /// The name under which it stands among all counts.
    pub fn top(&self) -> &str {
        self.group().unwrap_or(&self.name)
    }

    /// The group for each key of which it counts.
    pub fn group(&self) -> Option<&str> {
        let (_, group) = self.by.as_ref()?.group.as_ref()?;
        Some(group)
    }

    pub fn is_grouped(&self) -> bool {
        self.group().is_some()
    }

    /// A plain number, without keys.
    pub fn is_total(&self) -> bool {
        self.by.is_none() && self.of != Of::Rejected
    }

    /// Counts an event as it is written.
    pub fn add(&self, event: &Event, zone: Tz, counts: &mut Accumulator) {
        if self.only.as_ref().is_some_and(|only| !only.takes(event)) {
            return;
        }
        let Some(by) = &self.by else {
            return counts.add(&[&self.name]);
        };
        by.with(event, zone, |key| match &by.group {
            None => counts.add(&[&self.name, key]),
            Some((slot, group)) => {
                if let Some(of) = by.value(event, *slot) {
                    counts.add(&[group, of, &self.name, key]);
                }
            }
        });
    }

    /// Its path and the key at which the Redis store holds it as a plain number too.
    pub fn redis_key(&self) -> Option<(Path, String)> {
        let key = self.redis_key.as_ref()?;
        Some(([self.name.clone()].into(), key.to_string()))
    }

    pub fn explain(&self, names: &Names) -> String {
        let (name, what) = (&self.name, self.of.explain());
        let only = self.only.as_ref().map(|only| only.explain(names));
        let only = only.unwrap_or_default();
        let Some(key) = &self.by else {
            return format!("count {name}: {what}{only}");
        };
        let field = names.name(key.field);
        let form = match &key.form {
            Form::Value => format!("by {field}"),
            Form::Hour => format!("by the hour of {field}"),
        };
        let group = key.group.as_ref();
        let group = group.map_or(String::new(), |(_, group)| format!(" for each {group}"));
        format!("count {name}: {what} {form}{group}{only}")
    }
}

/// Only a total: keys that records name could be those of other programs.
fn read_redis_key(section: &mut Section<'_, '_>, of: Of, by: Option<&Key>) -> Option<Box<str>> {
    let text = section.text("redis_key")?;
    if by.is_some() || of == Of::Rejected {
        section.mistake("`redis_key` is only for a total");
    }
    if text.is_empty() || text.starts_with("greenroom:") {
        section.mistake("`redis_key` must not be empty nor begin with `greenroom:`");
    }
    Some(text.into())
}

impl Of {
    fn explain(self) -> &'static str {
        match self {
            Of::Emitted => "records written",
            Of::Filtered => "records filtered",
            Of::Rejected => "records rejected, by error type",
        }
    }
}

impl Key {
    fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let field = section.field("by", names);
        let group = section.text("group");
        let form = section.choice("as", AS);
        let skip = section.choice("skip", LACKS).unwrap_or(Lack::Null);
        if field.is_none() && (group.is_some() || form.is_some()) {
            section.mistake("`group` and `as` need `by`");
        }
        Some(Key {
            field: field?,
            group: group.map(|name| (names.slot(name), name.into())),
            form: form.unwrap_or(Form::Value),
            skip,
        })
    }

    /// Hands the event's key on, if it has one.
    fn with(&self, event: &Event, zone: Tz, then: impl FnMut(&str)) {
        if event.lacks(self.field, self.skip) {
            return;
        }
        match &self.form {
            Form::Value => self.value(event, self.field).into_iter().for_each(then),
            Form::Hour => {
                let moment = event.time(self.field);
                let hour = moment.and_then(|moment| moment.render(Format::Hour, zone));
                hour.iter().map(Rendered::as_str).for_each(then);
            }
        }
    }

    fn value<'e>(&self, event: &'e Event, slot: Slot) -> Option<&'e str> {
        match event.get(slot)? {
            (Kind::List | Kind::Object, _) => None,
            _ if event.lacks(slot, self.skip) => None,
            (_, text) => Some(text),
        }
    }
}

impl Only {
    fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let field = section.field("where", names);
        let contains = section.texts("contains");
        let without = section.texts("without");
        if field.is_some() != contains.is_some() || (without.is_some() && field.is_none()) {
            section.mistake("`where` goes with `contains`, and `without` with both");
        }
        Some(Only {
            field: field?,
            contains: lower_case(&contains?),
            without: without.map_or(Vec::new(), |parts| lower_case(&parts)),
        })
    }

    fn takes(&self, event: &Event) -> bool {
        let holds = |text: &str, parts: &[Box<str>]| parts.iter().any(|part| contains(text, part));
        let text = event.text(self.field);
        text.is_some_and(|text| holds(text, &self.contains) && !holds(text, &self.without))
    }

    fn explain(&self, names: &Names) -> String {
        let field = names.name(self.field);
        let contains = self.contains.join(" or ");
        let without = match &*self.without {
            [] => String::new(),
            parts => format!(", and not {}", parts.join(" or ")),
        };
        format!(" where {field} contains {contains}{without}")
    }
}

fn lower_case(parts: &[&str]) -> Vec<Box<str>> {
    let lower = parts.iter().map(|part| part.to_lowercase());
    lower.map(String::into_boxed_str).collect()
}

/// Whether the text's lower case contains `part`, which is in lower case. Nothing is allocated.
fn contains(text: &str, part: &str) -> bool {
    text.char_indices().any(|(start, _)| {
        let mut lower = text[start..].chars().flat_map(char::to_lowercase);
        part.chars().all(|char| lower.next() == Some(char))
    })
}
