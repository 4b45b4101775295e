use super::*;

fn names(known: &[&str]) -> Names {
    let mut names = Names::default();
    for name in known {
        names.slot(name);
    }
    names
}

fn written(event: &Event, names: &Names) -> String {
    let mut out = Vec::new();
    event.write(names, &mut out);
    String::from_utf8(out).unwrap()
}

fn rewritten(text: &str, known: &[&str]) -> String {
    let names = names(known);
    let mut event = Event::default();
    event.read(text.as_bytes(), &names).expect(text);
    written(&event, &names)
}

#[test]
fn untouched_members_stay_byte_for_byte() {
    for (text, expected) in [
        (" { } ", "{}"),
        (
            "\n{ \"b\" : 1.10e+2 ,\t\"a\":\"\\u00e9é\\/\" }\r\n",
            r#"{"b":1.10e+2,"a":"\u00e9é\/"}"#,
        ),
        (
            r#"{"n":123456789012345678901234567890.10,"o":{ "x" : [ 1 , 2 ] }}"#,
            r#"{"n":123456789012345678901234567890.10,"o":{ "x" : [ 1 , 2 ] }}"#,
        ),
    ] {
        assert_eq!(rewritten(text, &[]), expected);
        assert_eq!(rewritten(text, &["a", "b", "n", "o"]), expected);
    }
}

