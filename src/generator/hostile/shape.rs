//! Values that are JSON, and not of the shape of a login event, or of a strange one.

use rand::RngExt as _;

use super::Twist;
use crate::generator::member::Layout;

pub fn scalar(twist: &mut Twist<'_>) {
    let text: &[u8] = twist.one_of(&[
        b"1",
        b"-0.0",
        b"\"login\"",
        b"true",
        b"null",
        b"1e5",
        b"\"\"",
    ]);
    twist.set_value(text);
}

pub fn array(twist: &mut Twist<'_>) {
    let value = twist.value();
    value.insert(0, b'[');
    value.push(b']');
}

pub fn empty_object(twist: &mut Twist<'_>) {
    twist.set_value(b"{}");
}

/// Up to three members are gone, all of them needed: device_type, which is not, stands last.
pub fn missing_member(twist: &mut Twist<'_>) {
    for _ in 0..twist.rng.random_range(1..=3) {
        let gone = twist.rng.random_range(0..twist.members.len().min(4));
        twist.members.remove(gone);
    }
    twist.rewrite(Layout::Compact);
}

pub fn null_member(twist: &mut Twist<'_>) {
    let index = twist.any_member();
    let name = twist.members[index].name;
    twist.replace(name, "null");
}

pub fn wrong_type(twist: &mut Twist<'_>) {
    let raw = twist.one_of(&[
        "true",
        "[]",
        "{}",
        "[\"a\"]",
        "{\"a\":1}",
        "-1.5e3",
        "\"\"",
        "false",
    ]);
    let index = twist.any_member();
    let name = twist.members[index].name;
    twist.replace(name, raw);
}

pub fn duplicate_member(twist: &mut Twist<'_>) {
    let index = twist.any_member();
    let name = twist.members[index].name;
    let again = twist.one_of(&[
        "\"again\"",
        "null",
        "0",
        "\"10.0.0.1\"",
        "{\"ip\":\"10.0.0.1\"}",
    ]);
    twist.append(name, again.as_bytes());
}

/// A member that must be hidden comes again under a name that only an unescaping reader knows.
pub fn escaped_duplicate(twist: &mut Twist<'_>) {
    let name = twist.one_of(&[
        r"i\u0070",
        r"\u0069\u0070",
        r"device\u005fid",
        r"user_\u0069\u0064",
    ]);
    twist.append(name, &b"\"10.0.0.1\""[..]);
}

pub fn odd_name(twist: &mut Twist<'_>) {
    let name = twist.one_of(&[
        "",
        " ip",
        "IP",
        "\u{456}p", // a Cyrillic letter that looks like an i
        "__proto__",
        r"\u0000",
        r#"\"},{\""#,
        r"\ud83d\ude00",
        "\u{202e}pi",
        "processed_at",
        "hash_key_id",
    ]);
    twist.append(name, &b"\"10.0.0.1\""[..]);
}

/// Numbers that no machine type holds: their text must come out as it came in.
pub fn huge_number(twist: &mut Twist<'_>) {
    let number = match twist.rng.random_range(0..5) {
        0 => "9".repeat(400),
        1 => format!("0.{}", "1234567890".repeat(40)),
        2 => "1e999999".to_owned(),
        3 => "-1E-999999".to_owned(),
        _ => "18446744073709551616".to_owned(),
    };
    twist.append("score", number.into_bytes());
}

pub fn airy(twist: &mut Twist<'_>) {
    twist.rewrite(Layout::Airy);
}

/// The usual values, spelt with escapes.
pub fn escaped_text(twist: &mut Twist<'_>) {
    let (name, text) = twist.one_of(&[
        ("device_type", r#""andr\u006fid""#),
        ("locale", r#""\u0052U""#),
        ("ip", r#""10\u002e0.0.1""#),
        ("user_id", r#""\ud83d\ude00\/\b\f\n\r\t\"\\""#),
        ("app_version", r#""2\u002E3.0""#),
        ("timestamp", r#""\u0031694479551""#),
    ]);
    twist.replace(name, text);
}

/// Bytes of the large value: under the broker's and librdkafka's limits of about 1 MB, with room
/// for what the pipeline adds.
const LARGE: usize = 900_000;

pub fn large_value(twist: &mut Twist<'_>) {
    let text = format!("\"{}\"", "x".repeat(LARGE));
    twist.append("comment", text.into_bytes());
}

/// Names count up in base 36, so that they are short and the whole is no larger than that.
const MANY: u32 = 100_000;

pub fn many_members(twist: &mut Twist<'_>) {
    let value = twist.value();
    value.pop();
    for number in 0..MANY {
        value.extend_from_slice(b",\"");
        value.extend_from_slice(&base_36(number));
        value.extend_from_slice(b"\":0");
    }
    value.push(b'}');
}

/// Four digits; upper case, so that none is a usual member's name.
fn base_36(mut number: u32) -> [u8; 4] {
    let mut digits = [0; 4];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(number % 36) as usize];
        number /= 36;
    }
    digits
}
