//! Where a setting's text is found.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::settings::PIPELINE;
use super::{Config, Given, PipelineFile, Problem, Setting};

/// What the flags say, by the settings' names.
pub type Flags = BTreeMap<&'static str, String>;

/// No setting is longer: a path such as /dev/zero must not fill the memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// All places where settings are looked for. Tests hand in their own.
#[derive(Default)]
pub struct Sources {
    pub flags: Flags,
    pub env: BTreeMap<String, OsString>,
    pub file: PipelineFile,
    pub host: Host,
}

/// What some defaults depend on.
#[derive(Clone, Debug)]
pub struct Host {
    pub cores: usize,
    pub name: String,
}

/// Where a setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag(&'static str),
    Argument,
    Environment,
    /// The file that `NAME_FILE` names.
    File(String),
    PipelineFile {
        name: String,
        line: usize,
    },
    Default,
}

/// A setting's text, as it was found.
pub(super) struct Found {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// The process's environment, but for variables whose very name is no text.
pub fn environment() -> BTreeMap<String, OsString> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect()
}

impl Sources {
    /// The pipeline's name or path: it is needed before its file, which is a source itself, can
    /// be read.
    ///
    /// # Errors
    /// Those that [`Config::load`] would report of this setting.
    pub fn pipeline(&self) -> Result<String, Problem> {
        let Some(Found { text, origin }) = self.find(&PIPELINE)? else {
            return Ok(PIPELINE.default.describe().to_owned());
        };
        PIPELINE
            .kind
            .apply(&text, &mut Config::blank())
            .map_err(|why| Problem::value(&PIPELINE, &text, origin, why))
    }

    /// Flag over environment over pipeline file.
    pub(super) fn find(&self, setting: &Setting) -> Result<Option<Found>, Problem> {
        if let Some(text) = self.flags.get(setting.name) {
            let origin = match setting.given {
                Given::Flag(flag) => Origin::Flag(flag),
                Given::Argument | Given::Environment => Origin::Argument,
            };
            let text = text.clone();
            return Ok(Some(Found { text, origin }));
        }
        let found = self.variable(setting.name, setting.kind.is_secret())?;
        Ok(found.or_else(|| self.file.find(setting)))
    }

    /// The variable `name`, or the content of the file that `name_FILE` names.
    pub(super) fn variable(&self, name: &str, secret: bool) -> Result<Option<Found>, Problem> {
        let file_name = format!("{name}_FILE");
        // OpenTelemetry's are as good as not there where they are empty; its specification says so.
        let is_said = |value: &&OsString| !(name.starts_with("OTEL_") && value.is_empty());
        match (self.env.get(name).filter(is_said), self.env.get(&file_name)) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Problem::new(
                name,
                Origin::Environment,
                format!("is set, and {file_name} as well; one of them must go"),
            )),
            (Some(value), None) => match value.to_str() {
                Some(text) => Ok(Some(Found {
                    text: text.to_owned(),
                    origin: Origin::Environment,
                })),
                None => Err(Problem::new(name, Origin::Environment, "is no UTF-8 text")),
            },
            (None, Some(path)) => read(&file_name, Path::new(path), secret).map(Some),
        }
    }
}

/// Reads a setting from a file, without the line end that editors and `echo` leave.
fn read(variable: &str, path: &Path, secret: bool) -> Result<Found, Problem> {
    let shown = path.display().to_string();
    let text = read_text(path).map_err(|error| {
        // Who puts a secret where its path belongs must not find it in the log (P10).
        let path = (!secret).then_some(shown.as_str());
        let why = format!("must name a readable file of UTF-8 text: {}", error.kind());
        Problem::new(variable, Origin::Environment, why).showing(path)
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Found {
        text: line.to_owned(),
        origin: Origin::File(shown),
    })
}

pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

impl Host {
    /// This machine.
    pub fn here() -> Host {
        Host {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            name: host_name(),
        }
    }
}

impl Default for Host {
    fn default() -> Host {
        Host::here()
    }
}

/// Linux tells it in a file, in containers too; elsewhere shells tell it, or nobody does.
fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "greenroom".to_owned())
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "--{flag}"),
            Origin::Argument => f.write_str("argument"),
            Origin::Environment => f.write_str("environment"),
            Origin::File(path) => write!(f, "file {path}"),
            Origin::PipelineFile { name, line } => write!(f, "{name}:{line}"),
            Origin::Default => f.write_str("default"),
        }
    }
}