#[test]
fn of_duplicates_the_last_value_stands_at_the_first_place() {
    for known in [&[][..], &["ip"], &["ip", "a"], &["a"]] {
        assert_eq!(
            rewritten(r#"{"ip":1,"a":2,"ip":3,"b":4,"ip":5}"#, known),
            r#"{"ip":5,"a":2,"b":4}"#,
            "{known:?}"
        );
        // The name's spelling may be either; what it says may not.
        let escaped = rewritten(r#"{"\u0069p":1,"a":2,"ip":3,"i\u0070":"x"}"#, known);
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, serde_json::json!({"ip": "x", "a": 2}));
        assert_eq!(escaped.matches(':').count(), 2);
    }
}

#[test]
fn a_duplicate_that_is_null_hides_the_value_before_it() {
    let names = names(&["ip"]);
    let ip = names.find("ip").unwrap();
    let mut event = Event::default();
    event
        .read(br#"{"ip":"1.2.3.4","\u0069p":null}"#, &names)
        .unwrap();
    assert!(event.lacks(ip, Lack::Null));
    assert_eq!(event.text(ip), None);
}

#[test]
fn texts_are_read_as_they_are_meant() {
    let names = names(&["a"]);
    let a = names.find("a").unwrap();
    let mut event = Event::default();
    event
        .read(br#"{"a":"\u0031\n\ud83d\ude00"}"#, &names)
        .unwrap();
    assert_eq!(event.text(a), Some("1\n😀"));
    event.set_text(a, &Literal::from("\"quoted\"\u{1}"));
    assert_eq!(event.text(a), Some("\"quoted\"\u{1}"));
    assert_eq!(written(&event, &names), r#"{"a":"\"quoted\"\u0001"}"#);
    event.set_json(a, Kind::Boolean, "true");
    assert_eq!(event.get(a), Some((Kind::Boolean, "true")));
    assert_eq!(written(&event, &names), r#"{"a":true}"#);
}

#[test]
fn a_place_that_was_foreseen_is_only_a_guess() {
    let names = names(&["a", "ab", "b"]);
    let mut used = Event::default();
    for text in [
        r#"{"a":1,"ab":2,"b":3}"#,
        r#"{"a":1,"ab":2,"b":3}"#,
        r#"{"b":1,"ab":2,"a":3}"#,
        r#"{"x":0,"b":1,"a" : 3}"#,
        r#"{"b":1,"b":2,"b":3}"#,
        r#"{"\u0062":1,"a":2,"x":4,"b":5,"x":6}"#,
        r#"{"a":1}"#,
        r#"{}"#,
        r#"{"a":1,"a"}"#,
        r#"{"a":1,"ab""#,
        r#"{"a":1,"ab":"#,
    ] {
        let mut fresh = Event::default();
        assert_eq!(
            used.read(text.as_bytes(), &names),
            fresh.read(text.as_bytes(), &names),
            "{text}"
        );
        assert_eq!(written(&used, &names), written(&fresh, &names), "{text}");
    }
}

#[test]
fn a_time_is_that_of_the_member_as_it_stands() {
    let names = names(&["at"]);
    let at = names.find("at").unwrap();
    let mut event = Event::default();
    let seconds = |event: &Event| event.time(at).map(|moment| moment.seconds);
    event.read(br#"{"at":17}"#, &names).unwrap();
    assert_eq!(seconds(&event), Some(17));
    assert_eq!(seconds(&event), Some(17));
    event.set_plain(at, "18");
    assert_eq!(seconds(&event), Some(18));
    event.set_plain(at, "soon");
    assert_eq!(seconds(&event), None);
    event.read(br#"{"at":19}"#, &names).unwrap();
    assert_eq!(seconds(&event), Some(19));
    // Where the event before had its time.
    event.read(br#"{"at":20}"#, &names).unwrap();
    assert_eq!(seconds(&event), Some(20));
}

#[test]
fn what_is_no_event_is_told_apart() {
    let names = names(&[]);
    let mut event = Event::default();
    let mut read = |value: &[u8]| event.read(value, &names).unwrap_err();
    let malformed = |at, what| Unreadable::Malformed(Malformed { at, what });
    assert_eq!(read(b"[1, 2]"), Unreadable::NotAnObject(Kind::List));
    assert_eq!(read(b" \"x\" "), Unreadable::NotAnObject(Kind::Text));
    assert_eq!(read(b"null"), Unreadable::NotAnObject(Kind::Null));
    assert_eq!(
        read(b""),
        malformed(0, "the text ends where a value was expected")
    );
    assert_eq!(read(b"[1] 2"), malformed(4, "text after the value"));
    assert_eq!(read(b"{} {}"), malformed(3, "text after the value"));
    assert_eq!(read(b"{\"a\":\"\xff\"}"), malformed(6, "invalid UTF-8"));
    assert_eq!(
        read(b"\xef\xbb\xbf{}"),
        malformed(0, "a value was expected")
    );
    assert_eq!(
        read(br#"{"a":1,}"#),
        malformed(7, "a member's name was expected")
    );
}

#[test]
fn the_outermost_object_counts_as_a_level_of_128() {
    let names = names(&[]);
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let mut event = Event::default();
    assert!(event.read(nested(127).as_bytes(), &names).is_ok());
    assert!(event.read(nested(128).as_bytes(), &names).is_err());
    assert!(event.read(nested(10_000).as_bytes(), &names).is_err());
}

#[test]
fn a_hundred_thousand_members_and_as_many_duplicates_pass() {
    let text = |count: usize, distinct: usize| {
        let members: Vec<_> = (0..count)
            .map(|n| format!("\"member-{}\":{n}", n % distinct))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let many = text(100_000, 100_000);
    assert_eq!(rewritten(&many, &["member-7"]), many);
    let expected = [99_999, 99_997, 99_998].map(|n| format!("\"member-{}\":{n}", n % 3));
    let expected = format!("{{{}}}", expected.join(","));
    assert_eq!(rewritten(&text(100_000, 3), &[]), expected);
    assert_eq!(rewritten(&text(100_000, 3), &["member-1"]), expected);
}

#[test]
fn p4_memory_of_a_large_record_is_given_back() {
    let names = names(&[]);
    let mut event = Event::default();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(4 * KEPT));
    event.read(large.as_bytes(), &names).unwrap();
    event.read(b"{}", &names).unwrap();
    assert!(event.text.capacity() <= KEPT);
}
