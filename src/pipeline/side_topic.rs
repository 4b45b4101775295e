//! `[filtered]` and `[errors]`: topics whose records have a form of their own.

use super::event::Event;
use super::json;
use super::masking;
use super::names::{Names, Slot};
use super::outcome::ErrorType;
use super::reason::Reason;
use super::section::Section;
use super::steps::Context;
use super::time::{Format, write_rendered};

mod chapters;

pub(super) use chapters::{ERRORS, FILTERED, MEMBER};

/// A topic, and what its records hold: an object of these members, in this order.
#[derive(Clone, Debug)]
pub(super) struct SideTopic {
    pub topic: String,
    members: Vec<Member>,
    /// Members of the event that are hashed here, unless a step has done so.
    mask: Vec<Slot>,
}

/// Where rejections go that the pipeline has a `reason` for.
#[derive(Clone, Debug)]
pub(super) struct Errors {
    pub side: SideTopic,
    readings: Vec<(ErrorType, Reason)>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    name: Box<str>,
    /// As it is written: `"name":`.
    written: Box<str>,
    holds: Holds,
}

#[derive(Clone, Debug)]
enum Holds {
    /// A member of the event, and the JSON that stands for it where it is absent or null.
    Field(Slot, Box<str>),
    /// The whole event, as it stood when its way ended.
    Event,
    /// Why its way ended, as the step says.
    Reason,
    Now(Format),
}

#[derive(Clone, Copy)]
enum What {
    Event,
    Reason,
    Now,
}

const HOLDS: &[(&str, What)] = &[
    ("event", What::Event),
    ("reason", What::Reason),
    ("now", What::Now),
];

const READINGS: [ErrorType; 3] = [
    ErrorType::InvalidJson,
    ErrorType::NotAnObject,
    ErrorType::Tombstone,
];

impl Errors {
    fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let side = SideTopic::read(section, names);
        let readings = READINGS.iter().filter_map(|error_type| {
            let reason = Reason::read(section, error_type.as_str())?;
            Some((*error_type, reason))
        });
        let readings = readings.collect();
        Some(Errors {
            side: side?,
            readings,
        })
    }

    /// The words for values that cannot be read.
    pub fn reading(&self, error_type: ErrorType) -> Option<&Reason> {
        let mut readings = self.readings.iter();
        let found = readings.find(|(known, _)| *known == error_type);
        found.map(|(_, reason)| reason)
    }
}

impl SideTopic {
    fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let topic = section.needed_text("topic");
        let mask = section.fields("mask", names).unwrap_or_default();
        let mut members = Vec::new();
        for (index, found) in section.needed_tables("record").into_iter().enumerate() {
            let title = format!("{} member {}", section.title(), index + 1);
            let mut section = section.below(title, found);
            members.extend((MEMBER.read)(&mut section, names));
            section.finish();
        }
        Some(SideTopic {
            topic: topic?.to_owned(),
            members,
            mask,
        })
    }

    /// Appends the event's record. `reason` is JSON.
    pub fn write(&self, event: &mut Event, reason: &str, context: &Context<'_>, out: &mut Vec<u8>) {
        for slot in &self.mask {
            if let Some(text) = event.readable(*slot) {
                let hashed = masking::plain(text, context.masking);
                event.set_masked(*slot, hashed.hex().as_str());
            }
        }
        for (index, member) in self.members.iter().enumerate() {
            out.push(if index == 0 { b'{' } else { b',' });
            out.extend_from_slice(member.written.as_bytes());
            member.holds.write(event, reason, context, out);
        }
        out.push(b'}');
    }

    /// The topic and its records' members.
    pub fn explain(&self, names: &Names) -> String {
        let members: Vec<_> = self.members.iter().map(|member| &*member.name).collect();
        let mask = match &*self.mask {
            [] => String::new(),
            mask => format!(", {} hashed", names.list(mask)),
        };
        format!("{} as {{{}}}{mask}", self.topic, members.join(", "))
    }
}

impl Member {
    fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let name = section.needed_text("name");
        let holds = Holds::read(section, names);
        let name = name?;
        let written = json::quoted(name) + ":";
        Some(Member {
            name: name.into(),
            written: written.into(),
            holds: holds?,
        })
    }
}

impl Holds {
    fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Self> {
        let field = section.field("field", names);
        let otherwise = section.text("otherwise").map(json::quoted);
        let holds = section.choice("holds", HOLDS);
        let format = section.choice("format", Format::NAMES);
        let holds = match (field, otherwise, holds, format) {
            (Some(slot), None, None, None) => Some(Holds::Field(slot, "null".into())),
            (Some(slot), Some(json), None, None) => Some(Holds::Field(slot, json.into())),
            (None, None, Some(What::Event), None) => Some(Holds::Event),
            (None, None, Some(What::Reason), None) => Some(Holds::Reason),
            (None, None, Some(What::Now), Some(format)) => Some(Holds::Now(format)),
            _ => None,
        };
        if holds.is_none() {
            section.mistake(
                "needed is a `field`, with or without `otherwise`, or what it `holds`: `event`, \
                 `reason`, or `now` with a `format`",
            );
        }
        holds
    }

    fn write(&self, event: &Event, reason: &str, context: &Context<'_>, out: &mut Vec<u8>) {
        match self {
            Holds::Field(slot, otherwise) => {
                let json = event.json(*slot).filter(|json| *json != "null");
                out.extend_from_slice(json.unwrap_or(otherwise).as_bytes());
            }
            Holds::Event => event.write(context.names, out),
            Holds::Reason => out.extend_from_slice(reason.as_bytes()),
            Holds::Now(format) => {
                let rendered = context.render_now(*format);
                write_rendered(*format, &rendered, out);
            }
        }
    }
}
