//! `default`: a text for a member that lacks a value.

use super::{Context, LACKS, Step};
use crate::pipeline::event::{Event, Lack};
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::json::Literal;
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Default {
    field: Slot,
    value: Literal,
    when: Lack,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "default",
    about: "Sets a member that lacks a value to a text: in place, or at the end where it is absent.",
    keys: &[
        Key::needed("field", "the member"),
        Key::needed("value", "the text"),
        Key::or("when", r#""null""#, "what counts as lacking a value"),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "default"
field = "device_type"
value = "unknown"
when = "not-text""#,
        runs: &[
            (
                r#"{"device_type":7,"locale":"CA"}"#,
                r#"{"device_type":"unknown","locale":"CA"}"#,
            ),
            (r#"{"device_type":""}"#, r#"{"device_type":""}"#),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let field = section.needed_field("field", names);
    let value = section.needed_text("value");
    let when = section.choice("when", LACKS).unwrap_or(Lack::Null);
    Some(Box::new(Default {
        field: field?,
        value: value?.into(),
        when,
    }))
}

impl Step for Default {
    fn apply(&self, event: &mut Event, _: &Context<'_>) -> Result<(), Stop> {
        if event.lacks(self.field, self.when) {
            event.set_text(self.field, &self.value);
        }
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let (field, when) = (names.name(self.field), self.when.explain());
        let value = &self.value.text;
        format!("set {field} to {value:?} where it is {when}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn a_lacking_member_is_set_in_place_or_at_the_end() {
        let step = step(r#"do = "default", field = "a", value = "x\"y", when = "not-text""#);
        for (event, expected) in [
            (r#"{"b":1}"#, r#"{"b":1,"a":"x\"y"}"#),
            (r#"{"a":null,"b":1}"#, r#"{"a":"x\"y","b":1}"#),
            (r#"{"a":[2],"b":1}"#, r#"{"a":"x\"y","b":1}"#),
            (r#"{"a":"","b":1}"#, r#"{"a":"","b":1}"#),
        ] {
            assert_eq!(step.run(event), emitted(expected));
        }
    }
}
