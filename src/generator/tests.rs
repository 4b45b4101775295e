use std::collections::BTreeMap;

use serde_json::Value;

use super::hostile::{LARGE, SORTS};
use super::*;

const NOW: i64 = 1_694_479_551;

fn events(profile: Profile, count: usize) -> Vec<Event> {
    let mut generator = Generator::new(profile);
    let mut event = Event::default();
    let mut next = || {
        generator.fill(&mut event, NOW);
        event.clone()
    };
    (0..count).map(|_| next()).collect()
}

fn object(event: &Event) -> serde_json::Map<String, Value> {
    match parsed(event) {
        Some(Value::Object(members)) => members,
        other => panic!("{}: {other:?}", event.sort),
    }
}

fn parsed(event: &Event) -> Option<Value> {
    serde_json::from_slice(event.value.as_deref()?).ok()
}

fn text(event: &Event) -> &str {
    std::str::from_utf8(event.value.as_deref().unwrap()).unwrap()
}

/// Where each of the names stands in the text; they must stand in that order.
fn assert_order(text: &str, names: &[&str]) {
    let mut last = 0;
    for name in names {
        let at = text.find(&format!("\"{name}\":")).unwrap();
        assert!(at >= last, "{name} in {text}");
        last = at;
    }
}

#[test]
fn the_same_seed_makes_the_same_records_and_another_others() {
    for kind in [Kind::Usual, Kind::Sample, Kind::Hostile] {
        let of_seed = |seed| events(Profile::new(kind, seed), 500);
        assert_eq!(of_seed(7), of_seed(7));
        assert_ne!(of_seed(7), of_seed(8));
    }
}

#[test]
fn usual_records_are_as_the_usual_generators_make_them() {
    let events = events(Profile::new(Kind::Usual, 1), 10_000);
    let mut devices = BTreeMap::new();
    for event in &events {
        assert_eq!((event.sort, &event.key), ("usual", &None));
        let members = object(event);
        assert_eq!(members["app_version"], "2.3.0");
        assert_eq!(members["timestamp"], NOW);
        let ip = members["ip"].as_str().unwrap();
        assert!(ip.parse::<std::net::Ipv4Addr>().is_ok(), "{ip}");
        assert!(usual::STATES.contains(&members["locale"].as_str().unwrap()));
        assert_uuid_v4(members["user_id"].as_str().unwrap());
        assert_uuid_v4(members["device_id"].as_str().unwrap());
        let device = members.get("device_type").and_then(Value::as_str);
        assert_eq!(members.len(), 6 + usize::from(device.is_some()));
        *devices
            .entry(device.unwrap_or("absent").to_owned())
            .or_insert(0) += 1;
    }
    assert_order(
        text(&events[0]),
        &[
            "user_id",
            "app_version",
            "ip",
            "locale",
            "device_id",
            "timestamp",
        ],
    );
    for (device, percent) in [("android", 32), ("iOS", 52), ("absent", 16)] {
        let seen = devices[device];
        assert!((seen - percent * 100i32).abs() < 200, "{device}: {seen}");
    }
}

fn assert_uuid_v4(text: &str) {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_hexdigit() { 'x' } else { c })
        .collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    assert_eq!(&text[14..15], "4");
    assert!("89ab".contains(&text[19..20]), "{text}");
}

#[test]
fn sample_records_have_the_documented_layout() {
    let events = events(Profile::new(Kind::Sample, 1), 1_000);
    for event in &events {
        let members = object(event);
        assert_eq!(members["timestamp"], NOW.to_string());
        let ssn: Vec<usize> = members["device_id"]
            .as_str()
            .unwrap()
            .split('-')
            .map(str::len)
            .collect();
        assert_eq!(ssn, [3, 2, 4]);
        assert_uuid_v4(members["user_id"].as_str().unwrap());
    }
    assert_order(
        text(&events[0]),
        &[
            "user_id",
            "app_version",
            "device_type",
            "ip",
            "locale",
            "device_id",
            "timestamp",
        ],
    );
    assert!(text(&events[0]).contains("\", \"app_version\": \"2."));
    for locale in ["RU", "VA", "MO"] {
        assert!(events.iter().any(|event| object(event)["locale"] == locale));
    }
}

#[test]
fn p9_every_record_carries_its_own_sampled_traceparent_unless_none_is_asked_for() {
    let traced = events(Profile::new(Kind::Usual, 1), 100);
    let mut traces: Vec<&[u8]> = Vec::new();
    for event in &traced {
        let [("traceparent", value)] = &event.headers[..] else {
            panic!("{:?}", event.headers);
        };
        let value = std::str::from_utf8(value).unwrap();
        let lengths: Vec<usize> = value.split('-').map(str::len).collect();
        assert_eq!(lengths, [2, 32, 16, 2]);
        assert!(value.starts_with("00-") && value.ends_with("-01"));
        traces.push(&value.as_bytes()[3..35]);
    }
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), traced.len());

    let untraced = Profile {
        trace: false,
        ..Profile::new(Kind::Usual, 1)
    };
    assert!(
        events(untraced, 100)
            .iter()
            .all(|event| event.headers.is_empty())
    );
}

