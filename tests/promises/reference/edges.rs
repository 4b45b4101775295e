//! Records of mixed kinds: usual ones, the sample's, hostile ones, and those at the edge of a rule.

use greenroom::generator::{Event, Generator, Kind, Profile};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::INPUT;
use super::comparison::Written;
use crate::harness::ID;

/// Nothing, in every type.
const FALSY: [&str; 13] = [
    "null", "false", "0", "-0", "0.0", "0e5", "-0.00E-3", r#""""#, "[]", "{}", "[ ]", "{ }", "\"\"",
];
/// Something, in every type.
const TRUTHY: [&str; 16] = [
    "true",
    "1",
    "-1",
    "1.50",
    "12345678901234567890123",
    "1e400",
    "-1E-400",
    r#""text""#,
    r#"["a", 1 ]"#,
    r#"{"a" : 1}"#,
    "[[]]",
    "[null]",
    r#"{"":{}}"#,
    r#""0""#,
    r#"" ""#,
    r#""null""#,
];
const TIMES: [&str; 33] = [
    "0",
    "-0.0",
    "1",
    "-1",
    "1694479551",
    "1694479551.999",
    "-1.5",
    "1.694479551e9",
    "16944795510E-1",
    "1694479551000",
    "-62135596800",
    "-62135596801",
    "-62135596799.5",
    "253402300799",
    "253402300799.999",
    "253402300800",
    "1e300",
    "99999999999999999999999999",
    "true",
    "null",
    r#""0""#,
    r#""1694479551""#,
    r#""-1694479551""#,
    r#"" 1694479551  ""#,
    r#""253402300799""#,
    r#""253402300800""#,
    r#""1694479551.5""#,
    r#""1e9""#,
    r#""""#,
    r#"" ""#,
    r#""now""#,
    r#""1_694""#,
    r#""\u0031694479551""#,
];
const ADDRESSES: [&str; 32] = [
    r#""0.0.0.0""#,
    r#""255.255.255.255""#,
    r#""256.0.0.1""#,
    r#""1.2.3""#,
    r#""1.2.3.4.5""#,
    r#""01.2.3.4""#,
    r#""1.2.3.00""#,
    r#""1.2.3.4/24""#,
    r#"" 1.2.3.4""#,
    r#""1.2.3.4 ""#,
    r#""1.2.3.4%eth0""#,
    r#""+1.2.3.4""#,
    r#""1..3.4""#,
    r#""0x1.2.3.4""#,
    r#""::""#,
    r#""::1""#,
    r#""2001:DB8::0:1""#,
    r#""2001:db8:0:0:0:0:0:1""#,
    r#""1:2:3:4:5:6:7:8""#,
    r#""1:2:3:4:5:6:7::""#,
    r#""1:2:3:4:5:6:7:8:9""#,
    r#""::ffff:1.2.3.4""#,
    r#""::ffff:01.2.3.4""#,
    r#""fe80::1%eth0""#,
    r#""fe80::1%""#,
    r#""fe80::1%a%b""#,
    r#""2001:db8::/32""#,
    r#""12345::1""#,
    r#"":::1""#,
    r#""1\u002e2.3.4""#,
    r#""[::1]""#,
    r#""localhost""#,
];
const VERSIONS: [&str; 9] = [
    r#""2.3.0""#,
    r#""2.3.0 ""#,
    r#""2.3.00""#,
    r#""2\u002e3.0""#,
    r#""2.2.1""#,
    "2.3",
    "2.30",
    r#""2.3.0\n""#,
    r#""\u202e\ud83d\ude00""#,
];
const DEVICES: [&str; 20] = [
    r#""android""#,
    r#""Android""#,
    r#""ANDROID""#,
    r#""andr\u006fid""#,
    r#""android ""#,
    r#""my android tv""#,
    r#""iOS""#,
    r#""ios""#,
    r#""ios on android""#,
    r#""BIOS""#,
    r#""iPad""#,
    r#""ipad""#,
    r#""Windows""#,
    r#""macOS""#,
    r#""LINUX""#,
    r#""unknown""#,
    r#""ANDRÖID""#,
    "\"\u{130}OS\"",
    r#""\u0000""#,
    r#"["android"]"#,
];
const LOCALES: [&str; 10] = [
    r#""RU""#,
    r#""VA""#,
    r#""MO""#,
    r#""ru""#,
    r#""R\u0055""#,
    r#""RU ""#,
    r#""日本""#,
    "\"e\u{301}\"",
    r#""\ud83d\ude00\/\\\"""#,
    r#"["RU"]"#,
];
/// Names that some step sets, and some that nobody knows.
const OTHER_NAMES: [&str; 14] = [
    "processed_timestamp",
    "processed_time_human_readable",
    "processed_at",
    "device_category",
    "anomaly",
    "anomaly_reason",
    "event_time",
    "hash_key_id",
    "message_content",
    "reason",
    "",
    " ip",
    "é",
    "a b",
];

