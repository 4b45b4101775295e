//! The settings that a pipeline file brings along, in its table `[settings]`.

use std::fmt;

use toml::de::{DeTable, DeValue};

use super::environment::nearest;
use super::sources::Found;
use super::{Origin, Problem, SETTINGS, Setting};

/// What a pipeline file says about settings. An empty one says nothing.
#[derive(Clone, Debug, Default)]
pub struct PipelineFile {
    name: String,
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    key: String,
    /// Counted from 1.
    line: usize,
    /// None: a type that no setting has.
    text: Option<String>,
}

impl PipelineFile {
    /// Reads `[settings]` of the file called `name`; the rest of it is the pipeline's.
    ///
    /// # Errors
    /// Where it is no TOML, with the line; the text itself is not quoted (P10).
    pub fn parse(name: &str, toml: &str) -> Result<PipelineFile, Problem> {
        let problem = |start, why| {
            let origin = Origin::PipelineFile {
                name: name.to_owned(),
                line: line_of(toml, start),
            };
            Problem::new("settings", origin, why)
        };
        let table = DeTable::parse(toml).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            problem(start, "cannot be read: the file is no TOML")
        })?;
        let entries = match table.get_ref().get("settings") {
            None => Vec::new(),
            Some(settings) => match settings.get_ref().as_table() {
                Some(settings) => entries(settings, toml),
                None => return Err(problem(settings.span().start, "must be a table")),
            },
        };
        Ok(PipelineFile {
            name: name.to_owned(),
            entries,
        })
    }

    pub(super) fn find(&self, setting: &Setting) -> Option<Found> {
        let key = setting.key()?;
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Found {
            text: entry.text.clone()?,
            origin: self.origin(entry),
        })
    }

    /// A problem for each key that is no setting's, or may not stand in a file, or whose value
    /// has a type that no setting has.
    pub(super) fn mistakes(&self) -> Vec<Problem> {
        let keys: Vec<String> = SETTINGS.iter().filter_map(Setting::key).collect();
        self.entries
            .iter()
            .filter_map(|entry| Some((entry, mistake(entry, &keys)?)))
            .map(|(entry, why)| Problem::new(&entry.key, self.origin(entry), why))
            .collect()
    }

    fn origin(&self, entry: &Entry) -> Origin {
        Origin::PipelineFile {
            name: self.name.clone(),
            line: entry.line,
        }
    }
}

/// A key alone: what an unknown one holds may be a secret that does not belong there (P10).
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.line)
    }
}

fn entries(settings: &DeTable<'_>, toml: &str) -> Vec<Entry> {
    settings
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            line: line_of(toml, key.span().start),
            text: plain_text(value.get_ref()),
        })
        .collect()
}

fn mistake(entry: &Entry, keys: &[String]) -> Option<String> {
    if keys.contains(&entry.key) {
        let why = "must be a text, a whole number, true, false, or a list of texts";
        return entry.text.is_none().then(|| why.to_owned());
    }
    if let Some(setting) = SETTINGS
        .iter()
        .find(|setting| is_variable_of(setting, &entry.key))
    {
        return Some(format!(
            "may not stand in a pipeline file; set {}",
            setting.name
        ));
    }
    let near = nearest(&entry.key, keys.iter().map(String::as_str));
    Some(match near {
        Some(near) => format!("is no setting of a pipeline file; did you mean {near}?"),
        None => format!(
            "is no setting of a pipeline file; allowed: {}",
            keys.join(", ")
        ),
    })
}

fn is_variable_of(setting: &Setting, key: &str) -> bool {
    let name = setting
        .name
        .strip_prefix("GREENROOM_")
        .unwrap_or(setting.name);
    name.eq_ignore_ascii_case(key)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// The value as a variable would hold it.
fn plain_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Array(values) => {
            let texts: Option<Vec<_>> = values
                .iter()
                .map(|value| value.get_ref().as_str())
                .collect();
            Some(texts?.join(","))
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_file_line_and_nearest_key() {
        let toml =
            "name = 'x'\n[settings]\ntransformer = 2\nadmin_token = 'hush'\nbatch_wait = 1.5\n";
        let file = PipelineFile::parse("x.toml", toml).expect("it is TOML");
        let texts: Vec<_> = file.mistakes().iter().map(Problem::to_string).collect();
        let why = "is no setting of a pipeline file";
        assert!(texts.contains(&format!(
            "transformer (x.toml:3) {why}; did you mean transformers?"
        )));
        assert!(texts.iter().any(|text| text.starts_with(
            "admin_token (x.toml:4) may not stand in a pipeline file; set GREENROOM_ADMIN_TOKEN"
        )));
        assert!(
            texts
                .iter()
                .any(|text| text.starts_with("batch_wait (x.toml:5) must be"))
        );
        assert!(!format!("{texts:?} {file:?}").contains("hush"));
    }

    #[test]
    fn what_is_no_toml_is_one_problem_with_its_line() {
        for (toml, line) in [("a = 1\nb = = hush\n", 2), ("\n\nsettings = 'hush'\n", 3)] {
            let problem = PipelineFile::parse("x.toml", toml).expect_err("it is wrong");
            assert!(
                problem.to_string().contains(&format!("x.toml:{line}")),
                "{problem}"
            );
            assert!(!problem.to_string().contains("hush"));
        }
    }

    #[test]
    fn a_file_without_settings_says_nothing() {
        let file = PipelineFile::parse("x.toml", "name = 'x'\n").expect("it is TOML");
        assert!(file.mistakes().is_empty());
    }
}
