//! `greenroom view`: what it shows, what it commits, and how it ends.

use std::io::{BufRead, BufReader};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};

use crate::harness::{Broker, Pipes, Program, Service, Settings, Topics, eventually};

fn view(broker: &Broker, args: &[&str]) -> Program {
    let args = [&["view"], args].concat();
    Program::start(&args, &[("KAFKA_BROKERS", broker.bootstrap())])
}

/// What it prints until it ends.
fn seen(mut viewer: Program) -> Vec<Value> {
    let lines = viewer.lines();
    let ended = viewer.end();
    assert_eq!(ended.code(), Some(0), "{}", viewer.errors());
    let parsed = lines.iter().map(|line| serde_json::from_str(line));
    parsed.map(|line| line.expect("JSON")).collect()
}

fn write(topics: &Topics, topic: &str, partition: i32, values: impl IntoIterator<Item = i64>) {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    topics.produce(values.iter().map(|value| {
        BaseRecord::<[u8], [u8]>::to(topic)
            .partition(partition)
            .payload(value.as_bytes())
    }));
}

fn offsets(records: &[Value]) -> Vec<i64> {
    let offsets = records.iter().map(|record| record["offset"].as_i64());
    offsets.map(|offset| offset.expect("an offset")).collect()
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_shows_several_topics_from_the_beginning_and_ends_after_count() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let (one, two) = (topics.create("one", 2), topics.create("two", 1));
    write(&topics, &one, 0, 0..3);
    write(&topics, &one, 1, 0..3);
    write(&topics, &two, 0, 0..4);
    let args = [&one, &two, "--from-beginning", "--json", "--count"];

    let all = seen(view(broker, &[&args[..], &["10"]].concat()));
    for (topic, partition, expected) in [(&one, 0, 3), (&one, 1, 3), (&two, 0, 4)] {
        let here: Vec<Value> = all
            .iter()
            .filter(|record| record["topic"] == **topic && record["partition"] == partition)
            .cloned()
            .collect();
        assert_eq!(offsets(&here), (0..expected).collect::<Vec<_>>());
    }
    let some = seen(view(broker, &[&args[..], &["7"]].concat()));
    assert_eq!(some.len(), 7, "no record more than asked for");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_gives_each_record_whole_as_json() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let topic = topics.create("whole", 1);
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "origin",
            value: Some(&b"\x1b[31m"[..]),
        })
        .insert(Header {
            key: "origin",
            value: Some(&b"\xff"[..]),
        })
        .insert(Header::<&[u8]> {
            key: "none",
            value: None,
        });
    let large = vec![b'v'; 900_000];
    let record = || BaseRecord::<[u8], [u8]>::to(&topic).timestamp(1_694_479_551_123);
    topics.produce([
        record()
            .key(b"k\n")
            .payload(b"{\"a\":\"\\u00e9\"}")
            .headers(headers),
        record().key(b"\xfe").payload(b"\xff\x00"),
        record().key(b"gone"),
        record().payload(&large),
    ]);

    let found = seen(view(broker, &[&topic, "--from-beginning", "--json", "-n4"]));

    let place = |offset| json!({"topic": topic, "partition": 0, "offset": offset, "timestamp": 1_694_479_551_123_i64, "headers": []});
    let expected = [
        json!({"key": "k\n", "value": "{\"a\":\"\\u00e9\"}", "headers": [["origin", "\u{1b}[31m"], ["origin", {"base64": "/w=="}], ["none", null]]}),
        json!({"key": {"base64": "/g=="}, "value_base64": "/wA="}),
        json!({"key": "gone", "value": null}),
        json!({"key": null, "value": str::from_utf8(&large).expect("text")}),
    ];
    for (offset, (found, own)) in found.iter().zip(expected).enumerate() {
        let mut whole = place(offset);
        for (name, value) in own.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        assert!(*found == whole, "record {offset}");
    }
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_begins_at_the_end_and_leaves_no_group_behind() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 2);
    write(&topics, &pipes.output, 0, 0..3);
    let viewer = Program::start(
        &["view", "--json"],
        &[
            ("KAFKA_BROKERS", broker.bootstrap()),
            ("GREENROOM_OUTPUT_TOPIC", &pipes.output),
        ],
    );
    let mut next = 3;
    let mut line = None;
    eventually("a record that came after the viewer", || {
        write(&topics, &pipes.output, 0, [next]);
        next += 1;
        line = viewer.try_line();
        line.is_some()
    });
    let first: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
    assert_eq!(first["topic"], *pipes.output, "the pipeline's output");
    assert!(first["offset"].as_i64() >= Some(3), "not those before it");

    let groups = topics.groups();
    assert!(
        !groups.iter().any(|group| group.contains("view")),
        "{groups:?}"
    );
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_finds_partitions_that_are_made_while_it_looks() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let topic = topics.create("growing", 1);
    write(&topics, &topic, 0, 0..2);
    let viewer = view(broker, &[&topic, "--from-beginning", "--json", "-n5"]);
    viewer.line();
    viewer.line();
    topics.grow(&topic, 2);
    // A producer that has written before would find out a while later.
    let topics = Topics::of(broker);
    write(&topics, &topic, 1, 0..2);
    write(&topics, &topic, 0, 2..3);

    let rest = seen(viewer);
    let mut places: Vec<_> = rest
        .iter()
        .map(|record| (record["partition"].as_i64(), record["offset"].as_i64()))
        .collect();
    places.sort_unstable();
    let expected =
        [(0, 2), (1, 0), (1, 1)].map(|(partition, offset)| (Some(partition), Some(offset)));
    assert_eq!(places, expected, "each once");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_in_a_group_commits_what_it_printed_and_goes_on_there() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let topic = topics.create("shared", 1);
    let group = format!("viewer-group-{topic}");
    write(&topics, &topic, 0, 0..10);
    let args = [&topic, "--group", &group, "--from-beginning", "--json"];

    let first = seen(view(broker, &[&args[..], &["-n4"]].concat()));
    assert_eq!(offsets(&first), [0, 1, 2, 3]);
    assert_eq!(
        topics.committed(&group, &topic),
        4,
        "not what it only fetched"
    );

    let viewer = view(broker, &args);
    let rest: Vec<Value> = (0..6)
        .map(|_| serde_json::from_str(&viewer.line()).expect("JSON"))
        .collect();
    assert_eq!(offsets(&rest), [4, 5, 6, 7, 8, 9]);
    viewer.signal("INT");
    assert_eq!(seen(viewer), [Value::Null; 0]);
    assert_eq!(topics.committed(&group, &topic), 10);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_steps_over_records_that_expired_and_says_so() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let topic = topics.create("expiring", 1);
    let group = format!("viewer-group-{topic}");
    write(&topics, &topic, 0, 0..10);
    let args = [&topic, "--group", &group, "--from-beginning", "--json"];
    seen(view(broker, &[&args[..], &["-n2"]].concat()));
    topics.delete_before(&topic, 0, 6);

    let viewer = view(broker, &[&args[..], &["-n4"]].concat());
    let first: Value = serde_json::from_str(&viewer.line()).expect("JSON");
    assert_eq!(first["offset"], 6);
    let errors = viewer.errors();
    assert!(
        errors.contains("records below offset 6 were deleted"),
        "{errors}"
    );
    assert_eq!(offsets(&seen(viewer)), [7, 8, 9]);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_shows_dead_letters_with_their_reason() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let pipes = Pipes::lay(&topics, 1);
    write(&topics, &pipes.input, 0, [1]);
    let service = Service::ready(&Settings::logins(broker, &pipes));
    eventually("the dead letter", || {
        topics.committed(&pipes.group, &pipes.input) == 1
    });
    drop(service);
    let environment = [
        ("KAFKA_BROKERS", broker.bootstrap()),
        ("GREENROOM_INPUT_TOPIC", &pipes.input),
        ("GREENROOM_DEAD_LETTER_TOPIC", &pipes.dead_letters),
    ];
    let args = ["view", "--dead-letters", "--from-beginning", "-n1"];
    let mut viewer = Program::start(&args, &environment);
    let lines = viewer.lines();
    assert_eq!(viewer.end().code(), Some(0), "{}", viewer.errors());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains(&format!("{}/0", pipes.dead_letters)),
        "{lines:?}"
    );
    assert!(lines[0].ends_with("  1"), "its value: {lines:?}");
    assert!(lines[1].starts_with("    not_an_object"), "{lines:?}");
    assert!(
        lines[1].contains(&format!("from {}/0 offset 0", pipes.input)),
        "{lines:?}"
    );
    assert!(
        !lines.concat().contains('\x1b'),
        "no colour in a pipe: {lines:?}"
    );

    let args = [
        "view",
        &pipes.input,
        "--dead-letters",
        "--from-beginning",
        "--json",
        "-n2",
    ];
    let both = seen(Program::start(&args, &environment));
    let letter = both
        .iter()
        .find(|record| record["topic"] == *pipes.dead_letters);
    let headers = letter.expect("besides the topic named")["headers"].to_string();
    assert!(
        headers.contains(r#"["greenroom.error.type","not_an_object"]"#),
        "{headers}"
    );
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_ends_when_it_is_told_to_though_nothing_comes() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let topic = topics.create("silent", 1);
    write(&topics, &topic, 0, 0..1);
    for signal in ["INT", "TERM"] {
        let mut viewer = view(broker, &[&topic, "--from-beginning"]);
        viewer.line();
        viewer.signal(signal);
        assert_eq!(viewer.end().code(), Some(0), "{}", viewer.errors());
    }
}

