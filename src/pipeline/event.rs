//! The event at work: a JSON object's members, found by slot, changed in place.

mod reading;

use std::cell::Cell;

use super::json::{Kind, Literal, Malformed};
use super::names::{Names, Slot};
use super::time::{Format, Moment, Rendered};

/// A worker keeps its buffers from record to record up to this many bytes each; what one large
/// record needed beyond goes with it (P4).
const KEPT: usize = 1 << 20;

/// Of so many places in an event is remembered which member stood there.
const FORESEEN: usize = 32;

/// A JSON object. One event serves a worker for all its records and allocates for none of them.
#[derive(Debug, Default)]
pub(super) struct Event {
    /// The record's value, then what steps made and what was unescaped.
    text: String,
    members: Vec<Member>,
    /// By slot: the member's index.
    places: Vec<Option<u32>>,
    /// Members without a slot, to find duplicates among them: name and index.
    others: Vec<(Span, u32)>,
    /// The member that stood at each place in the events before. Events of one kind are written
    /// alike: a name that is where it was need only be compared, not scanned and looked up.
    foreseen: [Option<Slot>; FORESEEN],
    /// The time that was read last, and where its text lies: check, step and count ask for the same
    /// one.
    time: Cell<Option<(Span, Option<Moment>)>>,
}

/// A piece of the event's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    name: Name,
    value: Value,
}

#[derive(Clone, Copy, Debug)]
enum Name {
    Known(Slot),
    /// No step knows it: its text as it came, quotes included.
    Other(Span),
    /// A duplicate that a later one of its name replaced: it is never written.
    Gone,
}

/// `json` is written; `text` is what steps read: of texts the characters meant, else the same.
#[derive(Clone, Copy, Debug)]
struct Value {
    kind: Kind,
    /// A hash stands here for what must not be read.
    masked: bool,
    json: Span,
    text: Span,
}

/// Why a record's value is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Malformed(Malformed),
    NotAnObject(Kind),
}

/// Ways of a member to be missing, each including the one before it; NotText is any value but a
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Absent,
    Null,
    Falsy,
    NotText,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        const LIMIT: &str = "a record and what steps make of it stay under 4 GiB";
        Span {
            start: u32::try_from(start).expect(LIMIT),
            end: u32::try_from(end).expect(LIMIT),
        }
    }

    /// The text between the quotes.
    fn inner(self) -> Self {
        Span {
            start: self.start + 1,
            end: self.end - 1,
        }
    }

    fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    fn bytes_of(self, text: &str) -> &[u8] {
        &text.as_bytes()[self.start as usize..self.end as usize]
    }
}

impl Value {
    fn new(kind: Kind, json: Span, text: Span) -> Self {
        Value {
            kind,
            masked: false,
            json,
            text,
        }
    }
}

impl Event {
    /// Reads a record's value in place of the event before. What cannot be read leaves an empty
    /// event.
    pub fn read(&mut self, value: &[u8], names: &Names) -> Result<(), Unreadable> {
        self.clear(names);
        let read = self.read_object(value, names);
        if read.is_err() {
            self.clear(names);
        }
        read
    }

    /// An event without members.
    pub fn clear(&mut self, names: &Names) {
        self.time.set(None);
        self.text.clear();
        self.text.shrink_to(KEPT);
        self.members.clear();
        self.members.shrink_to(KEPT / size_of::<Member>());
        self.others.clear();
        self.others.shrink_to(KEPT / size_of::<(Span, u32)>());
        self.places.clear();
        self.places.resize(names.len(), None);
    }

    fn append(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span::new(start, self.text.len())
    }

    #[inline]
    fn value(&self, slot: Slot) -> Option<&Value> {
        let place = self.places[slot.index()]?;
        Some(&self.members[place as usize].value)
    }

    /// The member's type; None where it is absent.
    pub fn kind(&self, slot: Slot) -> Option<Kind> {
        Some(self.value(slot)?.kind)
    }

    /// Type and characters: a text's as they are meant, another value's JSON.
    #[inline]
    pub fn get(&self, slot: Slot) -> Option<(Kind, &str)> {
        let value = self.value(slot)?;
        Some((value.kind, value.text.of(&self.text)))
    }

    /// The member's value as it is written; None where it is absent.
    pub fn json(&self, slot: Slot) -> Option<&str> {
        Some(self.value(slot)?.json.of(&self.text))
    }

    /// What of the member could still be read: its characters, unless it is null or a hash.
    pub fn readable(&self, slot: Slot) -> Option<&str> {
        let value = self.value(slot)?;
        let readable = !value.masked && value.kind != Kind::Null;
        readable.then(|| value.text.of(&self.text))
    }

