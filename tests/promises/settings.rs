//! What the binary says of wrong settings, wrong pipelines and wrong files: all at once, and
//! nothing is started.

use std::io::Write;
use std::process::{Command, Output};

use serde_json::Value;

fn greenroom(args: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(args)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const KEY: (&str, &str) = ("GREENROOM_HASH_KEY", "0123456789abcdef0123456789abcdef");

#[test]
fn every_wrong_setting_is_named_at_once_and_nothing_secret_is_shown() {
    let output = greenroom(
        &["run", "--transformers=none"],
        &[
            ("GREENROOM_IN_FLIGHT_BYTES", "much"),
            ("GREENROOM_HASH_KEY", "too-short-secret"),
            ("GREENROOM_ADMIN_TOKN", "hidden-secret"),
            ("GREENROOM_KAFKA_ENABLE_AUTO_COMMIT", "true"),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    for named in [
        "--transformers",
        "GREENROOM_IN_FLIGHT_BYTES",
        "GREENROOM_HASH_KEY",
        "GREENROOM_ADMIN_TOKEN",
        "GREENROOM_KAFKA_ENABLE_AUTO_COMMIT",
    ] {
        assert!(errors.contains(named), "{named} is missing in:\n{errors}");
    }
    assert_eq!(errors.lines().count(), 5, "one line each:\n{errors}");
    assert!(!errors.contains("secret"), "P10:\n{errors}");
}

#[test]
fn logins_without_a_key_says_how_to_make_one() {
    let output = greenroom(&["run"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("openssl rand -hex 32"),
        "{}",
        errors(&output)
    );
}

#[test]
fn chaos_without_a_token_says_what_it_needs() {
    let output = greenroom(&["chaos"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    assert!(errors.contains("GREENROOM_ADMIN_TOKEN"), "{errors}");
}

#[test]
fn a_typo_in_a_pipeline_file_names_file_line_and_nearest_name() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let preset = greenroom(&["pipelines", "logins"], &[]).stdout;
    let text = String::from_utf8(preset).expect("text");
    let text = text.replacen("do = \"categorise\"", "do = \"categorize\"", 1);
    let line = 1 + text
        .lines()
        .position(|line| line.contains("categorize"))
        .expect("a line");
    file.write_all(text.as_bytes()).expect("it can be written");
    let path = file.path().to_str().expect("a path");
    let output = greenroom(&["check", path], &[KEY]);
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    assert!(errors.contains(&format!("{path}:{line}")), "{errors}");
    assert!(errors.contains("categorise"), "{errors}");
}

#[test]
fn check_prints_what_each_presets_sample_gives_and_what_is_counted_of_it() {
    for preset in greenroom::pipeline::PRESETS {
        let mut sample = tempfile::NamedTempFile::new().expect("a file");
        sample
            .write_all(preset.sample.as_bytes())
            .expect("it can be written");
        let path = sample.path().to_str().expect("a path");
        let args = [
            "check",
            preset.name,
            "--input",
            path,
            "--counts",
            "--now",
            "2024-01-02T03:04:05.678901234Z",
        ];
        // Samples are made without a hash key where the pipeline can do without one.
        let keyless = greenroom(&args, &[]);
        let output = match keyless.status.code() {
            Some(2) => greenroom(&args, &[KEY]),
            _ => keyless,
        };
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let found = String::from_utf8(output.stdout).expect("text");
        let (results, counts) = found
            .trim_end()
            .rsplit_once('\n')
            .expect("results and counts");
        for (found, expected) in results.lines().zip(preset.expected.lines()) {
            assert_eq!(found, expected, "{}", preset.name);
        }
        assert_eq!(results.lines().count(), preset.expected.lines().count());
        let counts: Value = serde_json::from_str(counts).expect("JSON");
        let expected: Value = serde_json::from_str(preset.counts).expect("JSON");
        assert_eq!(counts["counts"], expected, "{}", preset.name);
    }
}

#[test]
fn check_counts_what_it_shows_and_nothing_that_it_rejects() {
    let events = r#"{"user_id":"u","app_version":"2.3.0","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":1694479551,"device_type":"iOS"}
{"user_id":"u","app_version":"2.3.0","ip":"10.0.0.1","locale":"RU","device_id":"d","timestamp":"1694479551"}
{"user_id":"u","app_version":"2.3.0","ip":"10.0.0","locale":"NY","device_id":"d","timestamp":1694479551,"device_type":"iOS"}
no JSON
"#;
    let mut input = tempfile::NamedTempFile::new().expect("a file");
    input
        .write_all(events.as_bytes())
        .expect("it can be written");
    let path = input.path().to_str().expect("a path");
    let output = greenroom(&["check", "logins", "--input", path, "--counts"], &[KEY]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(
        text.lines().count(),
        5,
        "four results and the counts: {text}"
    );
    assert_eq!(
        text.lines().last(),
        Some(concat!(
            r#"{"counts":{"anomalies":{"locale":1},"app_version":{"2.3.0":2},"#,
            r#""device_category":{"Mobile":1,"Unknown":1},"device_type":{"iOS":1,"unknown":1},"#,
            r#""hour":{"2023-09-12 00:00:00":2},"locale":{"CA":1,"RU":1},"processed_count":2,"#,
            r#""rejects":{"invalid_ip":1,"invalid_json":1}}}"#
        ))
    );
}

#[test]
fn a_clock_that_cannot_be_set_is_refused() {
    for now in [
        "noon",
        "2026-01-02",
        "1969-12-31T23:59:59Z",
        "2300-01-01T00:00:00Z",
    ] {
        let output = greenroom(&["check", "--input", "/dev/null", "--now", now], &[KEY]);
        assert_eq!(output.status.code(), Some(2), "{now}");
        let errors = errors(&output);
        assert!(
            errors.contains(&format!("--now={now}: allowed is")),
            "{errors}"
        );
    }
    for lonely in [
        &["check", "--now=2026-01-02T03:04:05Z"][..],
        &["check", "--counts"],
    ] {
        let output = greenroom(lonely, &[KEY]);
        assert_eq!(output.status.code(), Some(2), "{lonely:?}");
        assert!(errors(&output).contains("--input"), "{}", errors(&output));
    }
}

#[test]
fn check_shows_settings_and_explains_the_pipeline_without_its_secrets() {
    let output = greenroom(&["check"], &[KEY]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("GREENROOM_TRANSFORMERS"), "{text}");
    assert!(
        text.contains("write what is rejected to user-login-dead-letters"),
        "{text}"
    );
    assert!(!text.contains(KEY.1), "P10");
}

#[test]
fn check_warns_of_what_exactly_once_asks_of_others() {
    let output = greenroom(&["check"], &[KEY, ("GREENROOM_DELIVERY", "exactly-once")]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("isolation.level=read_committed"), "{text}");
    assert!(text.contains("-counts must set"), "{text}");
    let apart = [
        KEY,
        ("GREENROOM_DELIVERY", "exactly-once"),
        ("GREENROOM_COUNTS_STORE", "redis"),
    ];
    let output = greenroom(&["check"], &apart);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("counts are not part"), "{text}");
    let output = greenroom(&["check"], &[KEY]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(!text.contains("isolation.level"), "{text}");
}

#[test]
fn a_transaction_is_not_to_outlast_what_the_broker_allows() {
    let output = greenroom(
        &["run"],
        &[
            KEY,
            ("GREENROOM_DELIVERY", "exactly-once"),
            ("GREENROOM_COMMIT_INTERVAL", "40s"),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    assert!(errors.contains("GREENROOM_COMMIT_INTERVAL"), "{errors}");
    assert!(errors.contains("transaction.timeout.ms"), "{errors}");
}

#[test]
fn a_property_that_librdkafka_refuses_is_found_before_anything_starts() {
    let output = greenroom(
        &["run"],
        &[
            KEY,
            ("GREENROOM_KAFKA_PRODUCER_COMPRESSION_TYPE", "hidden-value"),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    assert!(errors.contains("compression"), "{errors}");
    assert!(!errors.contains("hidden-value"), "P10: {errors}");
}

#[test]
fn view_names_every_mistake_at_once() {
    let args = ["view", "not a topic", "--group", "one\ntwo"];
    let output = greenroom(&args, &[("GREENROOM_TRANSFORMERS", "none")]);
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    for named in [
        "TOPIC=\"not a topic\"",
        "--group=\"one\\ntwo\"",
        "GREENROOM_TRANSFORMERS",
    ] {
        assert!(errors.contains(named), "{named} is missing in:\n{errors}");
    }
    assert_eq!(errors.lines().count(), 3, "one line each:\n{errors}");
}

#[test]
fn p1_view_refuses_to_join_the_services_own_group() {
    let output = greenroom(&["view", "--group", "greenroom-logins"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    assert!(errors.contains("the pipeline's own"), "{errors}");
}
