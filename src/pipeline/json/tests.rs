use proptest::prelude::*;

use super::*;

/// What the scanner makes of a whole text.
fn scan(text: &str) -> Result<Token, Malformed> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    let token = scanner.value(0)?;
    scanner.end()?;
    Ok(token)
}

fn fails_at(text: &str) -> usize {
    scan(text).expect_err(text).at
}

#[test]
fn every_kind_is_known() {
    for (text, kind) in [
        ("null", Kind::Null),
        (" true\n", Kind::Boolean),
        ("false", Kind::Boolean),
        ("-0.5e-3", Kind::Number),
        ("1E400", Kind::Number),
        (r#""a\"b""#, Kind::Text),
        ("[ ]", Kind::List),
        (r#"[1,[2,{"a":[]}],{}]"#, Kind::List),
        (r#"{"a" : {"b":[1 , 2]} }"#, Kind::Object),
    ] {
        assert_eq!(scan(text).expect(text).kind, kind, "{text}");
    }
}

#[test]
fn what_rfc_8259_forbids_is_refused_with_its_position() {
    for (text, at) in [
        ("", 0),
        ("NaN", 0),
        ("[1,Infinity]", 3),
        ("-Infinity", 1),
        ("\u{feff}{}", 0),
        ("{} x", 3),
        ("01", 1),
        ("1.", 2),
        ("1e+", 3),
        ("+1", 0),
        (".5", 0),
        ("\"a\nb\"", 2),
        ("\"a\u{1f}\"", 2),
        ("\"abcdefgh\u{1f}\"", 9),
        ("\"a", 2),
        (r#""\x""#, 1),
        (r#""\u12g4""#, 1),
        (r#""\u12"#, 1),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("[1}", 2),
        (r#"{"a":1]"#, 6),
        (r#"{"a" 1}"#, 5),
        (r#"{"a":1,}"#, 7),
        ("{a:1}", 1),
        ("{'a':1}", 1),
        ("nulL", 0),
        ("tru", 0),
    ] {
        assert_eq!(fails_at(text), at, "{text}");
    }
}

#[test]
fn lone_surrogates_are_refused_and_pairs_are_one_character() {
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud800\u0041""#,
        r#""\ud800\ud800""#,
    ] {
        assert_eq!(fails_at(text), 1, "{text}");
    }
    let mut decoded = String::new();
    unescape(r"\uD83D\ude00\u00e9\u0000", &mut decoded);
    assert_eq!(decoded, "😀é\0");
}

#[test]
fn every_escape_is_decoded() {
    let mut decoded = String::new();
    unescape(r#"é\"\\\/\b\f\n\r\tz"#, &mut decoded);
    assert_eq!(decoded, "é\"\\/\u{8}\u{c}\n\r\tz");
}

#[test]
fn depth_is_bounded_at_128() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(scan(&nested(128)).is_ok());
    assert_eq!(fails_at(&nested(129)), 128);
    assert_eq!(fails_at(&nested(10_000)), 128);
    assert_eq!(fails_at(&"{\"a\":".repeat(10_000)), 128 * 5);
    let mixed = "[{\"a\":".repeat(64) + "1" + &"}]".repeat(64);
    assert!(scan(&mixed).is_ok());
}

fn texts() -> impl Strategy<Value = String> {
    // Half of it JSON's own characters, so that a good part is JSON or nearly so.
    let token = prop::sample::select(vec![
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "d83d", "de00", "\\n", "true", "null",
        "0", "-", "1", ".", "e", " ", "\n", "\"a\"", "{\"a\":", "é", "\u{1}", "abcdefgh",
    ]);
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// An independent reader accepts exactly the same texts.
    #[test]
    fn accepts_what_serde_json_accepts(text in texts()) {
        let theirs = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text).is_ok()
            // A raw value's surrogates are not looked at: read it in earnest too.
            && serde_json::from_str::<serde_json::Value>(&text)
                .map_or_else(|error| error.to_string().contains("out of range"), |_| true);
        prop_assert_eq!(scan(&text).is_ok(), theirs);
    }

    #[test]
    fn a_quoted_text_comes_back(text in any::<String>()) {
        let mut quoted = String::new();
        quote(&text, &mut quoted);
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text.clone());
        let mut decoded = String::new();
        unescape(&quoted[1..quoted.len() - 1], &mut decoded);
        prop_assert_eq!(decoded, text);
    }
}
