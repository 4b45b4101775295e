//! The event at work: a JSON object's members, found by slot, changed in place.

use std::cell::Cell;

use super::json::{self, Kind, Literal, Malformed, Scanner, Token};
use super::names::{Names, Slot};
use super::time::Moment;

/// A worker keeps its buffers from record to record up to this many bytes each; what one large
/// record needed beyond goes with it (P4).
const KEPT: usize = 1 << 20;

/// Of so many members is remembered which place they had.
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

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Unreadable::Malformed(malformed)
    }
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

    fn read_object(&mut self, value: &[u8], names: &Names) -> Result<(), Unreadable> {
        let text = str::from_utf8(value).map_err(|error| Malformed {
            at: error.valid_up_to(),
            what: "invalid UTF-8",
        })?;
        self.text.push_str(text);
        let mut scanner = Scanner::new(text);
        scanner.space();
        if !scanner.eat(b'{') {
            let token = scanner.value(0)?;
            scanner.end()?;
            return Err(Unreadable::NotAnObject(token.kind));
        }
        self.read_members(&mut scanner, names)?;
        scanner.end()?;
        self.settle_duplicates();
        Ok(())
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

    fn read_members(&mut self, scanner: &mut Scanner<'_>, names: &Names) -> Result<(), Malformed> {
        scanner.space();
        if scanner.eat(b'}') {
            return Ok(());
        }
        loop {
            match self.foreseen(scanner, names) {
                Some(slot) => {
                    let value = scanner.value(1)?;
                    self.set_read(scanner.source(), slot, value);
                }
                None => {
                    let name = scanner.name()?;
                    let value = scanner.value(1)?;
                    self.push_read(scanner.source(), name, value, names);
                }
            }
            scanner.space();
            if scanner.eat(b'}') {
                return Ok(());
            }
            if !scanner.eat(b',') {
                return scanner.malformed("a comma or a closing bracket was expected");
            }
            scanner.space();
        }
    }

    /// Passes the name of the member that was foreseen here, if it is there.
    fn foreseen(&self, scanner: &mut Scanner<'_>, names: &Names) -> Option<Slot> {
        let slot = (*self.foreseen.get(self.members.len())?)?;
        scanner.passes(names.opening(slot)).then_some(slot)
    }

    fn push_read(&mut self, source: &str, name: Token, value: Token, names: &Names) {
        let plain_name = self.plain_text(source, name);
        match names.find(plain_name.of(&self.text)) {
            Some(slot) => {
                if let Some(foreseen) = self.foreseen.get_mut(self.members.len()) {
                    *foreseen = Some(slot);
                }
                self.set_read(source, slot, value);
            }
            None => {
                let json = Span::new(value.start, value.end);
                let index = u32::try_from(self.members.len()).expect("fewer members than bytes");
                self.others.push((plain_name, index));
                self.members.push(Member {
                    name: Name::Other(Span::new(name.start, name.end)),
                    value: Value::new(value.kind, json, json),
                });
            }
        }
    }

    /// Of duplicates the last value wins and stands at the first one's position: `set` does just
    /// that.
    #[inline(always)]
    fn set_read(&mut self, source: &str, slot: Slot, value: Token) {
        let json = Span::new(value.start, value.end);
        let text = match value.kind {
            Kind::Text => self.plain_text(source, value),
            _ => json,
        };
        self.set(slot, Value::new(value.kind, json, text));
    }

    /// Where the characters lie that a text means: between its quotes, or, where it has escapes,
    /// decoded at the end of the event's text.
    #[inline(always)]
    fn plain_text(&mut self, source: &str, token: Token) -> Span {
        let raw = Span::new(token.start, token.end).inner();
        if !token.escaped {
            return raw;
        }
        let start = self.text.len();
        json::unescape(raw.of(source), &mut self.text);
        Span::new(start, self.text.len())
    }

    /// Duplicates among the members that no step knows. By sorting: a hundred thousand members
    /// take no quadratic time, and no choice of names can make it so.
    fn settle_duplicates(&mut self) {
        let Event {
            text,
            members,
            others,
            ..
        } = self;
        others.sort_unstable_by(|(name, index), (other, place)| {
            name.of(text).cmp(other.of(text)).then(index.cmp(place))
        });
        for same in others.chunk_by(|(name, _), (other, _)| name.of(text) == other.of(text)) {
            if let [(_, first), later @ .., (_, last)] = same {
                members[*first as usize].value = members[*last as usize].value;
                for (_, index) in later {
                    members[*index as usize].name = Name::Gone;
                }
                members[*last as usize].name = Name::Gone;
            }
        }
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
