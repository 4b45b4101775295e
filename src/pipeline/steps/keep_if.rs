//! `keep-if`: events whose member is one of some texts; all others are dropped.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct KeepIf {
    field: Slot,
    values: Vec<Box<str>>,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "keep-if",
    about: "Keeps an event whose member is one of some texts (case and type matter) and filters all others.",
    keys: &[
        Key::needed("field", "the member that is looked at"),
        Key::needed("values", "the texts that it may be"),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "keep-if"
field = "device_type"
values = ["android"]"#,
        runs: &[
            (
                r#"{"device_type":"android"}"#,
                r#"{"device_type":"android"}"#,
            ),
            (r#"{"device_type":"iOS"}"#, r#"filtered"#),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let field = section.needed_field("field", names);
    let values = section.needed_texts("values");
    Some(Box::new(KeepIf {
        field: field?,
        values: values?.into_iter().map(Box::from).collect(),
    }))
}

impl Step for KeepIf {
    fn apply(&self, event: &mut Event, _: &Context<'_>) -> Result<(), Stop> {
        let text = event.text(self.field).ok_or(Stop::Filtered)?;
        match self.values.iter().any(|value| **value == *text) {
            true => Ok(()),
            false => Err(Stop::Filtered),
        }
    }

    fn explain(&self, names: &Names) -> String {
        let (field, values) = (names.name(self.field), self.values.join(", "));
        format!("keep where {field} is one of: {values}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn case_and_type_matter() {
        let step = step(r#"do = "keep-if", field = "a", values = ["android", "1"]"#);
        for event in [r#"{"a":"android"}"#, r#"{"a":"1"}"#, r#"{"a":"\u0031"}"#] {
            assert_eq!(step.run(event), emitted(event));
        }
        for event in [r#"{"a":"Android"}"#, r#"{"a":1}"#, r#"{"a":null}"#, "{}"] {
            assert_eq!(step.run(event), Ran::Filtered, "{event}");
        }
    }
}
