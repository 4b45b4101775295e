//! `time`: members that must be a time.

use super::{Context, LACKS, Step};
use crate::pipeline::event::{Event, Lack};
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::json::Kind;
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::{ErrorType, Stop};
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Time {
    fields: Vec<Slot>,
    /// Members that lack a value in this way pass.
    optional: Option<Lack>,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "time",
    about: "Rejects (`invalid_timestamp`) an event whose member is no time: a number of Unix seconds (its fraction is cut), or the text of a whole number, in years 1 to 9999.",
    keys: &[
        Key::needed("fields", "the members that must be times"),
        Key::optional(
            "optional",
            "none may lack",
            "members that lack a value in this way pass",
        ),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "time"
fields = ["timestamp"]"#,
        runs: &[
            (
                r#"{"timestamp":"1694479551"}"#,
                r#"{"timestamp":"1694479551"}"#,
            ),
            (
                r#"{"timestamp":"soon"}"#,
                r#"rejected as invalid_timestamp: timestamp (text) is no time of years 1 to 9999"#,
            ),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let fields = section.needed_fields(names);
    let optional = section.choice("optional", LACKS);
    let fields = fields?;
    Some(Box::new(Time { fields, optional }))
}

impl Step for Time {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        for slot in &self.fields {
            if self.optional.is_some_and(|lack| event.lacks(*slot, lack)) {
                continue;
            }
            check_time(event, *slot, context.names)?;
        }
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let fields = names.list(&self.fields);
        let unless = Lack::unless(self.optional);
        format!("reject where one of {fields} is no time of years 1 to 9999{unless}")
    }
}

fn check_time(event: &Event, slot: Slot, names: &Names) -> Result<(), Stop> {
    if event.time(slot).is_some() {
        return Ok(());
    }
    let found = event.kind(slot).map_or("absent", Kind::as_str);
    let name = names.name(slot);
    let detail = format!("{name} ({found}) is no time of years 1 to 9999");
    Err(Stop::rejected(ErrorType::InvalidTimestamp, detail))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn what_is_no_time_is_rejected() {
        let step = step(r#"do = "time", fields = ["t"]"#);
        for event in [r#"{"t":0}"#, r#"{"t":"1694479551"}"#, r#"{"t":1.5e9}"#] {
            assert_eq!(step.run(event), emitted(event));
        }
        for (event, kind) in [
            ("{}", "absent"),
            (r#"{"t":""}"#, "text"),
            (r#"{"t":false}"#, "boolean"),
            (r#"{"t":1e400}"#, "number"),
        ] {
            let detail = format!("t ({kind}) is no time of years 1 to 9999");
            assert_eq!(step.run(event), rejected("invalid_timestamp", &detail));
        }
    }

    #[test]
    fn a_falsy_time_may_pass() {
        let step = step(r#"do = "time", fields = ["t"], optional = "falsy""#);
        for event in ["{}", r#"{"t":""}"#, r#"{"t":{}}"#] {
            assert_eq!(step.run(event), emitted(event));
        }
        let detail = "t (boolean) is no time of years 1 to 9999";
        assert_eq!(
            step.run(r#"{"t":true}"#),
            rejected("invalid_timestamp", detail)
        );
    }
}
