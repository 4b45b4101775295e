//! The whole room: every setting from every source, every mistake, and no secret in any text.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use clap::Command;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::trace::Root;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn env(variables: &[(&str, &str)]) -> Sources {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.into()));
    Sources {
        env: variables.collect(),
        host: Host {
            cores: 3,
            name: "here".to_owned(),
        },
        ..Sources::default()
    }
}

fn load(variables: &[(&str, &str)]) -> Config {
    Config::load(&env(variables)).expect("the settings are good")
}

fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    let problems = Config::load(&env(variables)).expect_err("the settings are wrong");
    problems.iter().map(Problem::to_string).collect()
}

fn listed<'a>(config: &'a Config, name: &str) -> &'a Listed {
    let found = config.listing.iter().find(|listed| listed.name == name);
    found.expect("every setting is listed")
}

/// A value that the setting's kind does not allow.
fn wrong(setting: &Setting) -> &'static str {
    match setting.kind {
        Kind::Count(..) | Kind::Bytes(..) | Kind::Duration(..) => "-1",
        Kind::Choice(_) | Kind::Switch(_) => "maybe",
        Kind::Parsed(..) if setting.name == "RUST_LOG" => "greenroom=loud",
        Kind::Parsed(..) => "two\nlines",
        Kind::Secret(..) => "too short",
    }
}

#[test]
fn every_default_loads() {
    let config = load(&[]);
    assert_eq!(config.kafka.brokers, "localhost:9092");
    assert_eq!(config.kafka.instance, "here");
    assert_eq!(config.kafka.group_id, None);
    assert!(!config.kafka.static_membership);
    assert_eq!(config.pipeline.name, "logins");
    assert!(config.pipeline.hash_key.is_none());
    assert_eq!(config.pipeline.timezone, Tz::UTC);
    assert_eq!(config.flow.transformers, 3);
    assert_eq!(config.flow.in_flight_bytes, 64 << 20);
    assert_eq!(config.flow.batch_records, 1000);
    assert_eq!(config.flow.batch_wait, Duration::ZERO);
    assert_eq!(config.flow.commit_interval(), Duration::from_secs(1));
    assert_eq!(config.counts.store, CountsStore::Kafka);
    let burst = 200_000;
    assert!(config.traces.batching.queue > burst, "it loses no span");
    assert_eq!(config.counts.redis_url.expose(), "redis://localhost:6379/0");
    assert_eq!(config.http.addr, "127.0.0.1:8080".parse().ok());
    assert!(config.http.admin_token.is_none());
    assert_eq!(config.supervision.restart_limit, 5);
    assert_eq!(config.supervision.restart_period, Duration::from_secs(60));
    assert_eq!(config.supervision.hang_after, Duration::from_secs(30));
    assert_eq!(config.supervision.stall_after, Duration::from_secs(120));
    assert_eq!(config.supervision.max_attempts, 3);
    assert_eq!(config.supervision.drain_timeout, Duration::from_secs(25));
    assert_eq!(config.log.format, None);
    assert_eq!(config.log.filter, "info");
    assert_eq!(config.listing.len(), SETTINGS.len());
}

