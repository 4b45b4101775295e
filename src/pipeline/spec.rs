//! A pipeline as its file says it.

use std::sync::Arc;

use toml::de::DeTable;

use super::compiled::{Compiled, Options};
use super::count::{COUNT, Count};
use super::event::{Event, Lack};
use super::guide::Chapter;
use super::json;
use super::names::{Names, Slot};
use super::reason::Reason;
use super::report::{Layout, REPORT, Report};
use super::section::{Mistakes, Section, SpecError};
use super::side_topic::{ERRORS, Errors, FILTERED, SideTopic};
use super::steps::{STEPS, Step};

mod chapters;

pub(super) use chapters::{FILE, STEP, SUMMARY};

/// A pipeline that was read from TOML and is without mistakes of its own. Its topics and its group
/// may still be changed before it is compiled.
#[derive(Clone, Debug)]
pub struct Spec {
    pub(super) file: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) group: String,
    pub(super) input: Vec<String>,
    pub(super) output: String,
    pub(super) dead_letters: Option<String>,
    pub(super) tombstones: Tombstones,
    pub(super) others: Others,
    pub(super) filtered: Option<SideTopic>,
    pub(super) errors: Option<Errors>,
    pub(super) summary: Option<SummarySpec>,
    pub(super) stages: Vec<Stage>,
    pub(super) counts: Vec<Count>,
    pub(super) layout: Layout,
    pub(super) names: Names,
}

/// What becomes of a null value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Tombstones {
    Pass,
    Reject,
}

/// What becomes of JSON that is no object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Others {
    Reject,
    Filter,
}

/// When the counts are published, and where.
#[derive(Clone, Debug)]
pub(super) struct SummarySpec {
    pub topic: String,
    pub every_records: Option<u64>,
    pub of: Counted,
    pub every_seconds: Option<u64>,
}

/// Which records bring the next summary nearer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counted {
    /// All that were read.
    #[default]
    Read,
    /// Those written to the output.
    Emitted,
}

/// A step and its name, by which errors and filter reasons speak of it.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub name: Arc<str>,
    pub step: Arc<dyn Step>,
    /// The step is left out of events without this member.
    pub given: Option<Slot>,
    /// In which words the errors topic is told of its rejections.
    pub reason: Option<Reason>,
    /// The same as JSON, for the topic of what is filtered; without a reason the name.
    pub said: Box<str>,
}

/// A step that may yet have to be named after its kind.
pub(super) struct Unnamed {
    kind: &'static str,
    name: Option<Arc<str>>,
    step: Box<dyn Step>,
    given: Option<Slot>,
    reason: Option<Reason>,
}

const TOMBSTONES: &[(&str, Tombstones)] =
    &[("pass", Tombstones::Pass), ("reject", Tombstones::Reject)];

const COUNTED: &[(&str, Counted)] = &[("read", Counted::Read), ("emitted", Counted::Emitted)];

const OTHERS: &[(&str, Others)] = &[("reject", Others::Reject), ("filter", Others::Filter)];

