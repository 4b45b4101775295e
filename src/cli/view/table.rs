//! Records for a person: a line each, in columns, and below a dead letter what was wrong with it.
//!
//! Keys, values and headers are anybody's bytes. What could drive the terminal or reorder its
//! text is shown as an escape, so that a record is always one line.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use clap::builder::styling::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use crate::record::Record;

const TIME: Style = Style::new().dimmed();
const SOURCE: Style = AnsiColor::Cyan.on_default();
const KEY: Style = AnsiColor::Green.on_default();
const VALUE: Style = Style::new();
const ABSENT: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default();

/// Of a terminal's line, a key takes so much at most, and a value has so much at least.
const LONGEST_KEY: usize = 32;
const SHORTEST_VALUE: usize = 16;

/// How the records of a view are laid out.
#[derive(Clone, Debug)]
pub struct Table {
    pub zone: Tz,
    pub colour: bool,
    /// The terminal's columns, to which lines are cut; None where they are not.
    pub width: Option<usize>,
    /// Characters of the longest topic's name.
    pub topic_width: usize,
}

impl Table {
    /// Appends the record's line, and a second one where it is a dead letter.
    pub fn write(&self, topic: &str, partition: i32, record: Record<'_>, out: &mut String) {
        let mut row = Row::new(self, out);
        let source = format!("{topic}/{partition}");
        row.text(TIME, &format!("{:24}  ", self.time(record.timestamp())));
        // Three digits of a partition are enough for most.
        row.text(SOURCE, &format!("{source:0$}  ", self.topic_width + 4));
        row.text(TIME, &format!("{:>8}  ", record.offset()));
        row.bytes(KEY, record.key(), row.left.min(LONGEST_KEY));
        row.text(VALUE, "  ");
        row.bytes(VALUE, record.value(), row.left.max(SHORTEST_VALUE));
        row.end();
        if let Some(fault) = Fault::of(record) {
            fault.write(&mut Row::new(self, out));
        }
    }

    fn time(&self, timestamp: Option<i64>) -> String {
        let time = timestamp.and_then(DateTime::from_timestamp_millis);
        time.map_or("-".to_owned(), |time| {
            let local = time.with_timezone(&self.zone);
            local.to_rfc3339_opts(SecondsFormat::Millis, true)
        })
    }

    fn room(&self) -> usize {
        self.width.map_or(usize::MAX, |width| width)
    }
}

/// What a dead letter's headers say of it.
#[derive(Default)]
struct Fault<'a> {
    error_type: &'a [u8],
    step: &'a [u8],
    detail: &'a [u8],
    topic: &'a [u8],
    partition: &'a [u8],
    offset: &'a [u8],
    attempts: &'a [u8],
    omitted: &'a [u8],
}

impl<'a> Fault<'a> {
    /// None for a record that is no dead letter.
    fn of(record: Record<'a>) -> Option<Self> {
        let mut fault = Fault::default();
        for (name, value) in record.headers() {
            let Some(name) = name.strip_prefix(crate::record::OWN_HEADERS) else {
                continue;
            };
            let value = value.unwrap_or_default();
            match name {
                b"error.type" => fault.error_type = value,
                b"error.step" => fault.step = value,
                b"error.detail" => fault.detail = value,
                b"source.topic" => fault.topic = value,
                b"source.partition" => fault.partition = value,
                b"source.offset" => fault.offset = value,
                b"attempts" => fault.attempts = value,
                b"value.omitted" => fault.omitted = value,
                _ => {}
            }
        }
        (!fault.error_type.is_empty()).then_some(fault)
    }

    fn write(&self, row: &mut Row<'_>) {
        row.text(VALUE, "    ");
        row.bytes(ERROR, Some(self.error_type), row.left);
        let pieces = [
            (" at ", self.step),
            (": ", self.detail),
            ("; from ", self.topic),
            ("/", self.partition),
            (" offset ", self.offset),
            ("; attempts ", self.attempts),
            ("; bytes left out ", self.omitted),
        ];
        for (before, bytes) in pieces {
            if !bytes.is_empty() {
                row.text(VALUE, before);
                row.bytes(VALUE, Some(bytes), row.left);
            }
        }
        row.end();
    }
}

/// A line that is being written.
struct Row<'o> {
    out: &'o mut String,
    colour: bool,
    /// Columns of the terminal that are free yet.
    left: usize,
}

impl<'o> Row<'o> {
    fn new(table: &Table, out: &'o mut String) -> Self {
        Row {
            out,
            colour: table.colour,
            left: table.room(),
        }
    }

    /// Our own words, as they are.
    fn text(&mut self, style: Style, text: &str) {
        let style = self.style(style);
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{style}{text}{style:#}");
        self.left = self.left.saturating_sub(text.chars().count());
    }

    /// A record's bytes, escaped and cut to `room` columns.
    fn bytes(&mut self, style: Style, bytes: Option<&[u8]>, room: usize) {
        let bytes = match bytes {
            None => return self.text(ABSENT, "(null)"),
            Some([]) => return self.text(ABSENT, "(empty)"),
            Some(bytes) => bytes,
        };
        let style = self.style(style);
        let _ = write!(self.out, "{style}");
        let used = escape(bytes, room, self.out);
        let _ = write!(self.out, "{style:#}");
        self.left = self.left.saturating_sub(used);
    }

    fn end(&mut self) {
        self.out.push('\n');
    }

    fn style(&self, style: Style) -> Style {
        if self.colour { style } else { Style::new() }
    }
}

/// Appends `bytes` as text of at most `room` columns, and says how many it took. Text that was cut
/// ends with an ellipsis.
fn escape(bytes: &[u8], room: usize, out: &mut String) -> usize {
    let mut cell = Cell {
        room,
        used: 0,
        cut: (out.len(), 0),
        out,
    };
    let _cut = bytes.utf8_chunks().try_for_each(|chunk| {
        chunk.valid().chars().try_for_each(|c| cell.push(c))?;
        let mut invalid = chunk.invalid().iter();
        invalid.try_for_each(|byte| cell.push_str(&format!("\\x{byte:02x}")))
    });
    cell.used
}

/// What is written of one field.
struct Cell<'o> {
    out: &'o mut String,
    room: usize,
    used: usize,
    /// Length and columns of what leaves room for an ellipsis.
    cut: (usize, usize),
}

impl Cell<'_> {
    fn push(&mut self, c: char) -> ControlFlow<()> {
        match c.width() {
            Some(width) if !reorders(c) => self.add(c.encode_utf8(&mut [0; 4]), width),
            _ => self.push_str(&c.escape_debug().to_string()),
        }
    }

    fn push_str(&mut self, ascii: &str) -> ControlFlow<()> {
        self.add(ascii, ascii.len())
    }

    fn add(&mut self, text: &str, width: usize) -> ControlFlow<()> {
        if self.used.saturating_add(width) > self.room {
            let (length, used) = self.cut;
            self.out.truncate(length);
            self.out.push('…');
            self.used = used + 1;
            return ControlFlow::Break(());
        }
        self.out.push_str(text);
        self.used += width;
        if self.used < self.room {
            self.cut = (self.out.len(), self.used);
        }
        ControlFlow::Continue(())
    }
}

/// Whether a character changes the direction of those around it, or ends the line: text could
/// stand then where it is not.
fn reorders(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests;