#[test]
fn view_says_that_no_broker_answers_and_ends_when_it_is_told_to() {
    let viewers = [&[][..], &["--group", "g"]].map(|group| {
        let args = [&["view", "logins"], group].concat();
        Program::start(&args, &[("KAFKA_BROKERS", "127.0.0.1:9")])
    });
    for mut viewer in viewers {
        eventually("the address to be named", || {
            viewer.errors().contains("no broker answers at 127.0.0.1:9")
        });
        viewer.signal("INT");
        assert_eq!(viewer.end().code(), Some(0), "{}", viewer.errors());
    }
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_ends_quietly_when_nobody_reads_it_any_more() {
    let broker = Broker::shared();
    let topics = Topics::of(broker);
    let topic = topics.create("piped", 1);
    write(&topics, &topic, 0, 0..1);
    let environment = [("KAFKA_BROKERS", broker.bootstrap())];
    let mut viewer = Program::start_unread(&["view", &topic, "--from-beginning"], &environment);
    let mut line = String::new();
    let mut head = BufReader::new(viewer.take_stdout());
    head.read_line(&mut line).expect("a line");
    drop(head);
    // No record comes that it would fail to write.
    assert_eq!(viewer.end().code(), Some(0));
    assert_eq!(viewer.errors(), "");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn view_names_topics_that_are_missing_and_what_makes_them() {
    let broker = Broker::shared();
    for (args, helps) in [
        (
            &["not-there"][..],
            "the pipeline's topics, which `greenroom topics create` makes, are not-there-in",
        ),
        (
            &["--dead-letters"],
            "topic `not-there-in-dead-letters` does not exist; `greenroom topics create` makes it",
        ),
    ] {
        let args = [&["view"], args].concat();
        let environment = [
            ("KAFKA_BROKERS", broker.bootstrap()),
            ("GREENROOM_INPUT_TOPIC", "not-there-in"),
        ];
        let mut viewer = Program::start(&args, &environment);
        assert_eq!(viewer.end().code(), Some(1));
        let errors = viewer.errors();
        assert!(errors.contains(helps), "{errors}");
    }
}
