//! What `greenroom check` shows of a setting.

use std::fmt;

use super::{Origin, Setting};

/// A setting, what may be shown of its value (P10), and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub value: String,
    pub origin: Origin,
}

impl Listed {
    pub(super) fn new(name: impl Into<String>, value: String, origin: Origin) -> Listed {
        Listed {
            name: name.into(),
            value,
            origin,
        }
    }

    /// A setting that was not given and has no value of its own.
    pub(super) fn unset(setting: &Setting) -> Listed {
        let value = if setting.kind.is_secret() {
            "(not set)".to_owned()
        } else {
            format!("({})", setting.default.describe())
        };
        Listed::new(setting.name, value, Origin::Default)
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.name, self.value, self.origin)
    }
}
