//! Reading a pipeline file: every mistake is kept, with its line, what is allowed, and the nearest
//! name, so that one look at the errors is enough to mend the file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::guide::{Asked, Form};
use super::names::{Names, Slot};

/// A mistake in a pipeline file, or in what was set beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", self.place())]
pub struct SpecError {
    /// The file, or the preset's name.
    pub file: String,
    /// Counted from 1; None where the mistake stands in no line.
    pub line: Option<usize>,
    pub message: String,
}

/// What was found wrong so far.
#[derive(Debug)]
pub(super) struct Mistakes<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<SpecError>,
}

/// A table of the file. Asking for a key makes it an allowed one; whatever else is there is a
/// mistake when the section is finished.
#[derive(Debug)]
pub(super) struct Section<'m, 't> {
    title: String,
    table: &'t DeTable<'t>,
    span: Range<usize>,
    asked: Vec<Asked>,
    mistakes: &'m mut Mistakes<'t>,
}

impl SpecError {
    fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}

impl<'t> Mistakes<'t> {
    pub fn new(file: &'t str, text: &'t str) -> Self {
        let found = Vec::new();
        Mistakes { file, text, found }
    }

    pub fn add(&mut self, span: &Range<usize>, message: String) {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        self.found.push(SpecError {
            file: self.file.to_owned(),
            line: Some(line),
            message,
        });
    }

    /// All mistakes in the order of the file.
    pub fn into_sorted(mut self) -> Vec<SpecError> {
        self.found.sort_by_key(|mistake| mistake.line);
        self.found
    }
}

impl<'m, 't> Section<'m, 't> {
    pub fn new(
        title: impl Into<String>,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        mistakes: &'m mut Mistakes<'t>,
    ) -> Self {
        Section {
            title: title.into(),
            table,
            span,
            asked: Vec::new(),
            mistakes,
        }
    }

    /// Names the keys that nothing asked for. To be called when all were asked for.
    pub fn finish(&mut self) {
        let known: Vec<_> = self.asked.iter().map(|asked| asked.key).collect();
        for key in self.table.keys() {
            let name = key.get_ref();
            if !known.contains(&name.as_ref()) {
                let message = format!("{}: unknown key `{name}`", self.title);
                let message = message + &allowed(name, &known);
                self.mistakes.add(&key.span(), message);
            }
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn mistake(&mut self, message: &str) {
        let span = self.span.clone();
        self.mistakes
            .add(&span, format!("{}: {message}", self.title));
    }

    pub fn mistake_at(&mut self, span: &Range<usize>, message: &str) {
        self.mistakes
            .add(span, format!("{}: {message}", self.title));
    }

    /// A mistake in what stands under the key.
    pub fn mistake_of(&mut self, key: &str, message: &str) {
        let span = self.span(key);
        self.mistake_at(&span, &format!("`{key}`: {message}"));
    }

    fn span(&self, key: &str) -> Range<usize> {
        self.table.get(key).map(Spanned::span).unwrap_or_default()
    }

    /// What was asked for so far.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    fn ask(&mut self, key: &'static str, form: Form) -> Option<&'t Spanned<DeValue<'t>>> {
        let needed = false;
        self.asked.push(Asked { key, form, needed });
        self.table.get(key)
    }

    fn wrong(&mut self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = value.get_ref().type_str();
        let message = format!("`{key}` must be {wanted}, not {found}");
        self.mistake_at(&value.span(), &message);
    }

    /// Takes what `found` holds and calls its absence a mistake.
    fn needed<T>(&mut self, key: &str, found: Option<T>) -> Option<T> {
        let asked = self.asked.iter_mut().filter(|asked| asked.key == key);
        asked.for_each(|asked| asked.needed = true);
        if !self.has(key) {
            self.mistake(&format!("`{key}` is missing"));
        }
        found
    }

    pub fn text(&mut self, key: &'static str) -> Option<&'t str> {
        self.ask_text(key, Form::Text)
    }

    fn ask_text(&mut self, key: &'static str, form: Form) -> Option<&'t str> {
        let value = self.ask(key, form)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(key, value, "a text");
        }
        text
    }

    pub fn needed_text(&mut self, key: &'static str) -> Option<&'t str> {
        let text = self.text(key);
        self.needed(key, text)
    }

    /// A list of texts, at least one, each once.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<&'t str>> {
        self.ask_texts(key, Form::Texts)
    }

    fn ask_texts(&mut self, key: &'static str, form: Form) -> Option<Vec<&'t str>> {
        let value = self.ask(key, form)?;
        let texts = list_of_texts(value.get_ref());
        match &texts {
            None => self.wrong(key, value, "a list of texts"),
            Some(texts) => self.check_list(key, value.span(), texts),
        }
        texts
    }

    pub fn needed_texts(&mut self, key: &'static str) -> Option<Vec<&'t str>> {
        let texts = self.texts(key);
        self.needed(key, texts)
    }

    fn check_list(&mut self, key: &str, span: Range<usize>, texts: &[&str]) {
        if texts.is_empty() {
            self.mistake_at(&span, &format!("`{key}` must not be empty"));
        }
        for (index, text) in texts.iter().enumerate() {
            if texts[..index].contains(text) {
                self.mistake_at(&span, &format!("`{key}` holds `{text}` twice"));
            }
        }
    }

    /// A whole number above zero.
    pub fn positive(&mut self, key: &'static str) -> Option<u64> {
        let value = self.ask(key, Form::Positive)?;
        let integer = value.get_ref().as_integer();
        let digits = integer.map(|integer| (integer.as_str(), integer.radix()));
        let number = digits.and_then(|(digits, radix)| u64::from_str_radix(digits, radix).ok());
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            let message = format!("`{key}` must be a whole number above 0");
            self.mistake_at(&value.span(), &message);
        }
        number
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.ask(key, Form::Flag)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, value, "true or false");
        }
        flag
    }

    /// One of the names in `choices`.
    pub fn choice<T: Clone>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let name = self.ask_text(key, Form::OneOf(names(choices)))?;
        let span = self.span(key);
        self.choose(key, name, &span, choices)
    }

