//! `greenroom check --broker`: what it finds, and what it says is missing.

use std::process::Command;

use crate::harness::{Broker, On, Pipes, Program, Right, Topics, grant};

const KEY: (&str, &str) = ("GREENROOM_HASH_KEY", "0123456789abcdef0123456789abcdef");

/// What `check --broker` prints and how it ends.
struct Report {
    code: Option<i32>,
    lines: Vec<String>,
    errors: String,
}

impl Report {
    fn of(bootstrap: &str, pipes: &Pipes) -> Report {
        let environment = [
            KEY,
            ("KAFKA_BROKERS", bootstrap),
            ("GREENROOM_GROUP_ID", &pipes.group),
            ("GREENROOM_INPUT_TOPIC", &pipes.input),
            ("GREENROOM_OUTPUT_TOPIC", &pipes.output),
            ("GREENROOM_DEAD_LETTER_TOPIC", &pipes.dead_letters),
            ("GREENROOM_SUMMARY_TOPIC", &pipes.summaries),
        ];
        let mut check = Program::start(&["check", "--broker"], &environment);
        let lines = check.lines();
        Report {
            code: check.end().code(),
            lines,
            errors: check.errors(),
        }
    }

    /// The line about a topic or a group.
    fn about(&self, name: &str) -> &str {
        let subject = format!("`{name}`: ");
        let line = self.lines.iter().find(|line| line.contains(&subject));
        line.unwrap_or_else(|| panic!("{name} is missing in {:#?}", self.lines))
    }
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn check_shows_the_topics_that_are_there() {
    let broker = Broker::shared();
    let pipes = Pipes::lay(&Topics::of(broker), 3);
    let report = Report::of(broker.bootstrap(), &pipes);
    assert_eq!(report.code, Some(0), "{}", report.errors);
    for (topic, found) in [
        (
            &pipes.input,
            "partitions 3, max.message.bytes 1048588, Read allowed",
        ),
        (
            &pipes.output,
            "partitions 3, max.message.bytes 1048588, Write allowed",
        ),
        (
            &pipes.summaries,
            "partitions 1, max.message.bytes 1048588, Write allowed",
        ),
    ] {
        let line = report.about(topic);
        assert!(line.ends_with(found), "{line}");
    }
    let group = report.about(&pipes.group);
    assert!(group.ends_with("Read allowed"), "{:#?}", report.lines);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn check_names_every_topic_that_is_missing_and_the_command_that_makes_it() {
    let broker = Broker::shared();
    let pipes = Pipes {
        output: "not-there-out".to_owned(),
        dead_letters: "not-there-letters".to_owned(),
        ..Pipes::lay(&Topics::of(broker), 1)
    };
    let report = Report::of(broker.bootstrap(), &pipes);
    assert_eq!(report.code, Some(1));
    for topic in [&pipes.output, &pipes.dead_letters] {
        let wrong = format!("topic `{topic}` does not exist; `greenroom topics create` makes it");
        assert!(report.about(topic).ends_with(&wrong), "{:#?}", report.lines);
        assert!(report.errors.contains(&wrong), "{}", report.errors);
    }
    assert!(report.about(&pipes.input).contains("Read allowed"));
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn check_names_every_right_that_is_missing() {
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let broker = Broker::start_with(
        1,
        &[
            ("authorizer.class.name", authorizer),
            ("allow.everyone.if.no.acl.found", "true"),
        ],
    );
    let pipes = Pipes::lay(&Topics::of(&broker), 1);
    grant(&broker, On::Topic, &pipes.input, Right::Write);
    grant(&broker, On::Topic, &pipes.output, Right::Read);
    grant(&broker, On::Topic, &pipes.dead_letters, Right::Write);
    grant(&broker, On::Group, &pipes.group, Right::Describe);

    let report = Report::of(broker.bootstrap(), &pipes);
    assert_eq!(report.code, Some(1));
    for missing in [
        format!("the right Read on topic `{}` is missing", pipes.input),
        format!("the right Write on topic `{}` is missing", pipes.output),
        format!("the right Read on group `{}` is missing", pipes.group),
    ] {
        assert!(
            report.errors.contains(&missing),
            "{missing}:\n{}",
            report.errors
        );
    }
    let allowed = report.about(&pipes.dead_letters);
    assert!(allowed.contains("Write allowed"), "{allowed}");
}

#[test]
fn check_names_the_broker_that_does_not_answer() {
    let pipes = Pipes {
        input: "in".to_owned(),
        output: "out".to_owned(),
        dead_letters: "letters".to_owned(),
        summaries: "summaries".to_owned(),
        group: "group".to_owned(),
    };
    let report = Report::of("127.0.0.1:9", &pipes);
    assert_eq!(report.code, Some(1));
    assert!(
        report.errors.contains("no broker answers at 127.0.0.1:9"),
        "{}",
        report.errors
    );
}

/// As with `greenroom pipelines | head -1`, but for certain.
#[test]
fn commands_end_quietly_when_nobody_reads_what_they_print() {
    let commands: [&[&str]; 4] = [
        &["pipelines"],
        &["pipelines", "--guide"],
        &["pipelines", "logins"],
        &["check", "projection"],
    ];
    for args in commands {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let ended = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(args)
            .env_clear()
            .stdout(writer)
            .output()
            .expect("the binary starts");
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{args:?}");
    }
}