/// A member's name and value, as they are written.
type Member = (String, String);

/// A seeded, endless mixture.
pub struct Mixture {
    kinds: [Generator; 3],
    rng: SmallRng,
}

impl Mixture {
    pub fn new(seed: u64) -> Mixture {
        let generator = |kind| {
            Generator::new(Profile {
                trace: false,
                ..Profile::new(kind, seed)
            })
        };
        Mixture {
            kinds: [Kind::Usual, Kind::Sample, Kind::Hostile].map(generator),
            rng: SmallRng::seed_from_u64(seed),
        }
    }
}

impl Iterator for Mixture {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        match self.rng.random_range(0..10) {
            0..2 => self.kinds[0].fill(&mut event, 1_700_000_000),
            2 => self.kinds[1].fill(&mut event, 1_700_000_000),
            3..5 => self.kinds[2].fill(&mut event, 1_700_000_000),
            _ => edge(&mut event, &mut self.rng),
        }
        if event.key.is_none() && self.rng.random_bool(0.3) {
            event.key = Some(self.rng.random::<u32>().to_be_bytes().to_vec());
        }
        if self.rng.random_bool(0.2) {
            event.headers.push(("origin", b"\xff\0here".to_vec()));
        }
        Some(event)
    }
}

/// Records as the first partition of an input holds them.
pub fn inputs(seed: u64, count: usize) -> Vec<Written> {
    let input = |(offset, event): (usize, Event)| {
        let own = (ID.to_owned(), Some(format!("0:{offset}").into_bytes()));
        let others = event.headers.into_iter();
        let others = others.map(|(name, value)| (name.to_owned(), Some(value)));
        Written {
            topic: INPUT.to_owned(),
            key: event.key,
            value: event.value,
            headers: std::iter::once(own).chain(others).collect(),
            timestamp: None,
        }
    };
    Mixture::new(seed)
        .take(count)
        .enumerate()
        .map(input)
        .collect()
}

fn edge(event: &mut Event, rng: &mut SmallRng) {
    event.sort = "edge";
    event.value = match rng.random_range(0..40) {
        0 => None,
        1 => Some(whole(rng).into_bytes()),
        _ => Some(members(rng).into_bytes()),
    };
}

/// A value that is odd as a whole.
fn whole(rng: &mut SmallRng) -> String {
    let depth = rng.random_range(126..=131);
    let (open, close) = pick(rng, &[("[", "]"), ("{\"a\":", "}")]);
    let nested = format!("{}0{}", open.repeat(depth), close.repeat(depth));
    let odd = [
        nested,
        "{}".into(),
        " [ ] ".into(),
        "null".into(),
        "1e999".into(),
        r#"{"\ud800":1}"#.into(),
        "{\"a\":NaN}".into(),
        "\u{feff}{}".into(),
        r#"{"ip":"\udfff"}"#.into(),
        "{\"a\":\"\u{7f}\"}".into(),
        "{\"a\":\"\u{1f}\"}".into(),
        "{}{}".into(),
    ];
    odd[rng.random_range(0..odd.len())].clone()
}

