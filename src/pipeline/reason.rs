//! `reason`: in which words the side topics are told why a record's way ended.

use super::json;
use super::names::{Names, Slot};
use super::outcome::Refusal;
use super::section::Section;

/// A text in which `{detail}` stands for what the step found, and `{missing}` for the members that
/// are missing, as `['ip', 'locale']`.
#[derive(Clone, Debug)]
pub(super) struct Reason(Box<str>);

const PLACES: [&str; 2] = ["{detail}", "{missing}"];

impl Reason {
    pub fn read(section: &mut Section<'_, '_>, key: &'static str) -> Option<Self> {
        let text = section.text(key)?;
        let rest = PLACES
            .iter()
            .fold(text.to_owned(), |rest, place| rest.replace(place, ""));
        if rest.contains(['{', '}']) {
            let message = format!("`{key}` may hold {} and no other brace", PLACES.join(", "));
            section.mistake(&message);
        }
        Some(Reason(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The words for this refusal, as JSON.
    pub fn fill(&self, refusal: &Refusal, names: &Names) -> String {
        let text = self
            .0
            .replace("{missing}", &listed(&refusal.missing, names));
        json::quoted(&text.replace("{detail}", &refusal.detail))
    }
}

fn listed(missing: &[Slot], names: &Names) -> String {
    let missing = missing
        .iter()
        .map(|slot| format!("'{}'", names.name(*slot)));
    format!("[{}]", missing.collect::<Vec<_>>().join(", "))
}
