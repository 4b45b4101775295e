//! `[[report]]`: a text made from the counts, for the log and for `greenroom counts`.
//!
//! Keys of counts come from records, which no log may show (P10). A report is the exception: it is
//! there because the pipeline's file asks for it, it tells what many records have in common, and it
//! shows a key escaped and cut ([`Report::render`]), so that none can forge a line of the log or
//! drive a terminal.

mod draft;
mod line;

use std::collections::BTreeMap;

use self::line::Line;
use super::count::Count;
use crate::counts::{Counts, Node};

pub(super) use draft::REPORT;

/// Lines of a report that are logged: a group may have any number of keys.
const LOGGED_LINES: usize = 10_000;

/// How a pipeline's counts are shown to people: its reports, and a plain one of what those leave
/// out.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    reports: Vec<Report>,
    others: Vec<Report>,
}

/// A text made from the counts.
#[derive(Clone, Debug)]
pub struct Report {
    every_seconds: Option<u64>,
    at_shutdown: bool,
    /// The group for each key of which it is written.
    for_each: Option<Box<str>>,
    lines: Vec<Line>,
}

/// What a report is written of: all counts, or those of one key of a group.
#[derive(Clone, Copy)]
struct Scope<'c> {
    /// Empty where it is all counts.
    key: &'c str,
    counts: &'c BTreeMap<Box<str>, Node>,
}

impl Layout {
    pub(super) fn new(reports: Vec<Report>, counts: &[Count]) -> Self {
        let told = |count: &&Count| reports.iter().any(|report| report.shows(count));
        let mut others = Vec::new();
        for count in counts.iter().filter(|count| !told(count)) {
            add_plainly(&mut others, count);
        }
        Layout { reports, others }
    }

    /// The pipeline's own reports, in the order of its file.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// The reports, then what none of them shows: the lines of `greenroom counts`.
    pub fn render(&self, counts: &Counts) -> Vec<String> {
        let all = self.reports.iter().chain(&self.others);
        all.flat_map(|report| report.render(counts)).collect()
    }
}

impl Report {
    /// How often it is logged; None is never.
    pub fn every_seconds(&self) -> Option<u64> {
        self.every_seconds
    }

    /// Whether it is logged when the service has drained.
    pub fn at_shutdown(&self) -> bool {
        self.at_shutdown
    }

    /// Its lines, with keys in order. A key is cut after 100 bytes; control characters and others
    /// that cannot be seen are escaped, as `\u{1b}`. At most 1000 keys stand within a line.
    pub fn render(&self, counts: &Counts) -> Vec<String> {
        let mut rendered = Vec::new();
        for scope in self.scopes(counts) {
            for line in &self.lines {
                line.render(scope, &mut rendered);
            }
        }
        rendered
    }

    /// As [`Report::render`], without empty lines and at most 10,000 of them; a last one says how
    /// many more there are.
    pub fn render_for_log(&self, counts: &Counts) -> Vec<String> {
        let mut lines = self.render(counts);
        lines.retain(|line| !line.is_empty());
        let more = lines.len().saturating_sub(LOGGED_LINES);
        if more > 0 {
            lines.truncate(LOGGED_LINES);
            lines.push(format!(
                "… {more} more lines: `greenroom counts` prints them"
            ));
        }
        lines
    }

    fn plain(for_each: Option<&str>, lines: Vec<Line>) -> Self {
        Report {
            every_seconds: None,
            at_shutdown: false,
            for_each: for_each.map(Box::from),
            lines,
        }
    }

    fn scopes<'c>(&self, counts: &'c Counts) -> Vec<Scope<'c>> {
        let counts = counts.names();
        let Some(group) = &self.for_each else {
            return vec![Scope { key: "", counts }];
        };
        let Some(Node::Branch(keys)) = counts.get(group) else {
            return Vec::new();
        };
        let scopes = keys.iter().filter_map(|(key, node)| match node {
            Node::Branch(counts) => Some(Scope { key, counts }),
            Node::Count(_) => None,
        });
        scopes.collect()
    }

    fn shows(&self, count: &Count) -> bool {
        self.for_each.as_deref() == count.group()
            && self
                .lines
                .iter()
                .any(|line| line.names().any(|name| *name == *count.name))
    }

    pub(super) fn explain(&self) -> String {
        let mut names: Vec<_> = self.lines.iter().flat_map(Line::names).collect();
        names.dedup();
        let every = self.every_seconds.map(|n| format!("every {n} s"));
        let shutdown = self.at_shutdown.then(|| "at shutdown".to_owned());
        let when: Vec<_> = every.into_iter().chain(shutdown).collect();
        let group = self.for_each.as_ref();
        let group = group.map_or(String::new(), |group| format!(" for each {group}"));
        let names = names.join(", ");
        match when.is_empty() {
            true => format!("show {names}{group} in `greenroom counts`"),
            false => format!("log {names}{group} {}", when.join(" and ")),
        }
    }
}

/// Adds a count that no report shows; counts of one group stand together.
fn add_plainly(others: &mut Vec<Report>, count: &Count) {
    let Some(group) = count.group() else {
        return others.push(Report::plain(None, Line::plainly(count, "")));
    };
    let lines = Line::plainly(count, "  ");
    let mut others_of = others.iter_mut();
    match others_of.find(|report| report.for_each.as_deref() == Some(group)) {
        Some(report) => report.lines.extend(lines),
        None => {
            let mut under = vec![Line::group(group)];
            under.extend(lines);
            others.push(Report::plain(Some(group), under));
        }
    }
}

#[cfg(test)]
mod tests;
