//! Steps drawn at random, each with what it does said a second time: on lists of members, with
//! serde_json for a reader.

use std::fmt;
use std::rc::Rc;

use chrono::{DateTime, SecondsFormat};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;

use super::json::NAMES;
use super::reference::{Members, canonical_ip, find, hmac, mask, put, seconds};

/// How an event's way ends early: by a filter, or with an error type.
#[derive(Debug, PartialEq)]
pub enum End {
    Filtered,
    Rejected(&'static str),
}

type Apply = dyn Fn(&mut Members) -> Result<(), End>;

/// A step's TOML and its meaning.
#[derive(Clone)]
pub struct Drawn {
    pub toml: String,
    pub apply: Rc<Apply>,
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.toml)
    }
}

/// More steps that change an event than checks: else most events would not get past the first two.
pub fn steps() -> impl Strategy<Value = Vec<Drawn>> {
    let check = prop_oneof![require(), typed(), ip(), time(), keep_if()];
    let change = prop_oneof![
        default(),
        set(),
        hash(),
        key_id(),
        categorise(),
        flag(),
        format_time(),
        stamp(),
        choose(),
    ];
    vec(prop_oneof![1 => check, 3 => change], 0..5)
}

fn drawn<S: Strategy + 'static>(
    params: S,
    make: impl Fn(S::Value) -> Drawn + 'static,
) -> BoxedStrategy<Drawn> {
    params.prop_map(make).boxed()
}

fn step(
    kind: &str,
    keys: Vec<(&str, toml::Value)>,
    apply: impl Fn(&mut Members) -> Result<(), End> + 'static,
) -> Drawn {
    let keys: Vec<_> = keys
        .iter()
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    Drawn {
        toml: format!("[[step]]\ndo = \"{kind}\"\n{}", keys.concat()),
        apply: Rc::new(apply),
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    select(&NAMES[..])
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(NAMES.to_vec(), 1..3)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("x".to_owned()), any::<String>()]
}

fn values() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(vec!["", "x", "RU", "iOS", "é", "1.2.3.4"], 1..5)
}

const LACKS: [&str; 4] = ["absent", "null", "falsy", "not-text"];

fn lacks(event: &Members, name: &str, lack: &str) -> bool {
    let Some(value) = find(event, name) else {
        return true;
    };
    match lack {
        "absent" => false,
        "null" => value.is_null(),
        "not-text" => !value.is_string(),
        _ => match value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(value) => value.as_f64() == Some(0.0),
            Value::String(value) => value.is_empty(),
            Value::Array(value) => value.is_empty(),
            Value::Object(value) => value.is_empty(),
        },
    }
}

fn is_one_of(event: &Members, name: &str, values: &[&str]) -> bool {
    let found = find(event, name);
    found.is_some_and(|value| values.iter().any(|known| value == *known))
}

fn put_json(event: &mut Members, name: &str, value: impl Into<Value>) {
    put(event, name, value.into().to_string());
}

fn require() -> BoxedStrategy<Drawn> {
    drawn((names(), select(&LACKS[..])), |(fields, missing)| {
        let keys = vec![
            ("fields", fields.clone().into()),
            ("missing", missing.into()),
        ];
        step("require", keys, move |event| {
            match fields.iter().any(|name| lacks(event, name, missing)) {
                true => Err(End::Rejected("missing_field")),
                false => Ok(()),
            }
        })
    })
}

fn type_of(value: Option<Value>) -> &'static str {
    match value {
        None => "absent",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "text",
        Some(Value::Array(_)) => "list",
        Some(Value::Object(_)) => "object",
    }
}

