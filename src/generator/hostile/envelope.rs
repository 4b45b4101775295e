//! Records whose key, headers or missing value are what is hostile.

use rand::RngExt as _;

use super::Twist;
use crate::generator::traceparent;

pub fn tombstone(twist: &mut Twist<'_>) {
    twist.event.value = None;
}

pub fn keyed_tombstone(twist: &mut Twist<'_>) {
    any_key(twist);
    twist.event.value = None;
}

pub fn empty_key(twist: &mut Twist<'_>) {
    twist.event.key = Some(Vec::new());
}

pub fn any_key(twist: &mut Twist<'_>) {
    twist.event.key = Some(twist.random_bytes(64));
}

/// Names are any text without a NUL (Kafka asks for UTF-8, librdkafka's are C strings); values are
/// any bytes.
const NAMES: [&str; 7] = [
    "",
    " ",
    "\u{1f600}",
    "a\nb",
    "content-type",
    "\u{202e}\u{301}",
    "a-name-that-is-longer-than-most-values-are-and-says-nothing-that-anybody-wanted-to-know",
];

pub fn any_headers(twist: &mut Twist<'_>) {
    for _ in 0..twist.rng.random_range(1..=20) {
        let name = twist.one_of(&NAMES);
        let value = match twist.rng.random_range(0..4) {
            0 => Vec::new(),
            _ => twist.random_bytes(100),
        };
        twist.event.headers.push((name, value));
    }
}

pub fn repeated_header(twist: &mut Twist<'_>) {
    for value in [&b"first"[..], b"second", b"second"] {
        twist.event.headers.push(("repeated", value.to_vec()));
    }
}

/// As if the record had been a dead letter before, of another source.
pub fn forged_headers(twist: &mut Twist<'_>) {
    for (name, value) in [
        ("greenroom.error.type", &b"no_such_type"[..]),
        ("greenroom.source.topic", b"elsewhere"),
        ("greenroom.source.partition", b"-1"),
        ("greenroom.source.offset", b"99999999999999999999"),
        ("greenroom.attempts", b"\xff"),
    ] {
        twist.event.headers.push((name, value.to_vec()));
    }
}

pub fn odd_traceparent(twist: &mut Twist<'_>) {
    let value: &[u8] = twist.one_of(&[
        b"",
        b"00",
        b"\xff\xfe",
        // Ids of zeros, a version that is none, upper case, one digit too many: all invalid.
        b"00-00000000000000000000000000000000-0000000000000000-01",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
        b"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    ]);
    twist
        .event
        .headers
        .retain(|(name, _)| *name != traceparent::NAME);
    twist
        .event
        .headers
        .push((traceparent::NAME, value.to_vec()));
}
