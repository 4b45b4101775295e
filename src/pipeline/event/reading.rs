//! Reads a record's value into the event.

use super::{Event, Member, Name, Span, Unreadable, Value};
use crate::pipeline::json::{self, Kind, Malformed, Scanner, Token};
use crate::pipeline::names::{Names, Slot};

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Unreadable::Malformed(malformed)
    }
}

impl Event {
    pub(super) fn read_object(&mut self, value: &[u8], names: &Names) -> Result<(), Unreadable> {
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

    fn read_members(&mut self, scanner: &mut Scanner<'_>, names: &Names) -> Result<(), Malformed> {
        scanner.space();
        if scanner.eat(b'}') {
            return Ok(());
        }
        loop {
            self.read_member(scanner, names)?;
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

    fn read_member(&mut self, scanner: &mut Scanner<'_>, names: &Names) -> Result<(), Malformed> {
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
        Ok(())
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
}