/// An event of which up to three things are not as usual.
fn members(rng: &mut SmallRng) -> String {
    let mut members: Vec<Member> = [
        ("user_id", r#""424cdd21-063a-43a7-b91b-7ca1a833afae""#),
        ("app_version", r#""2.3.0""#),
        ("device_type", pick(rng, &[r#""android""#, r#""iOS""#])),
        ("ip", r#""199.172.111.135""#),
        ("locale", pick(rng, &[r#""CA""#, r#""RU""#, r#""NY""#])),
        ("device_id", r#""593-47-5928""#),
        ("timestamp", "1694479551"),
    ]
    .map(|(name, value)| (format!("{name:?}"), value.to_owned()))
    .to_vec();
    for _ in 0..rng.random_range(0..=3) {
        twist(&mut members, rng);
    }
    write(&members, rng)
}

fn twist(members: &mut Vec<Member>, rng: &mut SmallRng) {
    let place = rng.random_range(0..members.len());
    let name = members[place].0.clone();
    match rng.random_range(0..12) {
        0..4 => members[place].1 = of_its_own(&name, rng).to_owned(),
        4 => members[place].1 = pick(rng, &FALSY).to_owned(),
        5 => members[place].1 = pick(rng, &TRUTHY).to_owned(),
        6 => drop(members.remove(place)),
        7 => {
            let other = rng.random_range(0..members.len());
            members.swap(place, other);
        }
        8 => members[place].0 = escaped(&name, rng),
        9 | 10 => {
            let again = rng.random_range(0..=members.len());
            members.insert(again, (escaped(&name, rng), any(&name, rng).to_owned()));
        }
        _ => {
            let name = format!("{:?}", pick(rng, &OTHER_NAMES));
            members.insert(place, (name, pick(rng, &TRUTHY).to_owned()));
        }
    }
}

fn any(name: &str, rng: &mut SmallRng) -> &'static str {
    match rng.random_range(0..3) {
        0 => pick(rng, &FALSY),
        1 => pick(rng, &TRUTHY),
        _ => of_its_own(name, rng),
    }
}

/// A value at an edge of the rules for this member.
fn of_its_own(name: &str, rng: &mut SmallRng) -> &'static str {
    match name {
        r#""timestamp""# => pick(rng, &TIMES),
        r#""ip""# => pick(rng, &ADDRESSES),
        r#""app_version""# => pick(rng, &VERSIONS),
        r#""device_type""# => pick(rng, &DEVICES),
        r#""locale""# => pick(rng, &LOCALES),
        _ => pick(rng, &TRUTHY),
    }
}

/// A name in quotes with some of its letters as escapes, of either case.
fn escaped(name: &str, rng: &mut SmallRng) -> String {
    let letter = |c: char| match rng.random_range(0..6) {
        0 if c.is_ascii_alphabetic() => format!("\\u{:04x}", c as u32),
        1 if c.is_ascii_alphabetic() => format!("\\u{:04X}", c as u32),
        _ => c.to_string(),
    };
    match name.contains('\\') {
        true => name.to_owned(),
        false => name.chars().map(letter).collect(),
    }
}

fn write(members: &[Member], rng: &mut SmallRng) -> String {
    let airy = rng.random_bool(0.2);
    let mut space = || {
        if airy {
            pick(rng, &["", " ", "\n", "\t\r "])
        } else {
            ""
        }
    };
    let mut text = format!("{}{{", space());
    for (place, (name, value)) in members.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let spaces = [space(), space(), space(), space()];
        text += &format!(
            "{comma}{}{name}{}:{}{value}{}",
            spaces[0], spaces[1], spaces[2], spaces[3]
        );
    }
    text + "}" + space()
}

fn pick<T: Copy>(rng: &mut SmallRng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}