impl Spec {
    /// Reads a pipeline file.
    ///
    /// # Errors
    /// All mistakes, in the order of the file.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Vec<SpecError>> {
        let mut mistakes = Mistakes::new(file_name, text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let span = error.span().unwrap_or_default();
            mistakes.add(&span, error.message().to_owned());
        }
        // What a syntax error left over would only bring up mistakes that are none.
        if !errors.is_empty() {
            return Err(mistakes.into_sorted());
        }
        let span = table.span();
        let mut top = Section::new(FILE.name, table.get_ref(), span, &mut mistakes);
        let spec = (FILE.read)(&mut top, &mut Names::default());
        top.finish();
        let errors = mistakes.into_sorted();
        let file = file_name.to_owned();
        let spec = spec.filter(|_| errors.is_empty()).ok_or(errors)?;
        Ok(Spec { file, ..spec })
    }

    fn read(top: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let name = top.needed_text("name");
        let description = top.text("description");
        let group = top.needed_text("group");
        let input = top.needed_texts("input");
        let output = top.needed_text("output");
        let dead_letters = top.text("dead_letters");
        let tombstones = top.choice("tombstones", TOMBSTONES);
        let others = top.choice("others", OTHERS);
        let filtered = find(top, &FILTERED, names);
        let errors = find(top, &ERRORS, names);
        let summary = find(top, &SUMMARY, names);
        let heard = top.has(FILTERED.name) || top.has(ERRORS.name);
        let stages = read_stages(top, names, heard);
        let counts = read_counts(top, names);
        let reports = read_reports(top, &counts);
        // The service's own settings may stand in the file too; whoever reads those checks them.
        top.tables("settings", false);
        Some(Spec {
            file: String::new(),
            name: name?.to_owned(),
            description: description.unwrap_or_default().to_owned(),
            group: group?.to_owned(),
            input: input?.into_iter().map(String::from).collect(),
            output: output?.to_owned(),
            dead_letters: dead_letters.map(String::from),
            tombstones: tombstones.unwrap_or(Tombstones::Reject),
            others: others.unwrap_or(Others::Reject),
            filtered,
            errors,
            summary,
            stages,
            layout: Layout::new(reports, &counts),
            counts,
            names: std::mem::take(names),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line on what it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// How its counts are shown.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn override_group(&mut self, group: impl Into<String>) {
        self.group = group.into();
    }

    pub fn override_input(&mut self, topics: Vec<String>) {
        self.input = topics;
    }

    pub fn override_output(&mut self, topic: impl Into<String>) {
        self.output = topic.into();
    }

    /// One topic for the dead letters of all input topics.
    pub fn override_dead_letters(&mut self, topic: impl Into<String>) {
        self.dead_letters = Some(topic.into());
    }

    /// Where records of what is filtered go; does nothing where the pipeline has no such topic.
    pub fn override_filtered(&mut self, topic: impl Into<String>) {
        if let Some(filtered) = &mut self.filtered {
            filtered.topic = topic.into();
        }
    }

    /// Where errors in the pipeline's own form go; does nothing where it has none.
    pub fn override_errors(&mut self, topic: impl Into<String>) {
        if let Some(errors) = &mut self.errors {
            errors.side.topic = topic.into();
        }
    }

    /// Where the pipeline publishes summaries; does nothing where it has none.
    pub fn override_summary(&mut self, topic: impl Into<String>) {
        if let Some(summary) = &mut self.summary {
            summary.topic = topic.into();
        }
    }

    /// Makes it ready to run.
    ///
    /// # Errors
    /// Where a hash key is needed and none is given, and where topics are named that Kafka does
    /// not take or that would feed the pipeline its own output. All of them at once.
    pub fn compile(self, options: &Options) -> Result<Compiled, Vec<SpecError>> {
        Compiled::new(self, options)
    }
}

impl Stage {
    pub fn is_left_out(&self, event: &Event) -> bool {
        self.given
            .is_some_and(|slot| event.lacks(slot, Lack::Falsy))
    }
}

impl Unnamed {
    fn among(self, before: &[Stage]) -> Stage {
        let name = self.name.unwrap_or_else(|| own_name(self.kind, before));
        let said = self.reason.as_ref().map_or(&*name, Reason::as_str);
        Stage {
            said: json::quoted(said).into(),
            name,
            step: self.step.into(),
            given: self.given,
            reason: self.reason,
        }
    }
}

/// Reads the section of that name, if there is one.
fn find<T>(top: &mut Section<'_, '_>, chapter: &Chapter<T>, names: &mut Names) -> Option<T> {
    let found = top.tables(chapter.name, false).pop()?;
    let mut section = top.below(chapter.name.to_owned(), found);
    let read = (chapter.read)(&mut section, names);
    section.finish();
    read
}

fn read_summary(section: &mut Section<'_, '_>, _: &mut Names) -> Option<SummarySpec> {
    let topic = section.needed_text("topic");
    let every_records = section.positive("every_records");
    let of = section.choice("of", COUNTED);
    if of.is_some() && every_records.is_none() {
        section.mistake("`of` needs `every_records`");
    }
    let every_seconds = section.positive("every_seconds");
    if every_records.is_none() && every_seconds.is_none() {
        section.mistake("`every_records`, `every_seconds` or both are needed");
    }
    Some(SummarySpec {
        topic: topic?.to_owned(),
        every_records,
        of: of.unwrap_or_default(),
        every_seconds,
    })
}

/// `heard`: there is a topic for the steps' reasons.
fn read_stages(top: &mut Section<'_, '_>, names: &mut Names, heard: bool) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for (index, found) in top.tables("step", true).into_iter().enumerate() {
        let mut section = top.below(format!("step {}", index + 1), found);
        if !heard && section.has("reason") {
            section.mistake("`reason` is for the records of [errors] and [filtered]");
        }
        let Some(unnamed) = (STEP.read)(&mut section, names) else {
            continue;
        };
        stages.push(unnamed.among(&stages));
    }
    stages
}

