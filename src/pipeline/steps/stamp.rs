//! `stamp`: the time at which an event was worked on.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;
use crate::pipeline::time::Format;

#[derive(Debug)]
struct Stamp {
    into: Slot,
    format: Format,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "stamp",
    about: "Sets a member to the time at which the event is worked on, in the zone that `GREENROOM_TIMEZONE` names.",
    keys: &[
        Key::needed("into", "the member that is set"),
        Key::needed("format", "how the time is written"),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "stamp"
into = "processed_at"
format = "rfc3339-millis""#,
        runs: &[(
            r#"{"processed_at":0,"user_id":"u1"}"#,
            r#"{"processed_at":"2024-01-02T03:04:05.678Z","user_id":"u1"}"#,
        )],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let into = section.needed_field("into", names);
    let format = section.needed_choice("format", Format::NAMES);
    Some(Box::new(Stamp {
        into: into?,
        format: format?,
    }))
}

impl Step for Stamp {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        let rendered = context.render_now(self.format);
        event.set_time(self.into, self.format, &rendered);
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let into = names.name(self.into);
        format!("set {into} to now as {}", self.format.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn now_is_the_time_handed_in() {
        for (format, expected) in [
            ("rfc3339-millis", r#""2024-01-02T03:04:05.678Z""#),
            ("human", r#""2024-01-02 03:04:05""#),
            ("unix", "1704164645"),
            ("unix-fraction", "1704164645.678901"),
        ] {
            let step = step(&format!(
                r#"do = "stamp", into = "at", format = "{format}""#
            ));
            let expected = format!(r#"{{"at":{expected},"b":1}}"#);
            assert_eq!(step.run(r#"{"at":"old","b":1}"#), emitted(&expected));
        }
    }
}
