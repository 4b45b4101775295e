//! `select`: these members only, in this order. One that is absent stays so.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Select {
    fields: Vec<Slot>,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "select",
    about: "Keeps these members only, in this order. One that is absent stays so: `require` it to have it always.",
    keys: &[Key::needed("fields", "the members that are kept")],
    examples: &[Example {
        toml: r#"[[step]]
do = "select"
fields = ["user_id", "locale"]"#,
        runs: &[(
            r#"{"locale":"CA","ip":"1.2.3.4","user_id":null}"#,
            r#"{"user_id":null,"locale":"CA"}"#,
        )],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let fields = section.needed_fields(names)?;
    Some(Box::new(Select { fields }))
}

impl Step for Select {
    fn apply(&self, event: &mut Event, _: &Context<'_>) -> Result<(), Stop> {
        event.select(&self.fields);
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        format!("keep only {}, in this order", names.list(&self.fields))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn the_rest_is_left_out_duplicates_too() {
        let step = step(r#"do = "select", fields = ["a", "b", "c"]"#);
        for (event, expected) in [
            (
                r#"{"x":1,"b":null,"a":{ "y": 2 }}"#,
                r#"{"a":{ "y": 2 },"b":null}"#,
            ),
            (r#"{"x":1,"a":1,"\u0078":2,"\u0061":2}"#, r#"{"a":2}"#),
            (r#"{"x":1}"#, "{}"),
        ] {
            assert_eq!(step.run(event), emitted(expected));
        }
    }
}
