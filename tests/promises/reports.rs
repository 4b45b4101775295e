//! A pipeline's reports: in the log at their time, and by `greenroom counts`.

use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};

use crate::harness::{Broker, Pipes, Service, Settings, Topics, eventually};

const FILE: &str = r#"
name = "mine"
group = "g"
input = ["in"]
output = "out"

[[step]]
do = "require"
fields = ["version"]

[[count]]
name = "all"

[[count]]
name = "versions"
by = "version"

[[count]]
name = "devices"
by = "device"
group = "locale"

[[report]]
every_seconds = 1
text = "seen: {all}, by version: {versions}"

[[report]]
at_shutdown = true
for_each = "locale"
text = """
Locale: {locale}
Devices:
  {devices}
"""
"#;

const EVENTS: [&str; 5] = [
    r#"{"version":"2.3.0","locale":"CA","device":"iOS"}"#,
    r#"{"version":"2.3.0","locale":"CA","device":"android"}"#,
    r#"{"version":"2.4.0","locale":"CA","device":"iOS"}"#,
    r#"{"version":"2.3.0","locale":"X\nERROR forged","device":"iOS"}"#,
    r#"{"locale":"rejected","device":"iOS"}"#,
];

const PERIODIC: &str = r#"seen: 4, by version: {"2.3.0": 3, "2.4.0": 1}"#;

const LAST: [&str; 7] = [
    "Locale: CA",
    "Devices:",
    "  android: 1",
    "  iOS: 2",
    r"Locale: X\nERROR forged",
    "Devices:",
    "  iOS: 1",
];

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reports_are_logged_at_their_time_and_told_when_asked() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), FILE).expect("it can be written");
    let path = file.path().to_str().expect("a path");
    let settings = Settings::logins(broker, &pipes).with("GREENROOM_PIPELINE", path);
    let mut service = Service::ready(&settings);
    topics.produce(
        EVENTS
            .iter()
            .map(|event| BaseRecord::<[u8], [u8]>::to(&pipes.input).payload(event.as_bytes())),
    );

    eventually("the periodic report", || {
        service.messages().iter().any(|message| message == PERIODIC)
    });
    let shown = service.beside(&settings, &["counts"]).stdout;
    let shown = String::from_utf8(shown).expect("text");
    let expected: Vec<_> = [PERIODIC].iter().chain(&LAST).copied().collect();
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    let counted = service.beside(&settings, &["counts", "--json"]).stdout;
    let counted: Value = serde_json::from_slice(&counted).expect("JSON");
    assert_eq!(
        counted["partitions"],
        json!([{"topic": pipes.input, "partition": 0, "next_offset": 5}])
    );
    assert_eq!(counted["counts"]["all"], 4);

    assert_eq!(service.terminate().code(), Some(0));
    let messages = service.messages();
    let shutdowns = messages.windows(LAST.len()).filter(|lines| *lines == LAST);
    assert_eq!(shutdowns.count(), 1, "{messages:#?}");
}
