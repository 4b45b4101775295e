//! `set`: a member with a fixed text.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::json::Literal;
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Set {
    into: Slot,
    value: Literal,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "set",
    about: "Sets a member to a text: in place, or at the end where it is absent.",
    keys: &[
        Key::needed("into", "the member that is set"),
        Key::needed("value", "the text"),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "set"
into = "source"
value = "web""#,
        runs: &[(r#"{"user_id":"u1"}"#, r#"{"user_id":"u1","source":"web"}"#)],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let into = section.needed_field("into", names);
    let value = section.needed_text("value");
    Some(Box::new(Set {
        into: into?,
        value: value?.into(),
    }))
}

impl Step for Set {
    fn apply(&self, event: &mut Event, _: &Context<'_>) -> Result<(), Stop> {
        event.set_text(self.into, &self.value);
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        format!("set {} to {:?}", names.name(self.into), self.value.text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn a_member_is_set_whatever_it_was() {
        let step = step(r#"do = "set", into = "a", value = "x""#);
        assert_eq!(step.run(r#"{"a":{},"b":1}"#), emitted(r#"{"a":"x","b":1}"#));
        assert_eq!(step.run(r#"{"b":1}"#), emitted(r#"{"b":1,"a":"x"}"#));
    }
}
