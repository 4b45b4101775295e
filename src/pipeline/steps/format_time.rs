//! `format-time`: an event's time, written another way.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::{ErrorType, Stop};
use crate::pipeline::section::Section;
use crate::pipeline::time::Format;

#[derive(Debug)]
struct FormatTime {
    field: Slot,
    into: Slot,
    format: Format,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "format-time",
    about: "Writes a member's time another way, in the zone that `GREENROOM_TIMEZONE` names. Rejects (`transformation_error`) an event whose member is no time.",
    keys: &[
        Key::needed("field", "the member that holds the time"),
        Key::optional("into", "`field`: in place", "the member that is set"),
        Key::needed("format", "how the time is written"),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "format-time"
field = "timestamp"
into = "event_time"
format = "rfc3339""#,
        runs: &[
            (
                r#"{"timestamp":1694479551.9}"#,
                r#"{"timestamp":1694479551.9,"event_time":"2023-09-12T00:45:51Z"}"#,
            ),
            (
                r#"{}"#,
                r#"rejected as transformation_error: timestamp is no time of years 1 to 9999, so it is not rewritten"#,
            ),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let field = section.needed_field("field", names);
    let into = section.field("into", names);
    let format = section.needed_choice("format", Format::NAMES);
    Some(Box::new(FormatTime {
        field: field?,
        into: into.or(field)?,
        format: format?,
    }))
}

impl Step for FormatTime {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        let moment = event.time(self.field);
        // The zone too may shift it out of the years that can be written.
        let rendered = moment.and_then(|moment| moment.render(self.format, context.zone));
        let rendered = rendered.ok_or_else(|| {
            let name = context.names.name(self.field);
            let detail = format!("{name} is no time of years 1 to 9999, so it is not rewritten");
            Stop::rejected(ErrorType::TransformationError, detail)
        })?;
        event.set_time(self.into, self.format, &rendered);
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let (into, field) = (names.name(self.into), names.name(self.field));
        format!("set {into} to {field} as {}", self.format.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn a_time_is_written_anew_in_place_or_beside() {
        let beside = step(r#"do = "format-time", field = "t", into = "at", format = "rfc3339""#);
        assert_eq!(
            beside.run(r#"{"t":"1694479551"}"#),
            emitted(r#"{"t":"1694479551","at":"2023-09-12T00:45:51Z"}"#)
        );
        let in_place = step(r#"do = "format-time", field = "t", format = "human""#);
        assert_eq!(
            in_place.run(r#"{"t":1694479551.9,"b":1}"#),
            emitted(r#"{"t":"2023-09-12 00:45:51","b":1}"#)
        );
    }

    #[test]
    fn what_is_no_time_is_rejected() {
        let step = step(r#"do = "format-time", field = "t", format = "human""#);
        let detail = "t is no time of years 1 to 9999, so it is not rewritten";
        for event in [r#"{"t":"soon"}"#, r#"{"t":253402300800}"#, "{}"] {
            assert_eq!(step.run(event), rejected("transformation_error", detail));
        }
    }
}
