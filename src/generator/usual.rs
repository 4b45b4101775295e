//! The records of the usual generators.

use std::net::Ipv4Addr;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::member::{Member, Value};
use super::one_of;

/// The two-letter US states.
pub const STATES: [&str; 50] = [
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS",
    "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY",
    "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV",
    "WI", "WY",
];

/// 32 % android, 52 % iOS; the other 16 % have no such member.
fn device_type(rng: &mut SmallRng) -> Option<&'static str> {
    match rng.random_range(0..100) {
        0..32 => Some("android"),
        32..84 => Some("iOS"),
        _ => None,
    }
}

/// Makes `members` those of the next event. `now` is in Unix seconds.
pub fn members(members: &mut Vec<Member>, rng: &mut SmallRng, now: i64) {
    members.clear();
    members.extend([
        Member::new("user_id", Value::Uuid(rng.random())),
        Member::new("app_version", Value::Text("2.3.0")),
        Member::new("ip", Value::Ip(Ipv4Addr::from_bits(rng.random()))),
        Member::new("locale", Value::Text(one_of(rng, &STATES))),
        Member::new("device_id", Value::Uuid(rng.random())),
        Member::new("timestamp", Value::Number(now)),
    ]);
    if let Some(device) = device_type(rng) {
        members.push(Member::new("device_type", Value::Text(device)));
    }
}
