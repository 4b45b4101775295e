//! Which variables are ours, which are Kubernetes', and which are nobody's: a misspelt setting
//! must not be silently without effect.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use super::{Origin, Problem, SETTINGS, properties};

/// What the names of our own variables begin with.
const OURS: &str = "GREENROOM_";

/// Names less alike than this are not offered for one another.
const LIKE: f64 = 0.5;

/// A problem for each variable of ours that is no setting. Values are never shown: the name may
/// be a secret's, misspelt (P10).
pub(super) fn unknown(env: &BTreeMap<String, OsString>) -> Vec<Problem> {
    let names = known_names();
    env.iter()
        .filter(|(name, value)| name.starts_with(OURS) && !is_injected(name, value))
        .filter(|(name, _)| !names.contains(without_file(name)) && !names.contains(*name))
        .map(|(name, _)| Problem::new(name, Origin::Environment, unknown_why(name, &names)))
        .collect()
}

/// The closest of `names`, if it is close at all. What all of ours begin with says nothing.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let own = |name: &'a str| name.strip_prefix(OURS).unwrap_or(name);
    let sought = name.strip_prefix(OURS).unwrap_or(name);
    names
        .map(|name| {
            (
                strsim::normalized_damerau_levenshtein(sought, own(name)),
                name,
            )
        })
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Whether Kubernetes sets this variable for a Service whose name begins with ours. The address
/// in `*_PORT` tells it from a setting that somebody believes in, such as GREENROOM_HTTP_PORT.
pub(super) fn is_injected(name: &str, value: &OsStr) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.split("_PORT_").skip(1).any(is_port_detail)
        || (name.ends_with("_PORT") && value.to_string_lossy().contains("://"))
}

/// `8080_TCP`, `8080_TCP_ADDR` and their like.
fn is_port_detail(rest: &str) -> bool {
    let (port, protocol) = rest.split_once('_').unwrap_or((rest, ""));
    port.parse::<u16>().is_ok()
        && ["TCP", "UDP", "SCTP"]
            .iter()
            .any(|known| protocol.starts_with(known))
}

fn known_names() -> BTreeSet<String> {
    let settings = SETTINGS.iter().map(|setting| setting.name.to_owned());
    settings
        .chain(properties::catalogue().map(|property| property.variable))
        .collect()
}

fn without_file(name: &str) -> &str {
    name.strip_suffix("_FILE").unwrap_or(name)
}

fn unknown_why(name: &str, names: &BTreeSet<String>) -> String {
    let sought = without_file(name);
    let file = &name[sought.len()..];
    match nearest(sought, names.iter().map(String::as_str)) {
        Some(near) => format!("is not a setting; did you mean {near}{file}?"),
        None => "is not a setting; `greenroom check` lists them all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown_of(name: &str, value: &str) -> Option<String> {
        let env = BTreeMap::from([(name.to_owned(), value.into())]);
        unknown(&env).first().map(Problem::to_string)
    }

    #[test]
    fn p10_an_unknown_name_has_its_nearest_and_no_value() {
        for (name, near) in [
            ("GREENROOM_ADMIN_TOKN", "GREENROOM_ADMIN_TOKEN"),
            ("GREENROOM_HASHKEY_FILE", "GREENROOM_HASH_KEY_FILE"),
            (
                "GREENROOM_KAFKA_SASL_PASWORD",
                "GREENROOM_KAFKA_SASL_PASSWORD",
            ),
            ("GREENROOM_KAFKA_BROKERS", "KAFKA_BROKERS"),
            ("GREENROOM_HTTP_PORT", "GREENROOM_HTTP_ADDR"),
            ("GREENROOM_REDIS_URL", "REDIS_URL"),
        ] {
            let text = unknown_of(name, "1234").expect("it is no setting");
            assert_eq!(
                text,
                format!("{name} (environment) is not a setting; did you mean {near}?")
            );
        }
        let far = unknown_of("GREENROOM_QQQQQQQQ", "1234").expect("it is no setting");
        assert!(far.contains("`greenroom check`") && !far.contains("1234"));
    }

    #[test]
    fn what_kubernetes_injects_is_accepted() {
        for (name, value) in [
            ("GREENROOM_SERVICE_HOST", "10.0.0.1"),
            ("GREENROOM_SERVICE_PORT", "8080"),
            ("GREENROOM_SERVICE_PORT_HTTP", "8080"),
            ("GREENROOM_PORT", "tcp://10.0.0.1:8080"),
            ("GREENROOM_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("GREENROOM_PORT_8080_TCP_PROTO", "tcp"),
            ("GREENROOM_PORT_8080_TCP_PORT", "8080"),
            ("GREENROOM_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("GREENROOM_KAFKA_SERVICE_HOST", "10.0.0.1"),
            ("GREENROOM_KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092"),
        ] {
            assert_eq!(unknown_of(name, value), None, "{name}");
        }
    }

    #[test]
    fn other_programs_variables_are_theirs() {
        for name in ["PATH", "KAFKA_HEAP_OPTS", "OTEL_SERVICE_NAME", "GREENROOMS"] {
            assert_eq!(unknown_of(name, "x"), None, "{name}");
        }
    }
}
