//! Texts with and without escapes.

use super::scanner::{code_unit, plain_run};

/// Appends `text` between quotes, escaping what JSON wants escaped and nothing else.
pub(in crate::pipeline) fn quote(text: &str, into: &mut String) {
    into.push('"');
    let plain = plain_run(text.as_bytes());
    if plain == text.len() {
        into.push_str(text);
    } else {
        text.chars().for_each(|char| push_escaped(char, into));
    }
    into.push('"');
}

/// A text that many events are given: it is quoted once.
#[derive(Debug)]
pub(in crate::pipeline) struct Literal {
    pub text: Box<str>,
    pub json: Box<str>,
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Literal {
            text: text.into(),
            json: quoted(text).into(),
        }
    }
}

/// `text` as JSON.
pub(in crate::pipeline) fn quoted(text: &str) -> String {
    let mut json = String::new();
    quote(text, &mut json);
    json
}

fn push_escaped(char: char, into: &mut String) {
    match char {
        '"' => into.push_str("\\\""),
        '\\' => into.push_str("\\\\"),
        '\n' => into.push_str("\\n"),
        '\r' => into.push_str("\\r"),
        '\t' => into.push_str("\\t"),
        '\0'..'\x20' => into.push_str(&format!("\\u{:04x}", u32::from(char))),
        _ => into.push(char),
    }
}

/// Appends what a text means that the scanner has passed. `raw` is without its quotes.
pub(in crate::pipeline) fn unescape(raw: &str, into: &mut String) {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        into.push_str(&rest[..at]);
        let (char, len) = escaped_char(&rest[at..]);
        into.push(char);
        rest = &rest[at + len..];
    }
    into.push_str(rest);
}

/// The character of the escape at the start of `rest`, and the escape's length.
fn escaped_char(rest: &str) -> (char, usize) {
    let simple = match rest.as_bytes()[1] {
        b'u' => return escaped_unit(rest.as_bytes()),
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        itself => char::from(itself),
    };
    (simple, 2)
}

fn escaped_unit(rest: &[u8]) -> (char, usize) {
    let units = [code_unit(rest), rest.get(6..).and_then(code_unit)];
    let decoded = char::decode_utf16(units.into_iter().flatten()).next();
    let char = decoded
        .and_then(Result::ok)
        .expect("the scanner has passed this escape, so it is no half of a pair");
    (char, char.len_utf16() * 6)
}
