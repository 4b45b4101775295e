//! What one row of the table is: a name, where it may be given, a default, a kind.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Config, Host, parse};

/// One setting. Its name is the environment variable's; `NAME_FILE` reads it from a file.
pub struct Setting {
    pub name: &'static str,
    pub given: Given,
    pub default: Fallback,
    /// One line of Markdown.
    pub help: &'static str,
    pub kind: Kind,
}

/// Where a setting may be given besides the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// By this flag, and by the key of that name in a pipeline file's `[settings]`.
    Flag(&'static str),
    /// By a command's argument.
    Argument,
    /// Nowhere else. So it is with keys and tokens: every user of a machine can read command
    /// lines, and pipeline files are shared. So it is with OpenTelemetry's variables too, which are
    /// the same for every program of a deployment.
    Environment,
}

/// What holds where nothing is given.
pub enum Fallback {
    Value(&'static str),
    /// Depends on the machine: how it is described, and how it is found.
    OfHost(&'static str, fn(&Host) -> String),
    /// Nothing is set; this describes what follows from that.
    Unset(&'static str),
}

/// What a setting's text must be, and where its value goes.
pub enum Kind {
    Count(RangeInclusive<u32>, fn(&mut Config, u32)),
    Bytes(RangeInclusive<usize>, fn(&mut Config, usize)),
    Duration(RangeInclusive<Duration>, fn(&mut Config, Duration)),
    Choice(&'static [Choice]),
    Switch(fn(&mut Config, bool)),
    /// Described in words. The setter gives None for what is not allowed.
    Parsed(&'static str, fn(&mut Config, &str) -> Option<()>),
    /// The same for what is never shown (P10). The setter gives what may be shown instead.
    Secret(&'static str, fn(&mut Config, &str) -> Option<String>),
}

/// One word of a [`Kind::Choice`].
pub struct Choice {
    pub word: &'static str,
    pub choose: fn(&mut Config),
}

/// A [`Kind::Duration`]'s range, in milliseconds.
pub(super) const fn millis(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

/// The same in seconds.
pub(super) const fn secs(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_secs(from)..=Duration::from_secs(to)
}

impl Setting {
    /// The key in a pipeline file's `[settings]`, where it may stand there.
    pub fn key(&self) -> Option<String> {
        match self.given {
            Given::Flag(flag) => Some(flag.replace('-', "_")),
            Given::Argument | Given::Environment => None,
        }
    }
}

impl Fallback {
    /// As it is described to people.
    pub fn describe(&self) -> &'static str {
        match self {
            Fallback::Value(text) | Fallback::OfHost(text, _) | Fallback::Unset(text) => text,
        }
    }

    /// The text to read the default from, if there is one.
    pub(super) fn text(&self, host: &Host) -> Option<String> {
        match self {
            Fallback::Value(text) => Some((*text).to_owned()),
            Fallback::OfHost(_, find) => Some(find(host)),
            Fallback::Unset(_) => None,
        }
    }
}

impl Kind {
    /// Whether the value must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self, Kind::Secret(..))
    }

    /// What is allowed, to follow "must be".
    pub fn allowed(&self) -> String {
        match self {
            Kind::Count(range, _) => {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
            Kind::Bytes(range, _) => format!(
                "a size from {} to {} (bytes, or KiB, MiB, GiB)",
                parse::show_bytes(*range.start()),
                parse::show_bytes(*range.end())
            ),
            Kind::Duration(range, _) => format!(
                "a duration from {} to {} (a whole number and ms, s, m or h)",
                parse::show_duration(*range.start()),
                parse::show_duration(*range.end())
            ),
            Kind::Choice(choices) => words(choices),
            Kind::Switch(_) => "true or false".to_owned(),
            Kind::Parsed(allowed, _) | Kind::Secret(allowed, _) => (*allowed).to_owned(),
        }
    }

    /// Reads `text` into `config` and gives what may be shown of it, else why it cannot.
    pub(super) fn apply(&self, text: &str, config: &mut Config) -> Result<String, String> {
        let text = if self.is_secret() { text } else { text.trim() };
        if text.is_empty() {
            return Err("is empty; leave it out to have the default".to_owned());
        }
        let applied = match self {
            Kind::Count(range, set) => parse::count(text, range).map(|n| set(config, n)),
            Kind::Bytes(range, set) => parse::bytes(text, range).map(|n| set(config, n)),
            Kind::Duration(range, set) => parse::duration(text, range).map(|d| set(config, d)),
            Kind::Switch(set) => parse::switch(text).map(|on| set(config, on)),
            Kind::Choice(choices) => choose(choices, text, config),
            Kind::Parsed(_, set) => set(config, text),
            Kind::Secret(_, set) => return set(config, text).ok_or_else(|| self.must()),
        };
        match applied {
            Some(()) => Ok(text.to_owned()),
            None => Err(self.must()),
        }
    }

    fn must(&self) -> String {
        format!("must be {}", self.allowed())
    }
}

fn choose(choices: &[Choice], text: &str, config: &mut Config) -> Option<()> {
    let choice = choices.iter().find(|choice| choice.word == text)?;
    (choice.choose)(config);
    Some(())
}

fn words(choices: &[Choice]) -> String {
    let words: Vec<_> = choices.iter().map(|choice| choice.word).collect();
    words.join(" or ")
}