fn typed() -> BoxedStrategy<Drawn> {
    let types = vec![
        "text", "number", "boolean", "null", "list", "object", "absent",
    ];
    drawn(
        (names(), subsequence(types, 4..7), any::<bool>()),
        |(fields, allowed, filter)| {
            let otherwise = if filter { "filter" } else { "reject" };
            let keys = vec![
                ("fields", fields.clone().into()),
                ("allowed", allowed.clone().into()),
                ("otherwise", otherwise.into()),
            ];
            step("type", keys, move |event| {
                let is_allowed = |name: &&str| allowed.contains(&type_of(find(event, name)));
                match (fields.iter().all(is_allowed), filter) {
                    (true, _) => Ok(()),
                    (false, true) => Err(End::Filtered),
                    (false, false) => Err(End::Rejected("transformation_error")),
                }
            })
        },
    )
}

fn ip() -> BoxedStrategy<Drawn> {
    drawn(name(), |field| {
        let keys = vec![("fields", vec![field].into())];
        step("ip", keys, move |event| {
            let value = find(event, field);
            let address = value
                .as_ref()
                .and_then(Value::as_str)
                .and_then(canonical_ip);
            address.map(drop).ok_or(End::Rejected("invalid_ip"))
        })
    })
}

fn read_time(event: &Members, name: &str) -> Result<i64, End> {
    let value = find(event, name);
    value
        .as_ref()
        .and_then(seconds)
        .ok_or(End::Rejected("invalid_timestamp"))
}

fn time() -> BoxedStrategy<Drawn> {
    drawn((names(), select(&LACKS[..])), |(fields, optional)| {
        let keys = vec![
            ("fields", fields.clone().into()),
            ("optional", optional.into()),
        ];
        step("time", keys, move |event| {
            let mut needed = fields.iter().filter(|name| !lacks(event, name, optional));
            needed.try_for_each(|name| read_time(event, name).map(drop))
        })
    })
}

fn keep_if() -> BoxedStrategy<Drawn> {
    drawn((name(), values()), |(field, values)| {
        let keys = vec![("field", field.into()), ("values", values.clone().into())];
        step("keep-if", keys, move |event| {
            match is_one_of(event, field, &values) {
                true => Ok(()),
                false => Err(End::Filtered),
            }
        })
    })
}

fn default() -> BoxedStrategy<Drawn> {
    drawn(
        (name(), text(), select(&LACKS[..])),
        |(field, value, when)| {
            let keys = vec![
                ("field", field.into()),
                ("value", value.clone().into()),
                ("when", when.into()),
            ];
            step("default", keys, move |event| {
                if lacks(event, field, when) {
                    put_json(event, field, value.as_str());
                }
                Ok(())
            })
        },
    )
}

fn set() -> BoxedStrategy<Drawn> {
    drawn((name(), text()), |(into, value)| {
        let keys = vec![("into", into.into()), ("value", value.clone().into())];
        step("set", keys, move |event| {
            put_json(event, into, value.as_str());
            Ok(())
        })
    })
}

fn hash() -> BoxedStrategy<Drawn> {
    drawn(
        (names(), any::<bool>(), prop::bool::weighted(0.3)),
        |(fields, keyed, ip)| {
            let keys = vec![
                ("fields", fields.clone().into()),
                ("method", if keyed { "keyed" } else { "plain" }.into()),
                ("canonical", if ip { "ip" } else { "text" }.into()),
            ];
            step("hash", keys, move |event| {
                for name in &fields {
                    let value = find(event, name);
                    let text = value.as_ref().and_then(Value::as_str);
                    let text = text.ok_or(End::Rejected("transformation_error"))?;
                    let text = match ip {
                        true => canonical_ip(text).ok_or(End::Rejected("invalid_ip"))?,
                        false => text.to_owned(),
                    };
                    let hash = if keyed {
                        mask(name, &text)
                    } else {
                        hmac(&text)
                    };
                    put_json(event, name, hash);
                }
                Ok(())
            })
        },
    )
}

fn key_id() -> BoxedStrategy<Drawn> {
    drawn(name(), |into| {
        step("key-id", vec![("into", into.into())], move |event| {
            put_json(event, into, "k1");
            Ok(())
        })
    })
}

