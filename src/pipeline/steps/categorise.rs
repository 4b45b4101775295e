//! `categorise`: a member that says to which class another's text belongs.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::json::Literal;
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Categorise {
    field: Slot,
    into: Slot,
    categories: Vec<Category>,
    otherwise: Literal,
}

/// A class and the texts that belong to it, whatever their case.
#[derive(Debug)]
struct Category {
    name: Literal,
    texts: Vec<Box<str>>,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "categorise",
    about: "Sets a member to the name of the class to which another member's text belongs, whatever its case.",
    keys: &[
        Key::needed("field", "the member that is looked at"),
        Key::needed("into", "the member that is set"),
        Key::needed(
            "categories",
            "from each class's name to its texts; no text may stand twice",
        ),
        Key::needed(
            "otherwise",
            "the class of all else, also of what is no text",
        ),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "categorise"
field = "device_type"
into = "device_category"
categories = { Mobile = ["android", "ios"], Tablet = ["ipad"] }
otherwise = "Unknown""#,
        runs: &[
            (
                r#"{"device_type":"iOS"}"#,
                r#"{"device_type":"iOS","device_category":"Mobile"}"#,
            ),
            (r#"{}"#, r#"{"device_category":"Unknown"}"#),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let field = section.needed_field("field", names);
    let into = section.needed_field("into", names);
    let categories = section.needed_lists("categories");
    let otherwise = section.needed_text("otherwise");
    let categories = categories?;
    refuse_ambiguity(section, &categories);
    let categories = categories.into_iter().map(|(name, texts)| Category {
        name: name.into(),
        texts: texts.into_iter().map(Box::from).collect(),
    });
    Some(Box::new(Categorise {
        field: field?,
        into: into?,
        categories: categories.collect(),
        otherwise: otherwise?.into(),
    }))
}

fn refuse_ambiguity(section: &mut Section<'_, '_>, categories: &[(&str, Vec<&str>)]) {
    let mut seen = Vec::new();
    for text in categories.iter().flat_map(|(_, texts)| texts) {
        let text = text.to_ascii_lowercase();
        if seen.contains(&text) {
            section.mistake(&format!("`categories` holds `{text}` twice"));
        }
        seen.push(text);
    }
}

impl Categorise {
    fn category(&self, text: &str) -> &Literal {
        let alike = |category: &&Category| {
            let mut texts = category.texts.iter();
            texts.any(|known| known.eq_ignore_ascii_case(text))
        };
        let found = self.categories.iter().find(alike);
        found.map_or(&self.otherwise, |category| &category.name)
    }
}

impl Step for Categorise {
    fn apply(&self, event: &mut Event, _: &Context<'_>) -> Result<(), Stop> {
        let category = match event.text(self.field) {
            Some(text) => self.category(text),
            None => &self.otherwise,
        };
        event.set_text(self.into, category);
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let (into, field) = (names.name(self.into), names.name(self.field));
        let categories = self.categories.iter();
        let categories: Vec<_> = categories
            .map(|category| format!("{} ({})", category.name.text, category.texts.join(", ")))
            .collect();
        let (categories, otherwise) = (categories.join(", "), &self.otherwise.text);
        format!("set {into} by {field}: {categories}, else {otherwise}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::pipeline::Spec;

    #[test]
    fn a_text_belongs_to_one_class() {
        let text = "step = [{ do = \"categorise\", field = \"a\", into = \"b\", \
                    categories = { A = [\"x\"], B = [\"X\"] }, otherwise = \"C\" }]";
        let errors = Spec::parse(text, "c.toml").expect_err("it has mistakes");
        let message = "step 1: `categories` holds `x` twice";
        assert!(
            errors.iter().any(|error| error.message == message),
            "{errors:?}"
        );
    }

    #[test]
    fn case_does_not_matter_and_the_rest_has_a_class() {
        let categories = r#"categories = { Mobile = ["android", "ios"], Tablet = ["ipad"] }"#;
        let step = step(&format!(
            r#"do = "categorise", field = "a", into = "c", {categories}, otherwise = "Unknown""#
        ));
        for (value, category) in [
            (r#""android""#, "Mobile"),
            (r#""iOS""#, "Mobile"),
            (r#""IPAD""#, "Tablet"),
            (r#""ipad ""#, "Unknown"),
            ("null", "Unknown"),
            ("[1]", "Unknown"),
        ] {
            let expected = format!(r#"{{"a":{value},"c":"{category}"}}"#);
            assert_eq!(step.run(&format!(r#"{{"a":{value}}}"#)), emitted(&expected));
        }
        assert_eq!(step.run("{}"), emitted(r#"{"c":"Unknown"}"#));
    }
}
