//! The documented sample, varied:
//! `{"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0", "device_type":
//! "android", "ip": "199.172.111.135", "locale": "RU", "device_id": "593-47-5928", "timestamp":
//! "1694479551"}`.

use std::net::Ipv4Addr;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::member::{Member, Value};
use super::one_of;
use super::usual::STATES;

/// The sample's version comes most often; the preset `masked` filters the others.
const VERSIONS: [&str; 5] = ["2.3.0", "2.3.0", "2.3.0", "2.2.1", "2.4.0"];
/// One and more of every category.
const DEVICES: [&str; 8] = [
    "android", "iOS", "ios", "ipad", "windows", "macos", "linux", "console",
];
/// The anomalous ones (two of which are US states too) and others from abroad.
const ABROAD: [&str; 6] = ["RU", "VA", "MO", "DE", "JP", "BR"];

/// Makes `members` those of the next event. `now` is in Unix seconds.
pub fn members(members: &mut Vec<Member>, rng: &mut SmallRng, now: i64) {
    let locales: &[&str] = if rng.random_bool(0.25) {
        &ABROAD
    } else {
        &STATES
    };
    members.clear();
    members.extend([
        Member::new("user_id", Value::Uuid(rng.random())),
        Member::new("app_version", Value::Text(one_of(rng, &VERSIONS))),
        Member::new("device_type", Value::Text(one_of(rng, &DEVICES))),
        Member::new("ip", Value::Ip(Ipv4Addr::from_bits(rng.random()))),
        Member::new("locale", Value::Text(one_of(rng, locales))),
        Member::new("device_id", Value::Ssn(rng.random_range(0..1_000_000_000))),
        Member::new("timestamp", Value::NumberAsText(now)),
    ]);
}
