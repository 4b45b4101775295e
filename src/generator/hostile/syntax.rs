//! Values that are no JSON text in the sense of RFC 8259.

use rand::RngExt as _;

use super::Twist;

pub fn not_json(twist: &mut Twist<'_>) {
    let text: &[u8] = twist.one_of(&[
        b"login ok",
        b"{user_id: 1}",
        b"{'user_id': 'a'}",
        b"{\"user_id\" \"a\"}",
        b"{\"user_id\":\"a\",}",
        b"[1,]",
        b"// a comment\n{}",
        b"<login/>",
        b"tru",
        b"\"open",
    ]);
    twist.set_value(text);
}

pub fn random_bytes(twist: &mut Twist<'_>) {
    let mut bytes = twist.random_bytes(300);
    // No JSON text begins with it, so chance cannot make one.
    bytes[0] = 0xff;
    twist.set_value(&bytes);
}

pub fn empty_value(twist: &mut Twist<'_>) {
    twist.set_value(b"");
}

pub fn blank_value(twist: &mut Twist<'_>) {
    twist.set_value(b" \r\n\t");
}

pub fn truncated(twist: &mut Twist<'_>) {
    let whole = twist.value().len();
    let kept = twist.rng.random_range(1..whole);
    twist.value().truncate(kept);
}

pub fn trailing_text(twist: &mut Twist<'_>) {
    let tail: &[u8] = twist.one_of(&[b"x", b"}", b"{}", b"\0", b" null", b","]);
    twist.value().extend_from_slice(tail);
}

pub fn byte_order_mark(twist: &mut Twist<'_>) {
    twist.value().splice(..0, *b"\xef\xbb\xbf");
}

/// What Python and JavaScript write and read, and JSON does not know.
pub fn not_a_number(twist: &mut Twist<'_>) {
    let number = twist.one_of(&["NaN", "Infinity", "-Infinity", "nan", "undefined"]);
    let name = twist.one_of(&["timestamp", "score"]);
    twist.append(name, number.as_bytes());
}

pub fn malformed_number(twist: &mut Twist<'_>) {
    let number = twist.one_of(&[
        "01", "1.", ".5", "+1", "0x10", "1e", "1e+", "-", "--1", "1_000",
    ]);
    twist.replace("timestamp", number);
}

pub fn raw_control(twist: &mut Twist<'_>) {
    let text = twist.one_of(&["\"a\nb\"", "\"a\0b\"", "\"a\tb\"", "\"\x1b[31m\""]);
    twist.replace("locale", text);
}

pub fn invalid_utf8(twist: &mut Twist<'_>) {
    let text: &'static [u8] = twist.one_of(&[
        b"\"\xff\"" as &[u8],
        // Overlong forms of a slash.
        b"\"\xc0\xaf\"",
        b"\"\xe0\x80\xaf\"",
        // A surrogate, and one beyond the last code point.
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        // Cut short, and a continuation of nothing.
        b"\"\xe2\x82\"",
        b"\"\x80\"",
    ]);
    twist.append("comment", text);
}

pub fn lone_surrogate(twist: &mut Twist<'_>) {
    let text = twist.one_of(&[
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\udc00\ud800""#,
        r#""\ud83d\u0041""#,
        r#""\ud83d x""#,
    ]);
    let name = twist.one_of(&["comment", "user_id", "device_id"]);
    twist.append(name, text.as_bytes());
}

pub fn bad_escape(twist: &mut Twist<'_>) {
    let text = twist.one_of(&[
        r#""\x41""#,
        r#""\u12g4""#,
        r#""\'""#,
        r#""\u12""#,
        r#""\U00e9""#,
    ]);
    twist.replace("device_id", text);
}

/// Levels of nesting: a parser that recurses without a limit overflows its stack.
const DEPTH: usize = 10_000;

pub fn deep_nesting(twist: &mut Twist<'_>) {
    let (open, close) = twist.one_of(&[("[", "]"), ("{\"a\":", "}")]);
    let nested = format!("{}0{}", open.repeat(DEPTH), close.repeat(DEPTH));
    twist.append("nested", nested.into_bytes());
}