fn categorise() -> BoxedStrategy<Drawn> {
    drawn((name(), name(), text()), |(field, into, otherwise)| {
        let categories = [("Mobile", vec!["ios", "X"]), ("Tablet", vec!["ipad"])];
        let table = categories
            .clone()
            .into_iter()
            .map(|(class, texts)| (class.to_owned(), texts.into()));
        let keys = vec![
            ("field", field.into()),
            ("into", into.into()),
            ("categories", table.collect::<toml::Table>().into()),
            ("otherwise", otherwise.clone().into()),
        ];
        step("categorise", keys, move |event| {
            let value = find(event, field);
            let class = match value.as_ref().and_then(Value::as_str) {
                Some("iOS" | "x" | "X") => "Mobile",
                Some("IPAD") => "Tablet",
                _ => &otherwise,
            };
            put_json(event, into, class);
            Ok(())
        })
    })
}

fn flag() -> BoxedStrategy<Drawn> {
    drawn(
        (name(), values(), name(), prop::option::of(name())),
        |(field, values, into, reason)| {
            let mut keys = vec![
                ("field", field.into()),
                ("values", values.clone().into()),
                ("into", into.into()),
            ];
            keys.extend(reason.map(|reason| ("reason_into", reason.into())));
            step("flag", keys, move |event| {
                let set = is_one_of(event, field, &values);
                put_json(event, into, set);
                if let Some(reason) = reason {
                    put_json(event, reason, set.then_some(field));
                }
                Ok(())
            })
        },
    )
}

/// As JSON: in UTC, at so many nanoseconds after so many seconds.
fn rendered(format: &str, seconds: i64, nanos: u32) -> String {
    let time = DateTime::from_timestamp(seconds, nanos).expect("it was in years 1 to 9999");
    match format {
        "rfc3339" => format!("\"{}\"", time.to_rfc3339_opts(SecondsFormat::Secs, true)),
        "rfc3339-millis" => format!("\"{}\"", time.to_rfc3339_opts(SecondsFormat::Millis, true)),
        "human" => format!("\"{}\"", time.format("%Y-%m-%d %H:%M:%S")),
        "hour" => format!("\"{}\"", time.format("%Y-%m-%d %H:00:00")),
        "unix" => seconds.to_string(),
        _ => format!("{seconds}.{:06}", nanos / 1000),
    }
}

const FORMATS: [&str; 6] = [
    "rfc3339",
    "rfc3339-millis",
    "human",
    "hour",
    "unix",
    "unix-fraction",
];

fn format_time() -> BoxedStrategy<Drawn> {
    let params = (name(), prop::option::of(name()), select(&FORMATS[..]));
    drawn(params, |(field, into, format)| {
        let mut keys = vec![("field", field.into()), ("format", format.into())];
        keys.extend(into.map(|into| ("into", into.into())));
        step("format-time", keys, move |event| {
            let time = read_time(event, field);
            let time = time.map_err(|_| End::Rejected("transformation_error"))?;
            put(event, into.unwrap_or(field), rendered(format, time, 0));
            Ok(())
        })
    })
}

fn stamp() -> BoxedStrategy<Drawn> {
    drawn((name(), select(&FORMATS[..])), |(into, format)| {
        let keys = vec![("into", into.into()), ("format", format.into())];
        step("stamp", keys, move |event| {
            put(event, into, rendered(format, 1_704_164_645, 678_901_234));
            Ok(())
        })
    })
}

fn choose() -> BoxedStrategy<Drawn> {
    let fields = subsequence(NAMES.to_vec(), 1..=NAMES.len()).prop_shuffle();
    drawn(fields, |fields| {
        let keys = vec![("fields", fields.clone().into())];
        step("select", keys, move |event| {
            let member = |name: &&str| event.iter().find(|(known, _)| known == name).cloned();
            *event = fields.iter().filter_map(member).collect();
            Ok(())
        })
    })
}
