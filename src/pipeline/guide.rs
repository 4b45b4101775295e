//! How a pipeline file is written: what each kind of section is, said where the parser reads it,
//! and the page that is made from that.
//!
//! A key's form, its choices and whether it is needed are not said a second time: the page asks
//! the reader of the section, which says what it asks for. Only meaning and default are words, and
//! tests hold them against the parser, as they run every example.

mod page;

use toml::de::DeTable;

use super::names::Names;
use super::section::{Mistakes, Section};

pub use page::guide;

/// A kind of section, as the parser reads it and as the guide tells of it.
#[derive(Debug)]
pub(super) struct Chapter<T: 'static> {
    pub name: &'static str,
    /// In Markdown, as all texts here.
    pub about: &'static str,
    pub keys: &'static [Key],
    pub examples: &'static [Example],
    /// Reads a section. None where a mistake was noted.
    pub read: fn(&mut Section<'_, '_>, &mut Names) -> Option<T>,
}

/// What is said of a key.
#[derive(Debug)]
pub(super) struct Key {
    pub name: &'static str,
    pub fallback: Fallback,
    pub meaning: &'static str,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fallback {
    /// It must not be.
    Needed,
    /// This value, in TOML.
    Value(&'static str),
    /// What these words say.
    Words(&'static str),
}

/// What a reader asked its section for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub key: &'static str,
    pub form: Form,
    pub needed: bool,
}

/// What a key's value must be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Text,
    Texts,
    Member,
    Members,
    Positive,
    Flag,
    OneOf(Vec<&'static str>),
    SomeOf(Vec<&'static str>),
    Lists,
    Section,
    Sections,
}

/// A piece of a pipeline file, and what it makes of each of these values.
#[derive(Debug)]
pub(super) struct Example {
    pub toml: &'static str,
    pub runs: &'static [(&'static str, &'static str)],
}

impl Key {
    pub const fn needed(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Fallback::Needed, meaning)
    }

    /// A key that has a default, given in TOML.
    pub const fn or(name: &'static str, value: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Fallback::Value(value), meaning)
    }

    /// A key that may be left out; `without` says what follows from that.
    pub const fn optional(
        name: &'static str,
        without: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::new(name, Fallback::Words(without), meaning)
    }

    const fn new(name: &'static str, fallback: Fallback, meaning: &'static str) -> Self {
        Key {
            name,
            fallback,
            meaning,
        }
    }
}

impl<T> Chapter<T> {
    /// What its reader asks for: it is given an empty section.
    pub fn asked(&self) -> Vec<Asked> {
        let table = DeTable::new();
        let mut mistakes = Mistakes::new("", "");
        let mut section = Section::new(self.name, &table, 0..0, &mut mistakes);
        let _ = (self.read)(&mut section, &mut Names::default());
        section.asked().to_vec()
    }
}

#[cfg(test)]
mod tests;
