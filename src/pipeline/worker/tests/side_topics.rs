//! Filtered records and errors in forms of their own.

use super::*;

/// Two side topics, and a step that hashes before one that checks.
const SIDES: &str = r#"
[errors]
topic = "errors"
mask = ["a", "b"]
not_an_object = "odd: {detail}"
invalid_json = "bad"
record = [{ name = "why", holds = "reason" }, { name = "it", holds = "event" }]
[filtered]
topic = "dropped"
mask = ["b"]
record = [
    { name = "who", field = "who", otherwise = "\"" },
    { name = "b", field = "b" },
    { name = "why", holds = "reason" },
    { name = "at", holds = "now", format = "unix" },
]
[[step]]
do = "keep-if"
field = "keep"
values = ["yes"]
[[step]]
do = "require"
fields = ["first"]
reason = "no {missing}"
[[step]]
do = "hash"
fields = ["a"]
method = "plain"
[[step]]
do = "type"
fields = ["b"]
given = "first"
reason = "{detail}!"
[[step]]
do = "require"
fields = ["last"]
[[count]]
name = "dropped"
of = "filtered"
"#;

/// `printf '1.2.3.4' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`, and of `7`.
const MASKED: &str = "72ceb83c11a982108cf5effa99b6e1a97ff342f519d6d164b2b0087129cc811c";
const MASKED_7: &str = "9657f4db0378a439d0a338d5b736d0ce953e0df354ecdb12c80e9c55adeec454";

/// What the errors topic would get.
fn error_record(event: &str) -> Option<String> {
    match run(
        &mut worker(&format!("{HEAD}{SIDES}")),
        Some(event.as_bytes()),
    )
    .0
    {
        Outcome::Rejected(rejection) => {
            let ErrorRecord(record) = rejection.record?;
            Some(String::from_utf8(record).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_are_masked_whichever_step_they_fail_at_and_never_twice() {
    let event = r#"{"keep":"yes","a":"1.2.3.4","b":7}"#;
    assert_eq!(
        error_record(event).unwrap(),
        format!(
            r#"{{"why":"no ['first']","it":{{"keep":"yes","a":"{MASKED}","b":"{MASKED_7}"}}}}"#
        )
    );
    let event = r#"{"keep":"yes","a":"1.2.3.4","b":7,"first":1}"#;
    assert_eq!(
        error_record(event).unwrap(),
        format!(
            r#"{{"why":"b is number, not text!","it":{{"keep":"yes","a":"{MASKED}","b":"{MASKED_7}","first":1}}}}"#
        )
    );
    let event = r#"{"keep":"yes","a":null}"#;
    assert_eq!(
        error_record(event).unwrap(),
        r#"{"why":"no ['first']","it":{"keep":"yes","a":null}}"#
    );
}

#[test]
fn only_rejections_with_a_reason_are_told_to_the_errors_topic() {
    let unsaid = r#"{"keep":"yes","first":1,"a":"","b":""}"#;
    assert_eq!(error_record(unsaid), None);
    let odd = r#"{"why":"odd: the value is list, not object","it":{}}"#;
    assert_eq!(error_record("[7]").as_deref(), Some(odd));
    let begun = r#"{"a":"1.2.3.4","b":"#;
    assert_eq!(
        error_record(begun).as_deref(),
        Some(r#"{"why":"bad","it":{}}"#)
    );
    let mut sides = worker(&format!("{HEAD}{SIDES}"));
    for value in [Some(&b"\xff"[..]), None] {
        let Outcome::Rejected(rejection) = run(&mut sides, value).0 else {
            panic!("it cannot be read");
        };
        assert_eq!(rejection.record, None);
    }
}

#[test]
fn p10_an_error_record_cannot_be_printed() {
    let record = ErrorRecord(b"secret".to_vec());
    assert_eq!(format!("{record:?}"), "ErrorRecord(6 bytes)");
}

#[test]
fn what_is_filtered_has_a_record_in_its_own_topic() {
    let mut sides = worker(&format!("{HEAD}{SIDES}"));
    for (event, expected) in [
        (
            r#"{"who":[1 ],"b":7}"#,
            format!(r#""who":[1 ],"b":"{MASKED_7}""#),
        ),
        (
            r#"{"who":null,"b":null}"#,
            r#""who":"\"","b":null"#.to_owned(),
        ),
        (r#"{"keep":"no"}"#, r#""who":"\"","b":null"#.to_owned()),
    ] {
        let mut records = Records::default();
        records.push(0, None, None, Some(event.as_bytes()));
        let (mut out, mut counts) = (Outgoing::default(), Accumulator::default());
        let outcome = sides.process(records.get(0), 0, now(), &mut out, Some(&mut counts));
        assert_eq!(outcome, Outcome::Filtered(FilterReason(1)));
        assert_eq!(counts.take().added.len(), 1);
        assert_eq!(out.len(), 1);
        let record = out.get(0, &records);
        assert_eq!(sides.pipeline.filtered().unwrap().1, record.topic());
        let expected = format!(r#"{{{expected},"why":"keep-if","at":1704164645}}"#);
        assert_eq!(record.value(), Some(expected.as_bytes()), "{event}");
    }
}
