//! The log: a line an event, on stderr.

use std::env;
use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::LogFormat;

/// Why there is no log.
#[derive(Debug, Error)]
pub enum LogError {
    /// `RUST_LOG` is no list of directives.
    #[error("RUST_LOG: {0}")]
    Filter(#[from] FilterError),
    /// This process writes a log already.
    #[error("{0}")]
    Taken(#[from] TryInitError),
}

/// What is no list of tracing's directives.
#[derive(Debug, Error)]
#[error("{0}; allowed are tracing's directives, such as info,greenroom=debug")]
pub struct FilterError(#[from] ParseError);

/// What is logged, to be changed while the process runs.
#[derive(Clone, Debug)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

impl Filter {
    /// Logs what these directives say from now on, all else as [`init`] does.
    ///
    /// # Errors
    /// Where they cannot be read; then all stays as it was.
    pub fn set(&self, directives: &str) -> Result<(), FilterError> {
        let chosen = parse(directives)?;
        // Fails where the log is gone: then there is nothing to choose from.
        let _ = self.0.reload(chosen);
        Ok(())
    }
}

#[cfg(test)]
impl Filter {
    /// One that chooses from nothing.
    pub fn of_no_log() -> Self {
        Filter(reload::Layer::new(EnvFilter::default()).1)
    }
}

/// Begins the process's log. `format` None means text on a terminal, else JSON; `filter` holds
/// directives as `RUST_LOG` does, and what it does not name is logged from info up.
///
/// # Errors
/// Where the filter cannot be read, or this process has a log already.
pub fn init(format: Option<LogFormat>, filter: &str) -> Result<Filter, LogError> {
    let terminal = io::stderr().is_terminal();
    let by_default = if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    };
    let colour = in_colour(terminal);
    let (log, filter) = subscriber(format.unwrap_or(by_default), filter, colour, io::stderr)?;
    log.try_init()?;
    Ok(filter)
}

/// Colour is for terminals, unless `NO_COLOR` (no-color.org) asks for none.
pub fn in_colour(terminal: bool) -> bool {
    terminal && env::var_os("NO_COLOR").is_none_or(|wish| wish.is_empty())
}

fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    colour: bool,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + 'static, Filter), FilterError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (chosen, handle) = reload::Layer::new(parse(filter)?);
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(colour).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    };
    let log = Registry::default().with(chosen).with(lines).with(caps());
    Ok((log, Filter(handle)))
}

fn parse(directives: &str) -> Result<EnvFilter, FilterError> {
    let by_default = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    Ok(by_default.parse(directives)?)
}

/// Below info only our own events are logged, whatever the filter says (P10): h2, hyper, redis and
/// librdkafka print payloads there. A list of those alone would be one dependency behind.
fn caps() -> Targets {
    Targets::new()
        .with_default(Level::INFO)
        .with_target(env!("CARGO_CRATE_NAME"), Level::TRACE)
        // What it says of its start and its end, we say too.
        .with_target("actix_server", Level::WARN)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged of what `act` does.
    fn logged(format: LogFormat, filter: &str, colour: bool, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let (log, _) = subscriber(format, filter, colour, move || writer.clone()).unwrap();
        with_default(log, act);
        lines.text()
    }

    #[test]
    fn p10_libraries_that_print_payloads_are_capped_whatever_the_filter_says() {
        for filter in [
            "trace",
            "h2=trace,hyper=trace,redis=debug,librdkafka=debug,rdkafka=trace",
        ] {
            let log = logged(LogFormat::Text, filter, false, || {
                tracing::trace!(target: "h2::codec", "payload");
                tracing::debug!(target: "hyper::proto", "payload");
                tracing::debug!(target: "hyper_util::client", "payload");
                tracing::debug!(target: "redis::connection", "payload");
                tracing::debug!(target: "librdkafka", "payload");
                tracing::trace!(target: "rdkafka::client", "payload");
                tracing::info!(target: "actix_server::worker", "workers");
                tracing::info!(target: "librdkafka", "a broker is up");
            });
            assert!(!log.contains("payload"), "{filter}: {log}");
            assert!(!log.contains("workers"), "ours say as much: {log}");
        }
        let log = logged(LogFormat::Text, "trace", false, || {
            tracing::info!(target: "librdkafka", "a broker is up");
        });
        assert!(log.contains("a broker is up"), "{log}");
    }

    #[test]
    fn our_own_events_follow_the_filter() {
        let act = || {
            tracing::debug!(target: "greenroom::flow", "small");
            tracing::info!(target: "greenroom::flow", "usual");
        };
        let lines = |filter| logged(LogFormat::Text, filter, false, act).lines().count();
        assert_eq!(lines(""), 1, "info is the default");
        assert_eq!(lines("debug"), 2);
        assert_eq!(lines("greenroom::flow=debug"), 2);
        assert_eq!(lines("greenroom=error"), 0);
    }

    #[test]
    fn the_filter_can_be_changed_and_the_caps_stay() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = subscriber(LogFormat::Text, "info", false, move || writer.clone());
        let (log, filter) = log.unwrap();
        with_default(log, || {
            let say = |what| {
                tracing::debug!(target: "greenroom::flow", what);
                tracing::debug!(target: "redis::connection", what, "payload");
            };
            say("before");
            filter.set("trace").unwrap();
            say("while");
            let refused = filter.set("greenroom=loud").expect_err("no such level");
            assert!(refused.to_string().contains("info,greenroom=debug"));
            say("still");
            filter.set("warn").unwrap();
            say("after");
        });
        let text = lines.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("while") && text.contains("still"), "{text}");
        assert!(!text.contains("payload"), "P10: {text}");
    }

    #[test]
    fn json_is_an_object_a_line_with_the_fields_beside_the_message() {
        let log = logged(LogFormat::Json, "info", true, || {
            tracing::warn!(target: "greenroom::kafka", partition = "user-login/3", "away");
        });
        let line: Value = serde_json::from_str(&log).expect("one object");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "away");
        assert_eq!(line["partition"], "user-login/3");
        assert_eq!(line["target"], "greenroom::kafka");
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn a_line_says_which_actor_it_is_of() {
        let act = || {
            let span = tracing::error_span!(target: "greenroom", "actor", actor = "producer");
            span.in_scope(|| tracing::warn!(target: "greenroom", "away"));
        };
        let log = logged(LogFormat::Json, "warn", false, act);
        let line: Value = serde_json::from_str(&log).expect("one object");
        assert_eq!(line["span"]["actor"], "producer");
        let log = logged(LogFormat::Text, "warn", false, act);
        assert!(log.contains("actor=\"producer\""), "{log}");
    }

    #[test]
    fn colour_is_for_terminals() {
        let act = || tracing::info!(target: "greenroom", "there");
        assert!(!logged(LogFormat::Text, "info", false, act).contains('\u{1b}'));
        assert!(logged(LogFormat::Text, "info", true, act).contains('\u{1b}'));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_by_its_setting() {
        let refused = init(None, "greenroom=loud").expect_err("no such level");
        assert!(refused.to_string().starts_with("RUST_LOG: "), "{refused}");
    }
}