    pub fn needed_choice<T: Clone>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let choice = self.choice(key, choices);
        self.needed(key, choice)
    }

    fn choose<T: Clone>(
        &mut self,
        key: &str,
        name: &str,
        span: &Range<usize>,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let message = format!("unknown `{key}` `{name}`{}", allowed(name, &names(choices)));
            self.mistake_at(span, &message);
        }
        found.map(|(_, choice)| choice.clone())
    }

    /// A list of the names in `choices`.
    pub fn choices<T: Clone>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<Vec<T>> {
        let span = self.span(key);
        let chosen = self.ask_texts(key, Form::SomeOf(names(choices)))?;
        let chosen: Vec<_> = chosen
            .iter()
            .map(|name| self.choose(key, name, &span, choices))
            .collect();
        chosen.into_iter().collect()
    }

    /// A member of the event.
    pub fn field(&mut self, key: &'static str, names: &mut Names) -> Option<Slot> {
        let name = self.ask_text(key, Form::Member)?;
        Some(names.slot(name))
    }

    pub fn needed_field(&mut self, key: &'static str, names: &mut Names) -> Option<Slot> {
        let field = self.field(key, names);
        self.needed(key, field)
    }

    /// Members of the event, at least one.
    pub fn fields(&mut self, key: &'static str, names: &mut Names) -> Option<Vec<Slot>> {
        let fields = self.ask_texts(key, Form::Members)?;
        Some(fields.iter().map(|name| names.slot(name)).collect())
    }

    pub fn needed_fields(&mut self, names: &mut Names) -> Option<Vec<Slot>> {
        let fields = self.fields("fields", names);
        self.needed("fields", fields)
    }

    /// A table from names to lists of texts.
    pub fn needed_lists(&mut self, key: &'static str) -> Option<Vec<(&'t str, Vec<&'t str>)>> {
        let value = self.ask(key, Form::Lists);
        let value = self.needed(key, value)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, value, "a table of lists of texts");
            return None;
        };
        let mut lists = Vec::new();
        for (name, list) in table.iter() {
            match list_of_texts(list.get_ref()) {
                None => self.wrong(name.get_ref(), list, "a list of texts"),
                Some(texts) => lists.push((name.get_ref().as_ref(), texts)),
            }
        }
        Some(lists)
    }

    /// The sections of a name: `[key]`, or each `[[key]]`.
    pub fn tables(&mut self, key: &'static str, many: bool) -> Vec<Found<'t>> {
        let form = if many { Form::Sections } else { Form::Section };
        let Some(value) = self.ask(key, form) else {
            return Vec::new();
        };
        let found = match value.get_ref() {
            DeValue::Table(table) if !many => Some(vec![(table, value.span())]),
            DeValue::Array(array) if many => array
                .iter()
                .map(|each| Some((each.get_ref().as_table()?, each.span())))
                .collect(),
            _ => None,
        };
        if found.is_none() {
            let shape = if many { "[[…]]" } else { "[…]" };
            self.wrong(key, value, &shape.replace('…', key));
        }
        found.unwrap_or_default()
    }

    /// Each `[[key]]`, of which there must be some.
    pub fn needed_tables(&mut self, key: &'static str) -> Vec<Found<'t>> {
        let found = self.tables(key, true);
        if self.has(key) && found.is_empty() {
            self.mistake(&format!("`{key}` must not be empty"));
        }
        self.needed(key, Some(()));
        found
    }

    /// A section below this one.
    pub fn below(&mut self, title: String, (table, span): Found<'t>) -> Section<'_, 't> {
        Section::new(title, table, span, self.mistakes)
    }
}

/// A table and where it stands.
pub(super) type Found<'t> = (&'t DeTable<'t>, Range<usize>);

fn list_of_texts<'t>(value: &'t DeValue<'t>) -> Option<Vec<&'t str>> {
    let items = value.as_array()?.iter();
    items.map(|item| item.get_ref().as_str()).collect()
}

fn names<T>(choices: &[(&'static str, T)]) -> Vec<&'static str> {
    choices.iter().map(|(name, _)| *name).collect()
}

/// The end of an error about a name: the one that was meant, perhaps, and all there are.
pub(super) fn allowed(name: &str, known: &[&str]) -> String {
    let likeness = |known: &&str| strsim::jaro_winkler(name, known);
    let nearest = known
        .iter()
        .copied()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
        .filter(|nearest| likeness(nearest) > 0.7);
    let hint = nearest.map(|nearest| format!("; did you mean `{nearest}`?"));
    let hint = hint.unwrap_or_default();
    if known.is_empty() {
        return " (there is none)".to_owned();
    }
    format!("{hint} (allowed: {})", known.join(", "))
}