    /// The member's characters if it is a text.
    #[inline]
    pub fn text(&self, slot: Slot) -> Option<&str> {
        match self.get(slot) {
            Some((Kind::Text, text)) => Some(text),
            _ => None,
        }
    }

    /// The member as a time; None where it is absent or no time.
    pub fn time(&self, slot: Slot) -> Option<Moment> {
        let value = self.value(slot)?;
        if let Some((_, moment)) = self.time.get().filter(|(text, _)| *text == value.text) {
            return moment;
        }
        let moment = Moment::read(value.kind, value.text.of(&self.text));
        self.time.set(Some((value.text, moment)));
        moment
    }

    #[inline]
    pub fn lacks(&self, slot: Slot, lack: Lack) -> bool {
        let Some(value) = self.value(slot) else {
            return true;
        };
        match lack {
            Lack::Absent => false,
            Lack::Null => value.kind == Kind::Null,
            Lack::Falsy => is_falsy(value.kind, value.text.of(&self.text)),
            Lack::NotText => value.kind != Kind::Text,
        }
    }

    #[inline]
    fn set(&mut self, slot: Slot, value: Value) {
        match self.places[slot.index()] {
            Some(place) => self.members[place as usize].value = value,
            None => {
                let place = u32::try_from(self.members.len()).expect("fewer members than bytes");
                self.places[slot.index()] = Some(place);
                self.members.push(Member {
                    name: Name::Known(slot),
                    value,
                });
            }
        }
    }

    /// Sets a member to a text: in place, or at the end where it is new.
    pub fn set_text(&mut self, slot: Slot, literal: &Literal) {
        let json = self.append(&literal.json);
        let text = match literal.json.len() - 2 == literal.text.len() {
            true => json.inner(),
            false => self.append(&literal.text),
        };
        self.set(slot, Value::new(Kind::Text, json, text));
    }

    /// Sets a member to a text of letters, digits and signs that JSON does not escape.
    pub fn set_plain(&mut self, slot: Slot, text: &str) {
        let value = self.plain(text);
        self.set(slot, value);
    }

    /// Sets a member to a rendered time: a number where the format is one, else a text.
    pub fn set_time(&mut self, slot: Slot, format: Format, rendered: &Rendered) {
        match format.is_number() {
            true => self.set_json(slot, Kind::Number, rendered.as_str()),
            false => self.set_plain(slot, rendered.as_str()),
        }
    }

    /// Sets a member to the hash that stands for it.
    pub fn set_masked(&mut self, slot: Slot, hash: &str) {
        let value = self.plain(hash);
        let masked = true;
        self.set(slot, Value { masked, ..value });
    }

    fn plain(&mut self, text: &str) -> Value {
        let start = self.text.len();
        self.text.push('"');
        self.text.push_str(text);
        self.text.push('"');
        let json = Span::new(start, self.text.len());
        Value::new(Kind::Text, json, json.inner())
    }

    /// Sets a member to a value that is no text: in place, or at the end where it is new.
    pub fn set_json(&mut self, slot: Slot, kind: Kind, json: &str) {
        let json = self.append(json);
        self.set(slot, Value::new(kind, json, json));
    }

    /// Keeps these members only, in this order.
    pub fn select(&mut self, slots: &[Slot]) {
        let before = self.members.len();
        for slot in slots {
            if let Some(place) = self.places[slot.index()] {
                self.members.push(self.members[place as usize]);
            }
        }
        self.members.drain(..before);
        self.places.fill(None);
        for (place, member) in (0..).zip(&self.members) {
            if let Name::Known(slot) = member.name {
                self.places[slot.index()] = Some(place);
            }
        }
    }

    /// Writes the event as compact JSON; what no step touched, byte for byte as it came.
    pub fn write(&self, names: &Names, out: &mut Vec<u8>) {
        let start = out.len();
        for member in &self.members {
            match member.name {
                Name::Known(slot) => out.extend_from_slice(names.written(slot).as_bytes()),
                Name::Other(name) => {
                    out.push(b',');
                    out.extend_from_slice(name.bytes_of(&self.text));
                    out.push(b':');
                }
                Name::Gone => continue,
            }
            out.extend_from_slice(member.value.json.bytes_of(&self.text));
        }
        // The first member has a comma before it, where the object opens.
        match out.get_mut(start) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }
}

#[inline(never)]
fn is_falsy(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Null => true,
        Kind::Boolean => text == "false",
        Kind::Number => text.parse() == Ok(0.0),
        Kind::Text => text.is_empty(),
        Kind::List | Kind::Object => text[1..text.len() - 1].trim_ascii().is_empty(),
    }
}

#[cfg(test)]
mod tests;
