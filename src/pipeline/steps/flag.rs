//! `flag`: a member that is true where another is one of some texts, and the reason beside it.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::json::{Kind, Literal};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Flag {
    field: Slot,
    values: Vec<Box<str>>,
    into: Slot,
    /// What the reason is if the flag is set: the field's name.
    reason: Literal,
    /// Where the reason goes, null if the flag is not set.
    reason_into: Option<Slot>,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "flag",
    about: "Sets a member to `true` where another is one of some texts (case and type matter), else to `false`.",
    keys: &[
        Key::needed("field", "the member that is looked at"),
        Key::needed("values", "the texts that set the flag"),
        Key::needed("into", "the member that is set"),
        Key::optional(
            "reason_into",
            "no reason is written",
            "a second member, set to the name of the first where the flag is set, else to null",
        ),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "flag"
field = "locale"
values = ["RU", "VA", "MO"]
into = "anomaly"
reason_into = "anomaly_reason""#,
        runs: &[
            (
                r#"{"locale":"VA"}"#,
                r#"{"locale":"VA","anomaly":true,"anomaly_reason":"locale"}"#,
            ),
            (
                r#"{"locale":"CA"}"#,
                r#"{"locale":"CA","anomaly":false,"anomaly_reason":null}"#,
            ),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let field = section.needed_field("field", names);
    let values = section.needed_texts("values");
    let into = section.needed_field("into", names);
    let reason_into = section.field("reason_into", names);
    Some(Box::new(Flag {
        field: field?,
        reason: names.name(field?).into(),
        values: values?.into_iter().map(Box::from).collect(),
        into: into?,
        reason_into,
    }))
}

impl Flag {
    fn is_set(&self, event: &Event) -> bool {
        let text = event.text(self.field);
        text.is_some_and(|text| self.values.iter().any(|value| **value == *text))
    }
}

impl Step for Flag {
    fn apply(&self, event: &mut Event, _: &Context<'_>) -> Result<(), Stop> {
        let set = self.is_set(event);
        let json = if set { "true" } else { "false" };
        event.set_json(self.into, Kind::Boolean, json);
        match self.reason_into {
            Some(into) if set => event.set_text(into, &self.reason),
            Some(into) => event.set_json(into, Kind::Null, "null"),
            None => {}
        }
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let (into, field) = (names.name(self.into), names.name(self.field));
        let values = self.values.join(", ");
        let reason = self.reason_into.map(|slot| names.name(slot));
        let reason = reason.map_or(String::new(), |name| format!(", and {name} to the reason"));
        format!("set {into} where {field} is one of: {values}{reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn a_flag_and_its_reason() {
        let step = step(
            r#"do = "flag", field = "l", values = ["RU", "VA"], into = "f", reason_into = "why""#,
        );
        for (event, expected) in [
            (r#"{"l":"VA"}"#, r#"{"l":"VA","f":true,"why":"l"}"#),
            (r#"{"l":"va"}"#, r#"{"l":"va","f":false,"why":null}"#),
            (r#"{"f":7}"#, r#"{"f":false,"why":null}"#),
        ] {
            assert_eq!(step.run(event), emitted(expected));
        }
    }

    #[test]
    fn the_reason_may_be_left_out() {
        let step = step(r#"do = "flag", field = "l", values = ["RU"], into = "f""#);
        assert_eq!(step.run(r#"{"l":"RU"}"#), emitted(r#"{"l":"RU","f":true}"#));
    }
}