#[test]
fn every_setting_reaches_its_field() {
    let config = load(&[
        ("KAFKA_BROKERS", "a:1,b:2"),
        ("GREENROOM_PIPELINE", "mine.toml"),
        ("GREENROOM_GROUP_ID", "g"),
        ("GREENROOM_INPUT_TOPIC", "in-1,in-2"),
        ("GREENROOM_OUTPUT_TOPIC", "out"),
        ("GREENROOM_DEAD_LETTER_TOPIC", "dead"),
        ("GREENROOM_INSTANCE", "me"),
        ("GREENROOM_STATIC_MEMBERSHIP", "true"),
        ("GREENROOM_HTTP_ADDR", "off"),
        ("GREENROOM_ADMIN_TOKEN", "let-me-in"),
        ("GREENROOM_HASH_KEY", KEY),
        ("GREENROOM_HASH_KEY_ID", "k1"),
        ("GREENROOM_TIMEZONE", "Europe/Zurich"),
        ("GREENROOM_LOG_FORMAT", "json"),
        ("RUST_LOG", "warn"),
    ]);
    assert_eq!(config.kafka.brokers, "a:1,b:2");
    assert_eq!(config.pipeline.name, "mine.toml");
    assert_eq!(config.kafka.group_id.as_deref(), Some("g"));
    assert_eq!(
        config.pipeline.input_topics,
        Some(vec!["in-1".to_owned(), "in-2".to_owned()])
    );
    assert_eq!(config.pipeline.output_topic.as_deref(), Some("out"));
    assert_eq!(config.pipeline.dead_letter_topic.as_deref(), Some("dead"));
    assert_eq!(config.kafka.instance, "me");
    assert!(config.kafka.static_membership);
    assert_eq!(config.http.addr, None);
    let token = config
        .http
        .admin_token
        .as_ref()
        .map(ExposeSecret::expose_secret);
    assert_eq!(token, Some("let-me-in"));
    let key = config.pipeline.hash_key.as_ref().map(HashKey::expose);
    assert_eq!(key, Some(KEY.as_bytes()));
    assert_eq!(config.pipeline.hash_key_id.as_deref(), Some("k1"));
    assert_eq!(config.pipeline.timezone, Tz::Europe__Zurich);
    assert_eq!(config.log.format, Some(LogFormat::Json));
    assert_eq!(config.log.filter, "warn");
}

#[test]
fn every_setting_refuses_what_is_not_allowed() {
    for setting in SETTINGS {
        let texts = problems(&[(setting.name, wrong(setting))]);
        let must = format!("(environment) must be {}", setting.kind.allowed());
        assert_eq!(texts.len(), 1, "{}", setting.name);
        assert!(
            texts[0].starts_with(setting.name) && texts[0].ends_with(&must),
            "{texts:?}"
        );
        let texts = problems(&[(setting.name, " ")]);
        assert!(
            texts[0].contains("is empty") || setting.kind.is_secret(),
            "{texts:?}"
        );
        if !setting.name.starts_with("OTEL_") {
            assert!(problems(&[(setting.name, "")])[0].contains("is empty"));
        }
    }
}

/// OpenTelemetry's specification wants it so: compose files hand on what is not set as empty.
#[test]
fn an_empty_variable_of_opentelemetrys_is_none() {
    let traces = load(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_TRACES_SAMPLER_ARG", ""),
    ])
    .traces;
    assert!(traces.export().is_none());
    assert_eq!(traces.sampler().root, Root::Ratio(0.01));
}