#[test]
fn nothing_of_a_hostile_record_stays_for_the_next_one() {
    let mixed = Profile {
        hostile_share: 0.5,
        ..Profile::new(Kind::Usual, 3)
    };
    let events = events(mixed, 5_000);
    let usual: Vec<&Event> = events
        .iter()
        .filter(|event| event.sort == "usual")
        .collect();
    assert!((2_000..3_000).contains(&usual.len()), "{}", usual.len());
    for event in usual {
        assert_eq!(event.key, None);
        assert_eq!(event.headers.len(), 1);
        assert_eq!(event.headers[0].1.len(), 55);
        assert!(object(event).len() <= 7);
    }
}

/// One record of each sort, and more of those that come in several shapes.
fn hostile() -> Vec<Event> {
    let profile = Profile {
        large_share: 0.002,
        ..Profile::new(Kind::Hostile, 11)
    };
    events(profile, 4_000)
}

#[test]
fn hostile_records_are_of_every_sort_and_each_is_what_its_name_says() {
    let events = hostile();
    for sort in SORTS.iter().chain(&LARGE) {
        let of_sort: Vec<&Event> = events
            .iter()
            .filter(|event| event.sort == sort.name)
            .collect();
        assert!(!of_sort.is_empty(), "{}", sort.name);
        for event in of_sort {
            assert_is_what_it_says(event);
        }
    }
}

fn assert_is_what_it_says(event: &Event) {
    let sort = event.sort;
    match sort {
        "not_json" | "random_bytes" | "empty_value" | "blank_value" | "truncated"
        | "trailing_text" | "byte_order_mark" | "not_a_number" | "malformed_number"
        | "raw_control" | "invalid_utf8" | "lone_surrogate" | "bad_escape" | "deep_nesting" => {
            assert_eq!(parsed(event), None, "{sort}");
            assert!(event.value.is_some(), "{sort}");
        }
        "scalar" => assert!(!parsed(event).unwrap().is_object()),
        "array" => assert!(parsed(event).unwrap().is_array()),
        "tombstone" => assert_eq!((&event.value, &event.key), (&None, &None)),
        "keyed_tombstone" => assert!(event.value.is_none() && event.key.is_some()),
        "empty_key" => assert_eq!(event.key.as_deref(), Some(&[][..])),
        "any_key" => assert!(event.key.as_ref().is_some_and(|key| !key.is_empty())),
        "empty_object" => assert!(object(event).is_empty()),
        "missing_member" => assert!(object(event).len() < 7 && text(event).len() < 240),
        "duplicate_member" => assert!(text(event).matches("\":").count() > object(event).len()),
        "large_value" => assert!((900_000..=910_000).contains(&text(event).len())),
        "many_members" => assert!(object(event).len() >= 100_006 && text(event).len() < 910_000),
        "huge_number" => assert_huge_number(event),
        _ => assert!(object(event).len() >= 6, "{sort}"),
    }
}

/// serde_json's own numbers do not hold them, its raw text does.
fn assert_huge_number(event: &Event) {
    let members: BTreeMap<&str, &serde_json::value::RawValue> =
        serde_json::from_str(text(event)).unwrap();
    let number = members["score"].get();
    assert!(number.parse::<u64>().is_err() && number.parse::<i64>().is_err());
    assert!(
        number.contains(['e', 'E']) || number.len() >= 20,
        "{number}"
    );
}

#[test]
fn deep_nesting_is_deeper_than_any_parser_may_follow() {
    let events = hostile();
    let deep = events
        .iter()
        .find(|event| event.sort == "deep_nesting")
        .unwrap();
    let text = text(deep);
    let levels = text.matches('[').count().max(text.matches('{').count() - 1);
    assert_eq!(levels, 10_000);
}

#[test]
fn hostile_headers_take_any_bytes_and_leave_librdkafka_its_strings() {
    let events = hostile();
    let headers = || events.iter().flat_map(|event| &event.headers);
    assert!(headers().any(|(_, value)| std::str::from_utf8(value).is_err()));
    assert!(headers().any(|(name, _)| name.is_empty()));
    assert!(headers().all(|(name, _)| !name.contains('\0')));
    let forged = events
        .iter()
        .find(|event| event.sort == "forged_headers")
        .unwrap();
    assert!(
        forged
            .headers
            .iter()
            .any(|(name, _)| *name == "greenroom.source.offset")
    );
}

#[test]
fn large_records_come_as_often_as_they_are_asked_for() {
    let large = |large_share| {
        let profile = Profile {
            large_share,
            ..Profile::new(Kind::Hostile, 5)
        };
        let is_large = |event: &&Event| LARGE.iter().any(|sort| sort.name == event.sort);
        events(profile, 20).iter().filter(is_large).count()
    };
    assert_eq!((large(0.0), large(1.0)), (0, 20));
}

#[test]
fn kinds_are_known_by_their_names() {
    assert_eq!("usual".parse(), Ok(Kind::Usual));
    assert_eq!("sample".parse(), Ok(Kind::Sample));
    assert_eq!("hostile".parse(), Ok(Kind::Hostile));
    assert!("Usual".parse::<Kind>().is_err());
}
