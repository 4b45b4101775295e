use unicode_width::UnicodeWidthStr;

use super::*;
use crate::record::Records;

fn table(width: Option<usize>) -> Table {
    Table {
        zone: Tz::UTC,
        colour: false,
        width,
        topic_width: 6,
    }
}

fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, &str)]) -> Records {
    let mut records = Records::default();
    records.push(17, Some(1_694_479_551_123), key, value);
    for (name, value) in headers {
        records.push_header(name.as_bytes(), Some(value.as_bytes()));
    }
    records
}

fn lines(table: &Table, records: &Records) -> String {
    let mut out = String::new();
    table.write("logins", 3, records.get(0), &mut out);
    out
}

#[test]
fn a_record_is_a_line_of_time_place_key_and_value() {
    let records = record(Some(b"k"), Some(b"{\"a\":\"\\\\b\"}"), &[]);
    assert_eq!(
        lines(&table(None), &records),
        "2023-09-12T00:45:51.123Z  logins/3          17  k  {\"a\":\"\\\\b\"}\n"
    );
}

#[test]
fn times_are_shown_in_the_zone_asked_for() {
    let zurich = Table {
        zone: Tz::Europe__Zurich,
        ..table(None)
    };
    let shown = lines(&zurich, &record(None, None, &[]));
    assert!(
        shown.starts_with("2023-09-12T02:45:51.123+02:00  "),
        "{shown}"
    );
}

#[test]
fn nothing_and_emptiness_are_told_apart() {
    let shown = lines(&table(None), &record(None, Some(b""), &[]));
    assert!(shown.ends_with("  (null)  (empty)\n"), "{shown}");
    let mut timeless = Records::default();
    timeless.push(0, None, Some(b"k"), None);
    assert!(lines(&table(None), &timeless).starts_with("-  "));
}

#[test]
fn nothing_in_a_record_drives_the_terminal() {
    let hostile = [
        "\x1b]0;title\x07\x1b[2J\x1b[31m",
        "\u{9b}2J\u{7f}\0\x08\x08\x08",
        "two\r\nlines\u{2028}more\x0b\x0c",
        "\u{202e}desrever\u{2066}\u{200f}\u{61c}",
    ];
    for text in hostile {
        let headers = [
            ("greenroom.error.type", text),
            ("greenroom.error.detail", text),
        ];
        let records = record(Some(text.as_bytes()), Some(text.as_bytes()), &headers);
        let shown = lines(&table(None), &records);
        assert_eq!(shown.lines().count(), 2, "{shown:?}");
        let driving = |c: char| c != '\n' && (c.is_control() || reorders(c));
        assert!(!shown.contains(driving), "{shown:?}");
    }
    let shown = lines(&table(None), &record(Some(b"a\x1b[1m\n"), None, &[]));
    assert!(shown.contains(r"  a\u{1b}[1m\n  "), "{shown}");
}

#[test]
fn bytes_that_are_no_text_are_shown_in_hex_among_those_that_are() {
    let shown = lines(
        &table(None),
        &record(Some("é\u{301}".as_bytes()), Some(b"a\xff\xc3("), &[]),
    );
    assert!(shown.ends_with("  é\u{301}  a\\xff\\xc3(\n"), "{shown}");
}

#[test]
fn a_line_is_cut_to_the_terminal_and_whole_where_there_is_none() {
    let long = "x".repeat(900_000);
    let wide = "語".repeat(300_000);
    let invalid = [0xff; 900_000];
    for value in [long.as_bytes(), wide.as_bytes(), &invalid] {
        let records = record(Some(b"k"), Some(value), &[]);
        for width in 70..90 {
            let shown = lines(&table(Some(width)), &records);
            assert!(shown.ends_with("…\n"), "{shown}");
            let columns = shown.trim_end().width();
            assert!(
                (width - 3..=width).contains(&columns),
                "{columns} of {width}"
            );
        }
        assert!(lines(&table(None), &records).len() > 900_000);
    }
}

#[test]
fn what_fits_exactly_is_not_cut() {
    let mut out = String::new();
    assert_eq!(escape(b"12345", 5, &mut out), 5);
    assert_eq!(out, "12345");
    out.clear();
    assert_eq!(escape(b"123456", 5, &mut out), 5);
    assert_eq!(out, "1234…");
}

#[test]
fn a_long_key_leaves_room_for_the_value() {
    let records = record(Some(&[b'k'; 500]), Some(b"value"), &[]);
    let shown = lines(&table(Some(120)), &records);
    assert!(shown.ends_with("kkk…  value\n"), "{shown}");
}

#[test]
fn a_dead_letter_says_what_was_wrong() {
    let headers = [
        ("origin", "not shown"),
        ("greenroom.error.type", "missing_field"),
        ("greenroom.error.detail", "ip is missing"),
        ("greenroom.error.step", "require"),
        ("greenroom.source.topic", "user-login"),
        ("greenroom.source.partition", "3"),
        ("greenroom.source.offset", "88"),
        ("greenroom.attempts", "1"),
    ];
    let shown = lines(&table(None), &record(None, Some(b"{}"), &headers));
    let second = shown.lines().nth(1).expect("a second line");
    assert_eq!(
        second,
        "    missing_field at require: ip is missing; from user-login/3 offset 88; attempts 1"
    );
    let omitted = [
        ("greenroom.error.type", "too_large"),
        ("greenroom.value.omitted", "1048000"),
    ];
    let shown = lines(&table(None), &record(None, None, &omitted));
    assert!(
        shown.ends_with("    too_large; bytes left out 1048000\n"),
        "{shown}"
    );
}

#[test]
fn a_thousand_headers_of_others_are_no_dead_letter() {
    let headers: Vec<_> = (0..1000).map(|_| ("x", "y")).collect();
    let shown = lines(&table(None), &record(None, None, &headers));
    assert_eq!(shown.lines().count(), 1);
}

#[test]
fn colour_is_added_and_taken_back() {
    let colours = Table {
        colour: true,
        ..table(Some(80))
    };
    let records = record(Some(b"k"), Some(&[b'v'; 500]), &[]);
    let shown = lines(&colours, &records);
    let plain = lines(&table(Some(80)), &records);
    assert!(shown.contains("\x1b[32mk\x1b[0m"), "{shown:?}");
    let mut stripped = shown.clone();
    for code in ["\x1b[0m", "\x1b[2m", "\x1b[32m", "\x1b[36m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain, "colour takes no room");
}
