//! `require`: members that an event must have. All that are missing are named.

use super::{Context, LACKS, Step};
use crate::pipeline::event::{Event, Lack};
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Require {
    fields: Vec<Slot>,
    missing: Lack,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "require",
    about: "Rejects (`missing_field`) an event that lacks one of these members; all that are missing are named.",
    keys: &[
        Key::needed("fields", "the members that there must be"),
        Key::or("missing", r#""null""#, "what counts as missing"),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "require"
fields = ["user_id", "locale"]"#,
        runs: &[
            (
                r#"{"user_id":"u1","locale":"CA"}"#,
                r#"{"user_id":"u1","locale":"CA"}"#,
            ),
            (
                r#"{"user_id":null}"#,
                r#"rejected as missing_field: missing: user_id, locale"#,
            ),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let fields = section.needed_fields(names);
    let missing = section.choice("missing", LACKS).unwrap_or(Lack::Null);
    let fields = fields?;
    Some(Box::new(Require { fields, missing }))
}

impl Require {
    fn refuse(&self, event: &Event, names: &Names) -> Stop {
        let missing = self.fields.iter().copied();
        let missing = missing.filter(|slot| event.lacks(*slot, self.missing));
        Stop::missing(missing.collect(), names)
    }
}

impl Step for Require {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        let lacks = |slot: &Slot| event.lacks(*slot, self.missing);
        match self.fields.iter().any(lacks) {
            true => Err(self.refuse(event, context.names)),
            false => Ok(()),
        }
    }

    fn explain(&self, names: &Names) -> String {
        let fields = names.list(&self.fields);
        let missing = self.missing.explain();
        format!("reject where one of {fields} is {missing}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn all_that_are_missing_are_named() {
        let step = step(r#"do = "require", fields = ["a", "b", "c"]"#);
        assert_eq!(
            step.run(r#"{"b":null,"c":""}"#),
            rejected("missing_field", "missing: a, b")
        );
        assert_eq!(
            step.run(r#"{"a":0,"b":false,"c":[]}"#),
            emitted(r#"{"a":0,"b":false,"c":[]}"#)
        );
    }

    #[test]
    fn null_may_count_as_present() {
        let step = step(r#"do = "require", fields = ["a"], missing = "absent""#);
        assert_eq!(step.run(r#"{"a":null}"#), emitted(r#"{"a":null}"#));
        assert_eq!(step.run("{}"), rejected("missing_field", "missing: a"));
    }

    #[test]
    fn falsy_may_count_as_missing() {
        let step = step(r#"do = "require", fields = ["a"], missing = "falsy""#);
        for falsy in [
            "null", "false", "0", "-0", "0.00", "0e7", "1e-999", r#""""#, "[]", "[ ]", "{}",
        ] {
            let event = format!(r#"{{"a":{falsy}}}"#);
            assert_eq!(
                step.run(&event),
                rejected("missing_field", "missing: a"),
                "{falsy}"
            );
        }
        for truthy in ["true", "1", "-0.1", r#"" ""#, "[0]", r#"{"":0}"#] {
            let event = format!(r#"{{"a":{truthy}}}"#);
            assert_eq!(step.run(&event), emitted(&event));
        }
    }

    #[test]
    fn a_detail_stays_under_512_bytes() {
        let long = "ö".repeat(600);
        let step = step(&format!(r#"do = "require", fields = ["{long}"]"#));
        let Ran::Rejected(_, detail) = step.run("{}") else {
            panic!("it is missing");
        };
        assert_eq!(detail.len(), 511);
    }
}
