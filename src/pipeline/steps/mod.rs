//! The steps that a pipeline is made of, one file each.

mod categorise;
mod default;
mod flag;
mod format_time;
mod hash;
mod ip;
mod keep_if;
mod key_id;
mod require;
mod select;
mod set;
mod stamp;
mod time;
mod typed;

use std::fmt::Debug;

use chrono_tz::Tz;

use super::event::{Event, Lack};
use super::guide::Chapter;
use super::masking::Masking;
use super::names::Names;
use super::outcome::Stop;
use super::time::{Format, Now, Rendered, Stamp};

/// One piece of work on an event.
pub(super) trait Step: Debug + Send + Sync {
    /// Works on the event, or ends its way.
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop>;

    /// What it does, for a person to read.
    fn explain(&self, names: &Names) -> String;

    /// Whether it cannot work without a hash key.
    fn needs_key(&self) -> bool {
        false
    }
}

/// What steps may look at besides the event.
pub(super) struct Context<'a> {
    pub names: &'a Names,
    pub masking: Option<&'a Masking>,
    pub zone: Tz,
    pub now: Now,
    pub stamp: &'a Stamp,
}

impl Context<'_> {
    pub fn render_now(&self, format: Format) -> Rendered {
        self.stamp.render(self.now, format, self.zone)
    }
}

/// All steps, by the name that `do` takes.
pub(super) const STEPS: &[Chapter<Box<dyn Step>>] = &[
    require::CHAPTER,
    typed::CHAPTER,
    ip::CHAPTER,
    time::CHAPTER,
    keep_if::CHAPTER,
    default::CHAPTER,
    set::CHAPTER,
    hash::CHAPTER,
    key_id::CHAPTER,
    categorise::CHAPTER,
    flag::CHAPTER,
    format_time::CHAPTER,
    stamp::CHAPTER,
    select::CHAPTER,
];

/// The ways to be missing by their names in a pipeline file.
pub(super) const LACKS: &[(&str, Lack)] = &[
    ("absent", Lack::Absent),
    ("null", Lack::Null),
    ("falsy", Lack::Falsy),
    ("not-text", Lack::NotText),
];

impl Lack {
    pub(super) fn explain(self) -> &'static str {
        match self {
            Lack::Absent => "absent",
            Lack::Null => "absent or null",
            Lack::Falsy => "absent, null, false, zero or empty",
            Lack::NotText => "anything but a text",
        }
    }

    /// The end of what a step says of itself that lets such members pass.
    fn unless(optional: Option<Lack>) -> String {
        let unless = optional.map(|lack| format!(", unless {}", lack.explain()));
        unless.unwrap_or_default()
    }
}

#[cfg(test)]
pub(super) mod testing;
