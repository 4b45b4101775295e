//! `logins` and `masked`, written a second time with serde_json and lists, as the presets'
//! description reads.

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, SecondsFormat};
use hmac::{Hmac, KeyInit, Mac};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::Sha256;

pub type Members = Vec<(String, String)>;

/// An object's members in order, values as their text; one that stands twice, twice.
pub fn all_members(json: &str) -> Members {
    let Ordered(read) = serde_json::from_str(json).expect("it is an object");
    let name = |name: &str| serde_json::from_str(name).expect("names are texts");
    let members = read.into_iter();
    members.map(|(raw, value)| (name(&raw), value)).collect()
}

/// The same with each name once: the last value at the first one's place.
pub fn members(json: &str) -> Members {
    let mut members: Members = Vec::new();
    for (name, value) in all_members(json) {
        put(&mut members, &name, value);
    }
    members
}

/// The object without spaces between its members.
pub fn compact(json: &str) -> String {
    let Ordered(read) = serde_json::from_str(json).expect("it is an object");
    let members: Vec<_> = read
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Sets a member in place, or appends it.
pub fn put(members: &mut Members, name: &str, value: String) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some(member) => member.1 = value,
        None => members.push((name.to_owned(), value)),
    }
}

/// A member's value; of what no `Value` can hold (a number beyond a double), one that is alike.
pub fn find(members: &Members, name: &str) -> Option<Value> {
    let (_, json) = members.iter().find(|(known, _)| known == name)?;
    let alike = || match &json[..1] {
        "[" => json!([1e300]),
        "{" => json!({ "n": 1e300 }),
        _ => json!(1e300),
    };
    Some(serde_json::from_str(json).unwrap_or_else(|_| alike()))
}

fn get(members: &Members, name: &str) -> Value {
    find(members, name).unwrap_or(Value::Null)
}

pub fn logins(json: &str) -> Result<Members, &'static str> {
    let mut event = members(json);
    let required = [
        "user_id",
        "app_version",
        "ip",
        "locale",
        "device_id",
        "timestamp",
    ];
    if required.iter().any(|name| get(&event, name).is_null()) {
        return Err("missing_field");
    }
    let ip = get(&event, "ip");
    let ip = ip.as_str().and_then(canonical_ip).ok_or("invalid_ip")?;
    let time = seconds(&get(&event, "timestamp")).ok_or("invalid_timestamp")?;
    for name in ["user_id", "app_version", "locale", "device_id"] {
        get(&event, name).as_str().ok_or("transformation_error")?;
    }
    if !get(&event, "device_type").is_string() {
        put(&mut event, "device_type", r#""unknown""#.to_owned());
    }
    let text = |name: &str| get(&event, name).as_str().unwrap().to_owned();
    let category = match text("device_type").to_lowercase().as_str() {
        "android" | "ios" => "Mobile",
        "ipad" => "Tablet",
        "windows" | "macos" | "linux" => "Desktop",
        _ => "Unknown",
    };
    let anomaly = ["RU", "VA", "MO"].contains(&text("locale").as_str());
    let reason = if anomaly {
        Value::from("locale")
    } else {
        Value::Null
    };
    let device = mask("device_id", &text("device_id"));
    let event_time = DateTime::from_timestamp(time, 0).unwrap();
    let event_time = event_time.to_rfc3339_opts(SecondsFormat::Secs, true);
    for (name, value) in [
        ("ip", Value::from(mask("ip", &ip))),
        ("device_id", Value::from(device)),
        ("device_category", Value::from(category)),
        ("anomaly", Value::from(anomaly)),
        ("anomaly_reason", reason),
        ("event_time", Value::from(event_time)),
        ("processed_at", Value::from("2024-01-02T03:04:05.678Z")),
        ("hash_key_id", Value::from("k1")),
    ] {
        put(&mut event, name, value.to_string());
    }
    Ok(event)
}

/// What `masked` makes of an event.
#[derive(Debug, PartialEq)]
pub enum Masked {
    Emitted(Members),
    Filtered(Side),
    Error(Side),
    /// A dead letter as it came.
    Dead,
}