#[test]
fn p10_the_headers_of_a_collector_reach_it_and_no_listing() {
    let config = load(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=S3CRET"),
    ]);
    let export = config.traces.export().expect("an endpoint");
    assert_eq!(export.headers.expose_secret(), "api-key=S3CRET");
    assert!(!format!("{config:?}").contains("S3CRET"));
    let refused = problems(&[("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "S3CRET")]);
    assert!(!refused[0].contains("S3CRET"), "{refused:?}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let texts = problems(&[
        ("KAFKA_BROKERS", "here:there"),
        ("GREENROOM_TRANSFORMERS", "0"),
        ("GREENROOM_IN_FLIGHT_BYTES", "64MB"),
        ("GREENROOM_BATCH_WAIT", "11s"),
        ("GREENROOM_HTTP_ADDR", "8080"),
        ("GREENROOM_ADMIN_TOKEN", "two words"),
        ("GREENROOM_HASH_KEY", "short"),
        ("GREENROOM_TIMEZONE", "Mars/Olympus"),
        ("GREENROOM_TRANSFORMER", "2"),
        ("GREENROOM_KAFKA_ACKS", "1"),
    ]);
    assert_eq!(
        texts,
        [
            "KAFKA_BROKERS=\"here:there\" (environment) must be host:port, comma-separated",
            "GREENROOM_TRANSFORMERS=\"0\" (environment) must be a whole number from 1 to 1024",
            "GREENROOM_IN_FLIGHT_BYTES=\"64MB\" (environment) must be a size from 1MiB to 1GiB (bytes, or KiB, MiB, GiB)",
            "GREENROOM_BATCH_WAIT=\"11s\" (environment) must be a duration from 0ms to 10s (a whole number and ms, s, m or h)",
            "GREENROOM_HTTP_ADDR=\"8080\" (environment) must be an IP address and a port, or off",
            "GREENROOM_ADMIN_TOKEN (environment) must be visible ASCII without spaces",
            "GREENROOM_HASH_KEY (environment) must be at least 32 bytes, as text, hex: or base64:",
            "GREENROOM_TIMEZONE=\"Mars/Olympus\" (environment) must be an IANA time zone, such as Europe/Zurich",
            "GREENROOM_TRANSFORMER (environment) is not a setting; did you mean GREENROOM_TRANSFORMERS?",
            "GREENROOM_KAFKA_ACKS=\"1\" (environment) may not set acks: fewer acknowledgements lose records with a broker (P1); allowed: all, -1",
        ]
    );
}

#[test]
fn a_flag_prevails_over_environment_file_and_default() {
    let toml = "[settings]\nbatch_records = 4\nbatch_wait = '4ms'\ncommit_interval = '4s'\ninput_topic = ['a', 'b']\n";
    let mut sources = env(&[
        ("GREENROOM_BATCH_RECORDS", "3"),
        ("GREENROOM_BATCH_WAIT", "3ms"),
    ]);
    sources.file = PipelineFile::parse("p.toml", toml).expect("it is TOML");
    sources
        .flags
        .insert("GREENROOM_BATCH_RECORDS", "2".to_owned());
    let config = Config::load(&sources).expect("the settings are good");
    let from = |name| listed(&config, name).to_string();
    assert_eq!(
        from("GREENROOM_BATCH_RECORDS"),
        "GREENROOM_BATCH_RECORDS = 2 (--batch-records)"
    );
    assert_eq!(
        from("GREENROOM_BATCH_WAIT"),
        "GREENROOM_BATCH_WAIT = 3ms (environment)"
    );
    assert_eq!(
        from("GREENROOM_COMMIT_INTERVAL"),
        "GREENROOM_COMMIT_INTERVAL = 4s (p.toml:4)"
    );
    assert_eq!(
        from("GREENROOM_INPUT_TOPIC"),
        "GREENROOM_INPUT_TOPIC = a,b (p.toml:5)"
    );
    assert_eq!(
        from("GREENROOM_TIMEZONE"),
        "GREENROOM_TIMEZONE = UTC (default)"
    );
    assert_eq!(
        from("GREENROOM_GROUP_ID"),
        "GREENROOM_GROUP_ID = (the pipeline's) (default)"
    );
    assert_eq!(config.flow.batch_records, 2);
    assert_eq!(config.flow.commit_interval(), Duration::from_secs(4));
}

#[test]
fn mistakes_of_a_pipeline_file_are_among_all_others() {
    let mut sources = env(&[("GREENROOM_TRANSFORMERS", "0")]);
    let toml = "[settings]\nmax_attempts = 0\nmax_attemps = 1\n";
    sources.file = PipelineFile::parse("p.toml", toml).expect("it is TOML");
    let problems = Config::load(&sources).expect_err("three are wrong");
    let texts: Vec<_> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(texts.len(), 3);
    assert!(texts[1].starts_with("GREENROOM_MAX_ATTEMPTS=\"0\" (p.toml:2) must be"));
    assert!(texts[2].starts_with("max_attemps (p.toml:3) is no setting"));
}

#[test]
fn the_pipeline_is_known_before_its_file_is_read() {
    assert_eq!(env(&[]).pipeline(), Ok("logins".to_owned()));
    assert!(env(&[("GREENROOM_PIPELINE", "")]).pipeline().is_err());
    let mut sources = env(&[("GREENROOM_PIPELINE", " a ")]);
    assert_eq!(sources.pipeline(), Ok("a".to_owned()));
    sources.flags.insert("GREENROOM_PIPELINE", "b".to_owned());
    assert_eq!(sources.pipeline(), Ok("b".to_owned()));
}

#[test]
fn name_file_reads_any_setting_without_its_line_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (key, brokers, password) = (
        write("key", &format!("{KEY}\n")),
        write("brokers", "a:1\r\n"),
        write("password", "  hush\n\n"),
    );
    let config = load(&[
        ("GREENROOM_HASH_KEY_FILE", &key),
        ("KAFKA_BROKERS_FILE", &brokers),
        ("GREENROOM_KAFKA_SASL_PASSWORD_FILE", &password),
    ]);
    let bytes = config.pipeline.hash_key.as_ref().map(HashKey::expose);
    assert_eq!(bytes, Some(KEY.as_bytes()));
    assert_eq!(config.kafka.brokers, "a:1");
    let password = config.kafka.properties.common["sasl.password"].expose_secret();
    assert_eq!(password, "  hush\n");
    assert_eq!(
        listed(&config, "GREENROOM_HASH_KEY").to_string(),
        format!("GREENROOM_HASH_KEY = (set) (file {key})")
    );
}

