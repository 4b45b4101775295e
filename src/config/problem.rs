//! What is wrong with one setting, in words that hold no secret (P10).

use std::fmt;

use super::{Origin, Setting};

/// Characters of a wrong value that are shown.
const SHOWN_CHARS: usize = 80;

/// One mistake: the setting, where it came from, its value unless that is secret, and what is
/// allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}{} ({origin}) {why}", Shown(.value))]
pub struct Problem {
    /// As its user wrote it.
    pub setting: String,
    pub origin: Origin,
    /// Only of a known setting that is no secret: an unknown name may be a secret's, misspelt.
    value: Option<String>,
    why: String,
}

struct Shown<'a>(&'a Option<String>);

impl Problem {
    /// A mistake whose value must not be shown, or has nothing to do with it.
    pub(super) fn new(
        setting: impl Into<String>,
        origin: Origin,
        why: impl Into<String>,
    ) -> Problem {
        Problem {
            setting: setting.into(),
            origin,
            value: None,
            why: why.into(),
        }
    }

    /// A value that the setting's kind refuses.
    pub(super) fn value(setting: &Setting, text: &str, origin: Origin, why: String) -> Problem {
        let shown = !setting.kind.is_secret() && !text.is_empty();
        Problem::new(setting.name, origin, why).showing(shown.then_some(text))
    }

    /// Shows the value, unless it has an `@`, before which URLs keep their passwords.
    pub(super) fn showing(mut self, value: Option<&str>) -> Problem {
        self.value = value
            .filter(|value| !value.contains('@'))
            .map(|value| value.chars().take(SHOWN_CHARS).collect());
        self
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(f, "={value:?}"),
            None => Ok(()),
        }
    }
}