/// A record of a side topic: the names of its members, and what they hold.
#[derive(Debug, PartialEq)]
pub struct Side {
    names: Vec<String>,
    user_id: String,
    /// How error_type or cleantype begins.
    pub says: String,
    content: Members,
    timestamp: String,
}

pub fn side(record: &str) -> Side {
    let read = members(record);
    let raw = |name: &str| {
        let found = read.iter().find(|(known, _)| known == name);
        found.map_or_else(String::new, |(_, json)| json.clone())
    };
    let says = [raw("error_type"), raw("cleantype")].concat();
    Side {
        names: read.iter().map(|(name, _)| name.clone()).collect(),
        user_id: raw("user_id"),
        says: serde_json::from_str(&says).expect("it says why"),
        content: members(&raw("message_content")),
        timestamp: raw("timestamp"),
    }
}

pub fn masked(json: &str) -> Masked {
    let mut event = members(json);
    if get(&event, "user_id").is_null() {
        return error(&event, "Missing user_id");
    }
    let required = [
        "ip",
        "device_id",
        "app_version",
        "device_type",
        "timestamp",
        "locale",
    ];
    let missing = required
        .iter()
        .filter(|name| get(&event, name).is_null())
        .map(|name| format!("'{name}'"));
    let missing: Vec<_> = missing.collect();
    if !missing.is_empty() {
        return error(&event, &format!("Missing fields: [{}]", missing.join(", ")));
    }
    if get(&event, "app_version") != "2.3.0" {
        let names = ["user_id", "message_content", "cleantype", "timestamp"];
        let says = "app_version is not 2.3.0";
        return Masked::Filtered(side_of(&event, names, says));
    }
    for name in ["ip", "device_id"] {
        match get(&event, name).as_str() {
            Some(text) => put(&mut event, name, format!("\"{}\"", hmac(text))),
            None => return error(&event, "Transformation error: "),
        }
    }
    let timestamp = get(&event, "timestamp");
    let time = timestamp.is_number().then(|| seconds(&timestamp)).flatten();
    let Some(time) = time else {
        return error(&event, "Transformation error: ");
    };
    let time = DateTime::from_timestamp(time, 0).unwrap();
    let time = time.format("\"%Y-%m-%d %H:%M:%S\"").to_string();
    put(&mut event, "timestamp", time);
    let unhashable = |name: &str| matches!(get(&event, name), Value::Array(_) | Value::Object(_));
    if unhashable("device_type") || unhashable("locale") {
        return Masked::Dead;
    }
    Masked::Emitted(event)
}

fn error(event: &Members, error_type: &str) -> Masked {
    let names = ["user_id", "error_type", "message_content", "timestamp"];
    Masked::Error(side_of(event, names, error_type))
}

fn side_of(event: &Members, names: [&str; 4], says: &str) -> Side {
    let user_id = event.iter().find(|(name, _)| name == "user_id");
    let user_id = user_id.filter(|(_, json)| json != "null");
    Side {
        names: names.map(str::to_owned).into(),
        user_id: user_id.map_or("\"Unknown\"", |(_, json)| json).to_owned(),
        says: says.to_owned(),
        content: event.clone(),
        timestamp: "\"2024-01-02 03:04:05\"".to_owned(),
    }
}

pub fn canonical_ip(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.to_string());
    }
    let (address, zone) = match text.find('%') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    (zone != "%" && zone.matches('%').count() < 2).then(|| format!("{address}{zone}"))
}

pub fn seconds(value: &Value) -> Option<i64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?.trunc(),
        Value::String(text) => text.trim().parse::<i128>().ok()? as f64,
        _ => return None,
    };
    (-62_135_596_800.0..=253_402_300_799.0)
        .contains(&seconds)
        .then_some(seconds as i64)
}

pub fn mask(name: &str, text: &str) -> String {
    hmac(&format!("{name}\0{text}"))
}

pub fn hmac(text: &str) -> String {
    let key = b"0123456789abcdef0123456789abcdef";
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All members as they come, duplicates too; names and values as their text.
struct Ordered(Members);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Ordered(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Ordered {
    type Value = Ordered;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Ordered, A::Error> {
        while let Some((name, value)) = map.next_entry::<Box<RawValue>, Box<RawValue>>()? {
            self.0.push((name.get().to_owned(), value.get().to_owned()));
        }
        Ok(self)
    }
}
