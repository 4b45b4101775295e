//! `type`: members that must be of a type.

use super::{Context, LACKS, Step};
use crate::pipeline::event::{Event, Lack};
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::json::Kind;
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::{ErrorType, Stop};
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Typed {
    fields: Vec<Slot>,
    /// None stands for an absent member.
    allowed: Vec<Option<Kind>>,
    /// Members that lack a value in this way pass.
    optional: Option<Lack>,
    otherwise: Otherwise,
}

#[derive(Clone, Copy, Debug)]
enum Otherwise {
    Reject,
    Filter,
}

const KINDS: &[(&str, Option<Kind>)] = &[
    ("text", Some(Kind::Text)),
    ("number", Some(Kind::Number)),
    ("boolean", Some(Kind::Boolean)),
    ("null", Some(Kind::Null)),
    ("list", Some(Kind::List)),
    ("object", Some(Kind::Object)),
    ("absent", None),
];

const OTHERWISE: &[(&str, Otherwise)] =
    &[("reject", Otherwise::Reject), ("filter", Otherwise::Filter)];

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "type",
    about: "Rejects (`transformation_error`) or filters an event whose member is of another type.",
    keys: &[
        Key::needed("fields", "the members that are looked at"),
        Key::or(
            "allowed",
            r#"["text"]"#,
            "the types that they may have; `absent`: they may be missing",
        ),
        Key::optional(
            "optional",
            "none passes",
            "members that lack a value in this way pass",
        ),
        Key::or(
            "otherwise",
            r#""reject""#,
            "what becomes of an event whose member has another",
        ),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "type"
fields = ["user_id"]
allowed = ["text", "number"]"#,
        runs: &[
            (r#"{"user_id":7}"#, r#"{"user_id":7}"#),
            (
                r#"{"user_id":[7]}"#,
                r#"rejected as transformation_error: user_id is list, not text or number"#,
            ),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let fields = section.needed_fields(names);
    let allowed = section.choices("allowed", KINDS);
    let optional = section.choice("optional", LACKS);
    let otherwise = section.choice("otherwise", OTHERWISE);
    Some(Box::new(Typed {
        fields: fields?,
        allowed: allowed.unwrap_or_else(|| vec![Some(Kind::Text)]),
        optional,
        otherwise: otherwise.unwrap_or(Otherwise::Reject),
    }))
}

fn name(kind: Option<Kind>) -> &'static str {
    kind.map_or("absent", Kind::as_str)
}

impl Typed {
    fn allowed(&self) -> String {
        let names: Vec<_> = self.allowed.iter().map(|kind| name(*kind)).collect();
        names.join(" or ")
    }

    fn refuse(&self, field: &str, found: Option<Kind>) -> Stop {
        match self.otherwise {
            Otherwise::Filter => Stop::Filtered,
            Otherwise::Reject => {
                let (found, allowed) = (name(found), self.allowed());
                let detail = format!("{field} is {found}, not {allowed}");
                Stop::rejected(ErrorType::TransformationError, detail)
            }
        }
    }
}

impl Step for Typed {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        for slot in &self.fields {
            let kind = event.kind(*slot);
            let passes = self.optional.is_some_and(|lack| event.lacks(*slot, lack));
            if !passes && !self.allowed.contains(&kind) {
                return Err(self.refuse(context.names.name(*slot), kind));
            }
        }
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let otherwise = match self.otherwise {
            Otherwise::Reject => "reject",
            Otherwise::Filter => "drop",
        };
        let (fields, allowed) = (names.list(&self.fields), self.allowed());
        let unless = Lack::unless(self.optional);
        format!("{otherwise} where one of {fields} is not {allowed}{unless}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn a_member_is_text_unless_said_otherwise() {
        let step = step(r#"do = "type", fields = ["a", "b"]"#);
        assert_eq!(
            step.run(r#"{"a":"","b":"x"}"#),
            emitted(r#"{"a":"","b":"x"}"#)
        );
        for (event, detail) in [
            (r#"{"a":"x","b":7}"#, "b is number, not text"),
            (r#"{"a":"x"}"#, "b is absent, not text"),
            (r#"{"a":["secret"]}"#, "a is list, not text"),
        ] {
            assert_eq!(step.run(event), rejected("transformation_error", detail));
        }
    }

    #[test]
    fn other_types_may_be_dropped() {
        let allowed = r#"allowed = ["text", "number", "boolean", "null"]"#;
        let step = step(&format!(
            r#"do = "type", fields = ["a"], {allowed}, otherwise = "filter""#
        ));
        for event in ["{}", r#"{"a":[]}"#, r#"{"a":{}}"#] {
            assert_eq!(step.run(event), Ran::Filtered, "{event}");
        }
        for event in [r#"{"a":null}"#, r#"{"a":true}"#, r#"{"a":1}"#] {
            assert_eq!(step.run(event), emitted(event));
        }
    }

    #[test]
    fn what_lacks_a_value_may_pass() {
        let step = step(r#"do = "type", fields = ["a"], optional = "falsy""#);
        for event in ["{}", r#"{"a":[]}"#, r#"{"a":0}"#, r#"{"a":"x"}"#] {
            assert_eq!(step.run(event), emitted(event));
        }
        let detail = "a is list, not text";
        assert_eq!(
            step.run(r#"{"a":[0]}"#),
            rejected("transformation_error", detail)
        );
    }
}
