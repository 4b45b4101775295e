//! `validated`: events with version, device and address; the two great platforms are counted.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::counts::Counts;
use super::expected::{Expected, Hole};
use super::json::Object;
use super::{DEAD_LETTERS, Outcome, Preset, Rejection, object};

pub const PRESET: Preset = Preset {
    name: "validated",
    pipeline: "validated",
    group: "my-consumer-group",
    topics: &[OUTPUT, ERRORS, DEAD_LETTERS],
    summary: None,
    counts: &["android_count", "ios_count"],
    rules,
};

const OUTPUT: &str = "user-login-processed";
const ERRORS: &str = "user-login-errors";

fn rules(value: Option<&[u8]>, counts: &mut Counts) -> Outcome {
    let mut event = match object(value) {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    for (name, reason) in [
        ("app_version", "missing_app_version"),
        ("device_type", "missing_device_type"),
        ("ip", "missing_ip"),
    ] {
        if event.is_falsy(name) {
            return rejected("missing_field", name, reason, &event);
        }
    }
    if event.text("ip").and_then(|ip| canonical(&ip)).is_none() {
        return rejected("invalid_ip", "ip", "invalid_ip", &event);
    }
    count(&event, counts);
    event.set("processed_timestamp", Hole::UnixSeconds);
    Outcome::Done(OUTPUT, Some(event.write()))
}

fn count(event: &Object, counts: &mut Counts) {
    let device = event.text("device_type").unwrap_or_default().to_lowercase();
    if device.contains("android") {
        counts.add(&["android_count"]);
    } else if device.contains("ios") {
        counts.add(&["ios_count"]);
    }
}

/// `{reason, original}`
fn rejected(error: &'static str, name: &'static str, reason: &str, event: &Object) -> Outcome {
    let reason = format!("{reason:?}").into();
    let members = [("reason", &reason), ("original", &event.write())];
    Outcome::Rejected(Rejection {
        error_type: error,
        names: vec![name],
        record: Some((ERRORS, Expected::object(members.into_iter()))),
    })
}

/// An address as it is written by the book, None where the text is none.
pub fn canonical(text: &str) -> Option<String> {
    if let Some(address) = v4(text) {
        return Some(address.to_string());
    }
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    if zone.is_some_and(|zone| zone.is_empty() || zone.contains('%')) {
        return None;
    }
    let address: Ipv6Addr = address.parse().ok()?;
    let zone = zone.map(|zone| format!("%{zone}")).unwrap_or_default();
    Some(format!("{address}{zone}"))
}

/// Four decimal numbers to 255, without leading zeros.
fn v4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    let part = |part: &&str| {
        let number: u8 = part.parse().ok()?;
        (number.to_string() == *part).then_some(number)
    };
    let numbers: Vec<u8> = parts.iter().map(part).collect::<Option<_>>()?;
    <[u8; 4]>::try_from(numbers).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_in_one_spelling_only() {
        for (text, expected) in [
            ("1.2.3.4", Some("1.2.3.4")),
            ("2001:DB8::0:1", Some("2001:db8::1")),
            ("::ffff:1.2.3.4", Some("::ffff:1.2.3.4")),
            ("fe80::1%eth0", Some("fe80::1%eth0")),
            ("01.2.3.4", None),
            ("+1.2.3.4", None),
            ("256.2.3.4", None),
            ("1.2.3", None),
            ("1.2.3.4/24", None),
            ("1.2.3.4%eth0", None),
            (" 1.2.3.4", None),
            ("fe80::1%", None),
            ("fe80::1%a%b", None),
            ("[::1]", None),
            ("", None),
        ] {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
    }
}
