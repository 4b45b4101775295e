//! Records on stdout, as a table or as JSON.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use chrono_tz::Tz;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;

use super::table::Table;
use crate::cli::json_line::{JsonLine, Place};
use crate::record::Record;
use crate::telemetry::logs;

/// Writes to stdout, and knows what that is.
pub struct Printer {
    out: Stdout,
    form: Form,
    line: String,
}

enum Form {
    Json,
    Table(Table),
}

impl Printer {
    /// A line of JSON for each record.
    pub fn json() -> Printer {
        Printer::new(Form::Json)
    }

    /// Columns, with times in this zone; on a terminal cut to its width, and in colour where that
    /// is wanted.
    pub fn table(zone: Tz, topics: &[String]) -> Printer {
        Printer::new(Form::Table(Table {
            zone,
            colour: logs::in_colour(io::stdout().is_terminal()),
            width: None,
            topic_width: topics.iter().map(String::len).max().unwrap_or(0),
        }))
    }

    fn new(form: Form) -> Printer {
        Printer {
            out: io::stdout(),
            form,
            line: String::new(),
        }
    }

    /// Writes records of one partition, all of them before it returns.
    ///
    /// # Errors
    /// Those of stdout; `BrokenPipe` where nobody reads it any more.
    pub fn print<'a>(
        &mut self,
        topic: &str,
        partition: i32,
        records: impl Iterator<Item = Record<'a>>,
    ) -> io::Result<()> {
        if let Form::Table(table) = &mut self.form {
            table.width = columns(&self.out);
        }
        let mut out = BufWriter::new(self.out.lock());
        for record in records {
            match &self.form {
                Form::Json => json(topic, partition, record, &mut out)?,
                Form::Table(table) => {
                    self.line.clear();
                    table.write(topic, partition, record, &mut self.line);
                    out.write_all(self.line.as_bytes())?;
                }
            }
        }
        out.flush()
    }

    /// Whether whoever read stdout has gone, which a write would tell too late where no record
    /// comes.
    pub fn is_closed(&self) -> bool {
        // Errors and hang-ups are told unasked.
        let mut out = [PollFd::new(&self.out, PollFlags::empty())];
        let now = Timespec::default();
        poll(&mut out, Some(&now)).is_ok()
            && out[0]
                .revents()
                .intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL)
    }
}

/// The terminal's width; None where stdout is none.
fn columns(out: &Stdout) -> Option<usize> {
    let size = tcgetwinsize(out).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

fn json(topic: &str, partition: i32, record: Record<'_>, out: &mut impl Write) -> io::Result<()> {
    let place = Place {
        partition,
        offset: record.offset(),
        timestamp: record.timestamp(),
    };
    JsonLine::new(topic, record.key(), record.value(), record.headers())
        .at(place)
        .write(out)
}
