//! JSON as the presets promise to read it: strict, and with nothing rewritten.
//!
//! serde_json knows the grammar, and hands every value out as the text it came as ([`RawValue`]):
//! its own `Value` would rewrite numbers, and refuse those that are too large for a machine. What it
//! passes over without a look is looked at here: each text and each name (which may hold half of a
//! surrogate pair) and the depth. Each level is read again from its text, which is slow and obvious.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::expected::Expected;

/// Levels of nesting that are still JSON; the outermost value is the first.
const DEPTH: usize = 128;

/// Why bytes are no JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// They are no UTF-8, whatever else.
    Encoding,
    Grammar,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List { empty: bool },
    Object { empty: bool },
}

/// The members of an object, each name once.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<Member>);

#[derive(Clone, Debug)]
struct Member {
    name: String,
    value: Expected,
}

/// The members of an object as they are written, duplicates and all.
struct Written(Vec<(Box<RawValue>, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Written(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// The members where the bytes are an object, None where they are another JSON value.
pub fn read(bytes: &[u8]) -> Result<Option<Object>, Broken> {
    let text = std::str::from_utf8(bytes).map_err(|_| Broken::Encoding)?;
    let value: &RawValue = serde_json::from_str(text).map_err(|_| Broken::Grammar)?;
    // First, so that what is read again at each level has few of them.
    if depth(value.get()) > DEPTH {
        return Err(Broken::Grammar);
    }
    prove(value.get()).ok_or(Broken::Grammar)?;
    let object = value.get().starts_with('{');
    Ok(object.then(|| Object::of(value.get())))
}

/// The levels of nesting in a text of the right grammar.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0, 0);
    let mut bytes = text.bytes();
    let mut quoted = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Some where every text in a value and every name is one, down to the last member.
fn prove(value: &str) -> Option<()> {
    match value.as_bytes()[0] {
        b'{' => {
            let Written(members) = serde_json::from_str(value).ok()?;
            members.iter().try_for_each(|(name, value)| {
                prove(name.get())?;
                prove(value.get())
            })
        }
        b'[' => {
            let values: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            values.iter().try_for_each(|value| prove(value.get()))
        }
        b'"' => serde_json::from_str::<String>(value).ok().map(drop),
        _ => Some(()),
    }
}

impl Object {
    /// Of a text that was proved. The last value of a name stands where the first one stood.
    fn of(text: &str) -> Object {
        let Written(written) = serde_json::from_str(text).expect("it was proved");
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut object = Object::default();
        for (name, value) in written {
            let value = Expected::text(value.get());
            let name: String = serde_json::from_str(name.get()).expect("it was proved");
            match places.get(&name) {
                Some(&place) => object.0[place].value = value,
                None => {
                    places.insert(name.clone(), object.0.len());
                    object.0.push(Member { name, value });
                }
            }
        }
        object
    }

    /// A value's text as it came.
    pub fn raw(&self, name: &str) -> Option<&str> {
        let member = self.0.iter().find(|member| member.name == name)?;
        Some(member.value.as_text().expect("nothing reads what it set"))
    }

    /// What a member is, None where it is absent.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.raw(name).map(kind)
    }

    pub fn is_absent_or_null(&self, name: &str) -> bool {
        matches!(self.kind(name), None | Some(Kind::Null))
    }

    /// Absent, null, `false`, `0`, `""`, `[]` or `{}`.
    pub fn is_falsy(&self, name: &str) -> bool {
        match self.kind(name) {
            None | Some(Kind::Null | Kind::Bool(false)) => true,
            Some(Kind::Bool(true)) => false,
            Some(Kind::Number) => self.raw(name).is_some_and(is_zero),
            Some(Kind::Text(text)) => text.is_empty(),
            Some(Kind::List { empty } | Kind::Object { empty }) => empty,
        }
    }

    /// The text of a member that is text.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.kind(name)? {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a member is counted under: its text, or how it is written; None for a list, an object
    /// and what is absent.
    pub fn count_key(&self, name: &str) -> Option<String> {
        match self.kind(name)? {
            Kind::Text(text) => Some(text),
            Kind::List { .. } | Kind::Object { .. } => None,
            _ => self.raw(name).map(str::to_owned),
        }
    }

    /// Replaces a member in place, or adds it at the end.
    pub fn set(&mut self, name: &str, value: impl Into<Expected>) {
        let value = value.into();
        match self.0.iter_mut().find(|member| member.name == name) {
            Some(member) => member.value = value,
            None => self.0.push(Member {
                name: name.to_owned(),
                value,
            }),
        }
    }

    /// Written compactly.
    pub fn write(&self) -> Expected {
        let members = self.0.iter();
        Expected::object(members.map(|member| (member.name.as_str(), &member.value)))
    }
}

fn kind(raw: &str) -> Kind {
    let inside = || raw[1..raw.len() - 1].trim();
    match raw.as_bytes()[0] {
        b'n' => Kind::Null,
        b't' => Kind::Bool(true),
        b'f' => Kind::Bool(false),
        b'"' => Kind::Text(serde_json::from_str(raw).expect("it was proved")),
        b'[' => Kind::List {
            empty: inside().is_empty(),
        },
        b'{' => Kind::Object {
            empty: inside().is_empty(),
        },
        _ => Kind::Number,
    }
}

/// Whether a number is zero, or too small for the originals to tell: they read it as a float.
fn is_zero(number: &str) -> bool {
    number.parse::<f64>() == Ok(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Option<Broken> {
        read(text.as_bytes()).err()
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = format!("{}{}", "[".repeat(DEPTH + 1), "]".repeat(DEPTH + 1));
        let deep_object = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        for text in [
            "",
            " ",
            "{",
            "nul",
            "NaN",
            "[Infinity]",
            "{\"a\":-Infinity}",
            "\u{feff}{}",
            "{} x",
            "[1,]",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "\"a\nb\"",
            "[\"\u{1}\"]",
            r#"["\ud800"]"#,
            r#"{"a":{"b":["\udc00\ud800"]}}"#,
            r#"{"\ud800":1}"#,
            r#"["\x41"]"#,
            r#"["\u12"]"#,
            &deep,
            &deep_object,
        ] {
            assert_eq!(broken(text), Some(Broken::Grammar), "{text:.40}");
        }
        assert_eq!(read(b"{\"a\":\"\xff\"}").err(), Some(Broken::Encoding));
        assert_eq!(read(b"\xff nope").err(), Some(Broken::Encoding));
    }

    #[test]
    fn what_is_json_is_not() {
        let deepest = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
        for text in [
            "1e999999",
            "-0",
            "\"\u{7f}\"",
            r#""\ud83d\ude00\u0000\/""#,
            " [ ] ",
            "\r\n\t{}",
            &deepest,
        ] {
            assert_eq!(broken(text), None, "{text:.40}");
        }
    }

    fn object(text: &str) -> Object {
        let read = read(text.as_bytes()).expect("it is JSON");
        read.expect("it is an object")
    }

    #[test]
    fn the_last_of_a_name_stands_at_the_firsts_place() {
        let object = object(r#"{ "a\u0062" : 1, "c": [ 1 ] , "ab":1e400, "ab" : 2.50 }"#);
        let epoch = chrono::DateTime::UNIX_EPOCH;
        let fitted = object.write();
        let fitted = fitted.fit(r#"{"ab":2.50,"c":[ 1 ]}"#, &(epoch..=epoch));
        assert_eq!(fitted, Ok(Vec::new()));
    }

    #[test]
    fn falsy_is_what_is_empty_nothing_or_zero() {
        let falsy = [
            "null", "false", "0", "-0", "0.0", "0e5", "-0.00E-3", "-1E-400", "\"\"", "[]", "[ ]",
            "{ }",
        ];
        let truthy = [
            "true",
            "1e-9",
            "0.1",
            "\"0\"",
            "\" \"",
            "[0]",
            "{\"a\":null}",
        ];
        for (values, expected) in [(&falsy[..], true), (&truthy[..], false)] {
            for value in values {
                let object = object(&format!(r#"{{"a":{value}}}"#));
                assert_eq!(object.is_falsy("a"), expected, "{value}");
            }
        }
        assert!(Object::default().is_falsy("a"));
    }
}