#[test]
fn name_and_name_file_together_are_a_mistake() {
    for (name, file) in [
        ("GREENROOM_TIMEZONE", "GREENROOM_TIMEZONE_FILE"),
        (
            "GREENROOM_KAFKA_SASL_PASSWORD",
            "GREENROOM_KAFKA_SASL_PASSWORD_FILE",
        ),
    ] {
        let text = format!("{name} (environment) is set, and {file} as well; one of them must go");
        assert_eq!(problems(&[(name, "UTC"), (file, "/dev/null")]), [text]);
    }
}

#[test]
fn files_that_cannot_be_settings_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |content: &[u8]| {
        let path = directory.path().join("setting");
        fs::write(&path, content).expect("a file");
        problems(&[("GREENROOM_TIMEZONE_FILE", &path.display().to_string())])
    };
    assert!(refused(&[0xff, 0xfe])[0].contains("must name a readable file of UTF-8 text"));
    assert!(refused(&vec![b'x'; (1 << 20) + 1])[0].contains("file too large"));
    assert!(refused(b"\n")[0].contains("is empty"));
    let texts = problems(&[("GREENROOM_TIMEZONE_FILE", "/no/such/file")]);
    assert!(
        texts[0].starts_with("GREENROOM_TIMEZONE_FILE=\"/no/such/file\" (environment) must name")
    );
}

#[test]
fn p10_a_secret_where_its_path_belongs_is_not_shown() {
    let texts = problems(&[
        ("GREENROOM_HASH_KEY_FILE", KEY),
        ("GREENROOM_KAFKA_SASL_PASSWORD_FILE", KEY),
    ]);
    assert_eq!(texts.len(), 2);
    assert!(!texts.concat().contains(KEY));
}

#[test]
fn a_value_that_is_no_text_is_a_mistake() {
    let mut sources = env(&[]);
    let bytes = OsString::from_vec(vec![0xff]);
    sources.env.insert("GREENROOM_TIMEZONE".to_owned(), bytes);
    let problems = Config::load(&sources).expect_err("it is no text");
    assert_eq!(
        problems[0].to_string(),
        "GREENROOM_TIMEZONE (environment) is no UTF-8 text"
    );
}

#[test]
fn names_and_flags_are_distinct() {
    let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    let keys: BTreeSet<_> = SETTINGS.iter().filter_map(Setting::key).collect();
    let flagless = SETTINGS.iter().filter(|setting| setting.key().is_none());
    assert_eq!(names.len(), SETTINGS.len());
    assert_eq!(keys.len() + flagless.count(), SETTINGS.len());
}

fn command() -> Command {
    command_args(Command::new("greenroom")).arg(pipeline_arg())
}

#[test]
fn every_flag_is_read_and_no_other() {
    command().debug_assert();
    for setting in SETTINGS {
        let argument = match setting.given {
            Given::Flag(flag) => format!("--{flag}=-1"),
            Given::Argument => "-1".to_owned(),
            Given::Environment => continue,
        };
        let matches = command().try_get_matches_from(["greenroom", "--", &argument]);
        let matches = match setting.given {
            Given::Argument => matches,
            _ => command().try_get_matches_from(["greenroom", &argument]),
        };
        let given = flags(&matches.expect("the flag is known"));
        assert_eq!(given, BTreeMap::from([(setting.name, "-1".to_owned())]));
    }
}

