//! An event's members, and how they are written.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::Ipv4Addr;

/// A member, its name as it stands between the quotes.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: &'static str,
    pub value: Value,
}

impl Member {
    pub fn new(name: &'static str, value: Value) -> Self {
        Member { name, value }
    }

    /// A member whose value is written as it is given, be it JSON or not.
    pub fn raw(name: &'static str, value: impl Into<Cow<'static, [u8]>>) -> Self {
        Member::new(name, Value::Raw(value.into()))
    }
}

/// A member's value, in the shapes that login events have.
#[derive(Clone, Debug)]
pub enum Value {
    /// A random UUID, from 16 random bytes.
    Uuid([u8; 16]),
    Ip(Ipv4Addr),
    /// Text without anything to escape.
    Text(&'static str),
    Number(i64),
    NumberAsText(i64),
    /// Nine digits as `593-47-5928`: what the documented sample has as its device_id.
    Ssn(u32),
    Raw(Cow<'static, [u8]>),
}

/// How members are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Compact,
    /// A space after each colon and comma, as Python writes JSON.
    Spaced,
    /// Every white space that JSON allows, wherever it does.
    Airy,
}

impl Layout {
    /// What opens an object, comes between members, comes between name and value, closes it.
    fn marks(self) -> [&'static [u8]; 4] {
        match self {
            Layout::Compact => [b"{", b",", b":", b"}"],
            Layout::Spaced => [b"{", b", ", b": ", b"}"],
            Layout::Airy => [b" \r\n{\t", b" ,\n\t", b"\t: ", b"\r\n }\n"],
        }
    }
}

/// Appends the object to `out`.
pub fn write(out: &mut Vec<u8>, members: &[Member], layout: Layout) {
    let [open, comma, colon, close] = layout.marks();
    out.extend_from_slice(open);
    for (index, member) in members.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(comma);
        }
        quoted(out, member.name);
        out.extend_from_slice(colon);
        write_value(out, &member.value);
    }
    out.extend_from_slice(close);
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    // Writing to a Vec cannot fail.
    let _ = match value {
        Value::Text(text) => return quoted(out, text),
        Value::Uuid(bytes) => return uuid(out, *bytes),
        Value::Raw(raw) => return out.extend_from_slice(raw),
        Value::Ip(ip) => write!(out, "\"{ip}\""),
        Value::Number(number) => write!(out, "{number}"),
        Value::NumberAsText(number) => write!(out, "\"{number}\""),
        Value::Ssn(n) => {
            let (area, group, serial) = (n / 1_000_000, n / 10_000 % 100, n % 10_000);
            write!(out, "\"{area:03}-{group:02}-{serial:04}\"")
        }
    };
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// The bytes as a quoted version 4 UUID (RFC 9562).
fn uuid(out: &mut Vec<u8>, mut bytes: [u8; 16]) {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = *b"\"........-....-....-....-............\"";
    let groups = [(1, 0..4), (10, 4..6), (15, 6..8), (20, 8..10), (25, 10..16)];
    for (at, group) in groups {
        hex(&mut text[at..], &bytes[group]);
    }
    out.extend_from_slice(&text);
}

/// Writes the bytes in lower-case hex at the start of `text`.
pub fn hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0x0f)];
    }
}
