//! JSON objects as text, drawn at random: whatever RFC 8259 allows.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The names that drawn steps speak of; most members have one of them.
pub const NAMES: [&str; 4] = ["a", "né😀", "q\"\\/\n", ""];

/// What steps look for, plain and nearly so.
const TEXTS: [&str; 16] = [
    "",
    "x",
    "X",
    "RU",
    "iOS",
    "IPAD",
    "1.2.3.4",
    "01.2.3.4",
    "2001:DB8::1",
    "fe80::1%eth0",
    "1694479551",
    " 7 ",
    "+8",
    "-62135596801",
    "1e3",
    "é",
];

const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "0.00",
    "0e7",
    "1e-999",
    "-1E-999",
    "1",
    "-1.5",
    "1694479551",
    "1694479551.999",
    "253402300800",
    "-62135596800.5",
    "1e400",
    "-1e400",
    "123456789012345678901234567890",
    "1.0000000000000000000001",
];

/// An object with spaces around it.
pub fn object() -> impl Strategy<Value = String> {
    (space(), members(value()), space())
        .prop_map(|(before, object, after)| format!("{before}{object}{after}"))
}

fn space() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " ", "\n", "\t\r\n  "])
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![4 => scalar(), 1 => nested()]
}

fn nested() -> impl Strategy<Value = String> {
    let inner = |inner: BoxedStrategy<String>| prop_oneof![list(inner.clone()), members(inner)];
    scalar().prop_recursive(4, 24, 5, inner)
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        3 => select(&NUMBERS[..]).prop_map(str::to_owned),
        1 => "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        5 => text(),
    ]
}

fn list(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let item = (space(), value, space());
    let items = vec(
        item.prop_map(|(before, value, after)| format!("{before}{value}{after}")),
        0..4,
    );
    (space(), items).prop_map(|(empty, items)| match items.is_empty() {
        true => format!("[{empty}]"),
        false => format!("[{}]", items.join(",")),
    })
}

/// Members, some of them of the same name.
fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (space(), name(), space(), space(), value, space());
    let member =
        member.prop_map(|(s0, name, s1, s2, value, s3)| format!("{s0}{name}{s1}:{s2}{value}{s3}"));
    (space(), vec(member, 0..8)).prop_map(|(empty, members)| match members.is_empty() {
        true => format!("{{{empty}}}"),
        false => format!("{{{}}}", members.join(",")),
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(&NAMES[..]).prop_flat_map(|name| spelled(name.to_owned())),
        1 => select(vec!["c", "x\u{0}y"]).prop_flat_map(|name| spelled(name.to_owned())),
        1 => any::<String>().prop_flat_map(spelled),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(&TEXTS[..]).prop_flat_map(|text| spelled(text.to_owned())),
        1 => any::<String>().prop_flat_map(spelled),
    ]
}

/// One of the ways to write a text in JSON: each character as it is, or with an escape.
fn spelled(text: String) -> impl Strategy<Value = String> {
    let characters = text.chars().count();
    let plain = prop::bool::weighted(0.6);
    (plain, vec(0..6_u8, characters)).prop_map(move |(plain, ways)| {
        let ways = ways.into_iter().map(|way| if plain { 0 } else { way });
        let spelled: String = text
            .chars()
            .zip(ways)
            .map(|(c, way)| spell(c, way))
            .collect();
        format!("\"{spelled}\"")
    })
}

fn spell(c: char, way: u8) -> String {
    let must = c < ' ' || c == '"' || c == '\\';
    match (c, way) {
        (_, 0..=2) if !must => c.to_string(),
        ('"' | '\\' | '/', 3) => format!("\\{c}"),
        ('\n', 3) => "\\n".to_owned(),
        ('\t', 3) => "\\t".to_owned(),
        ('\r', 3) => "\\r".to_owned(),
        ('\u{8}', 3) => "\\b".to_owned(),
        ('\u{c}', 3) => "\\f".to_owned(),
        (_, 4) => units(c, |unit| format!("\\u{unit:04X}")),
        _ => units(c, |unit| format!("\\u{unit:04x}")),
    }
}

fn units(c: char, spell: impl Fn(u16) -> String) -> String {
    c.encode_utf16(&mut [0; 2])
        .iter()
        .map(|unit| spell(*unit))
        .collect()
}