fn read_step(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Unnamed> {
    let kinds: Vec<_> = STEPS.iter().map(|step| (step.name, step)).collect();
    let chapter = section.needed_choice("do", &kinds);
    let name = section.text("name").map(Arc::from);
    let reason = Reason::read(section, "reason");
    let given = section.field("given", names);
    // Without its kind nobody knows which keys a step may have.
    let chapter = chapter?;
    let step = (chapter.read)(section, names);
    section.finish();
    Some(Unnamed {
        kind: chapter.name,
        name,
        step: step?,
        given,
        reason,
    })
}

/// A step that has no name is called by its kind; the second of a kind `kind-2`, and so on.
fn own_name(kind: &str, before: &[Stage]) -> Arc<str> {
    let taken = |name: &str| before.iter().any(|stage| *stage.name == *name);
    let numbered = (2..).map(|n| format!("{kind}-{n}"));
    let mut candidates = std::iter::once(kind.to_owned()).chain(numbered);
    let free = candidates.find(|name| !taken(name));
    free.expect("numbers do not end").into()
}

fn read_counts(top: &mut Section<'_, '_>, names: &mut Names) -> Vec<Count> {
    let mut counts: Vec<Count> = Vec::new();
    for (index, found) in top.tables("count", true).into_iter().enumerate() {
        let mut section = top.below(format!("count {}", index + 1), found);
        let Some(count) = (COUNT.read)(&mut section, names) else {
            section.finish();
            continue;
        };
        if counts.iter().any(|other| collide(other, &count)) {
            section.mistake(&format!("the name `{}` is taken", count.name));
        }
        if let Some(key) = shared_redis_key(&counts, &count) {
            section.mistake(&format!("the Redis key `{key}` is taken"));
        }
        section.finish();
        counts.push(count);
    }
    counts
}

fn read_reports(top: &mut Section<'_, '_>, counts: &[Count]) -> Vec<Report> {
    let mut reports = Vec::new();
    for (index, found) in top.tables("report", true).into_iter().enumerate() {
        let mut section = top.below(format!("report {}", index + 1), found);
        let draft = (REPORT.read)(&mut section, &mut Names::default());
        reports.extend(draft.and_then(|draft| draft.on(counts, &mut section)));
        section.finish();
    }
    reports
}

/// Counts are found by their names: two must not share one, nor may a count be called as a group.
fn collide(one: &Count, other: &Count) -> bool {
    match one.is_grouped() && other.is_grouped() {
        true => one.top() == other.top() && one.name == other.name,
        false => one.top() == other.top(),
    }
}

fn shared_redis_key(counts: &[Count], count: &Count) -> Option<String> {
    let (_, key) = count.redis_key()?;
    let mut taken = counts.iter().filter_map(Count::redis_key);
    taken.any(|(_, other)| other == key).then_some(key)
}

#[cfg(test)]
mod tests;