#[test]
fn a_switch_alone_is_on() {
    let read = |arguments: &[&str]| flags(&command().get_matches_from(arguments));
    let on = read(&["greenroom", "--static-membership", "mine"]);
    assert_eq!(on["GREENROOM_STATIC_MEMBERSHIP"], "true");
    assert_eq!(on["GREENROOM_PIPELINE"], "mine");
    let off = read(&["greenroom", "--static-membership=false"]);
    assert_eq!(off["GREENROOM_STATIC_MEMBERSHIP"], "false");
}

#[test]
fn a_negative_value_is_a_mistake_of_the_setting_not_of_the_flag() {
    let matches = command().get_matches_from(["greenroom", "--restart-limit", "-1"]);
    let mut sources = env(&[]);
    sources.flags = flags(&matches);
    let problems = Config::load(&sources).expect_err("it is negative");
    assert_eq!(
        problems[0].to_string(),
        "GREENROOM_RESTART_LIMIT=\"-1\" (--restart-limit) must be a whole number from 0 to 1000"
    );
}

#[test]
fn p10_a_secret_given_as_a_flag_is_not_quoted() {
    let joined = format!("--hash-key={KEY}");
    for arguments in [
        vec!["greenroom", "--hash-key", KEY],
        vec!["greenroom", &joined],
    ] {
        let matches = command().try_get_matches_from(arguments);
        let error = matches.expect_err("secrets have no flag").to_string();
        assert!(
            error.contains("--hash-key") && !error.contains(KEY),
            "{error}"
        );
    }
}

#[test]
fn the_process_environment_is_read() {
    assert!(environment().contains_key("PATH"));
    assert!(!Host::here().name.is_empty() && Host::here().cores > 0);
}

/// Every way in which a secret comes in, right and wrong.
fn ways_in(secret: &str, directory: &Path) -> Vec<(&'static str, String)> {
    let file = directory.join("secret");
    fs::write(&file, secret).expect("a file");
    let file = file.display().to_string();
    vec![
        ("GREENROOM_ADMIN_TOKEN", secret.to_owned()),
        ("GREENROOM_ADMIN_TOKEN", format!("{secret} {secret}")),
        ("GREENROOM_ADMIN_TOKEN_FILE", file.clone()),
        ("GREENROOM_ADMIN_TOKEN_FILE", secret.to_owned()),
        ("GREENROOM_ADMIN_TOKN", secret.to_owned()),
        ("GREENROOM_HASH_KEY", format!("{secret}{secret}{secret}")),
        ("GREENROOM_HASH_KEY", format!("hex:{secret}")),
        ("GREENROOM_HASH_KEY", format!("base64:?{secret}")),
        ("REDIS_URL", format!("redis://:{secret}@cache/0")),
        ("REDIS_URL", format!("rediss://{secret}/x@cache")),
        ("REDIS_URL", format!("redis://:{secret}@cache:no")),
        ("REDIS_URL", format!("redis://cache/0?password={secret}")),
        ("REDIS_URL_FILE", file.clone()),
        ("KAFKA_BROKERS", format!("me:{secret}@kafka:9092")),
        ("GREENROOM_KAFKA_SASL_PASSWORD", secret.to_owned()),
        ("GREENROOM_KAFKA_SASL_PASSWORD_FILE", file),
        (
            "GREENROOM_KAFKA_CONSUMER_SSL_KEY_PASSWORD",
            secret.to_owned(),
        ),
        ("GREENROOM_KAFKA_SSL_KEY_PEM", secret.to_owned()),
        ("GREENROOM_KAFKA_SASL_PASSWRD", secret.to_owned()),
        ("GREENROOM_KAFKA_QQQ", secret.to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn p10_no_text_holds_a_secret(secret in "[A-Z][a-zA-Z0-9]{11,30}") {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, value) in ways_in(&secret, directory.path()) {
            let told = match Config::load(&env(&[(name, &value)])) {
                Ok(config) => {
                    let lines: Vec<_> = config.listing.iter().map(Listed::to_string).collect();
                    format!("{config:?}{config:#?}{lines:?}")
                }
                Err(problems) => {
                    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
                    format!("{problems:?}{problems:#?}{lines:?}")
                }
            };
            prop_assert!(!told.contains(&secret), "{name}");
        }
    }
}
