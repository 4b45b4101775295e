use super::*;

const TRACEPARENT_NAME: &str = "traceparent";

/// A source with these headers, and its outgoing record after `set`.
fn headers(source: &[(&str, &str)], set: impl FnOnce(&mut Outgoing)) -> Vec<(String, String)> {
    let mut records = Records::default();
    records.push(0, None, None, Some(b"{}"));
    for (name, value) in source {
        records.push_header(name.as_bytes(), Some(value.as_bytes()));
    }
    let mut outgoing = Outgoing::default();
    outgoing.push_source(0, 0);
    set(&mut outgoing);
    let record = outgoing.get(0, &records);
    assert_eq!(record.has_headers(), record.headers().next().is_some());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    record
        .headers()
        .map(|(name, value)| (text(name), text(value.expect("a value"))))
        .collect()
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    headers.iter().map(owned).collect()
}

#[test]
fn p9_a_new_traceparent_replaces_the_sources_and_nothing_else() {
    let source = [
        ("greenroom.attempts", "1"),
        (TRACEPARENT_NAME, "old"),
        ("tracestate", "passed on"),
    ];
    assert_eq!(
        headers(&source, |outgoing| outgoing.set_traceparent(b"new")),
        owned(&[
            ("greenroom.attempts", "1"),
            ("tracestate", "passed on"),
            (TRACEPARENT_NAME, "new"),
        ])
    );
    assert_eq!(
        headers(&[], |outgoing| outgoing.set_traceparent(b"new")),
        owned(&[(TRACEPARENT_NAME, "new")])
    );
    assert_eq!(headers(&source, |_| ()), owned(&source));
}

#[test]
fn own_headers_replace_those_of_a_dead_letter_before() {
    let source = [("greenroom.attempts", "1"), ("other", "passed on")];
    assert_eq!(
        headers(&source, |outgoing| {
            outgoing.push_header(b"greenroom.attempts", b"2");
            outgoing.set_traceparent(b"new");
        }),
        owned(&[
            ("other", "passed on"),
            ("greenroom.attempts", "2"),
            (TRACEPARENT_NAME, "new"),
        ])
    );
}

#[test]
fn several_traceparents_say_nothing() {
    let read = |values: &[&[u8]]| {
        let mut records = Records::default();
        records.push(0, None, None, None);
        for value in values {
            records.push_header(TRACEPARENT, Some(value));
        }
        records.get(0).traceparent().map(<[u8]>::to_vec)
    };
    assert_eq!(read(&[]), None);
    assert_eq!(read(&[b"one"]), Some(b"one".to_vec()));
    assert_eq!(read(&[b"one", b"two"]), None);
}

#[test]
fn p4_headers_leave_no_room_behind() {
    let mut records = Records::with_capacity(3, 6);
    for offset in 0..3 {
        records.push(offset, None, None, Some(b"{}"));
        records.push_header(b"name", Some(b"value"));
    }
    records.shrink_to_fit();
    // A copy has no room to spare.
    assert_eq!(records.bytes(), records.clone().bytes());
}
