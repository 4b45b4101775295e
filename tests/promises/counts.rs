//! `greenroom counts` asks a service and shows what it answers.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use greenroom::counts::Snapshot;
use greenroom::status::{Board, Identity};
use greenroom::web;
use serde_json::json;

const FILE: &str = r#"
name = "mine"
group = "g"
input = ["in"]
output = "out"

[[count]]
name = "all"

[[count]]
name = "version"
by = "app_version"

[[count]]
name = "device"
by = "device_type"
group = "locale"

[[report]]
text = "seen: {all}"
"#;

fn snapshot() -> Snapshot {
    let snapshot = json!({
        "scope": "this instance",
        "pipeline": "mine",
        "store": "memory",
        "partitions": [{"topic": "in", "partition": 3, "next_offset": 42}],
        "counts": {
            "all": 4,
            "version": {"2.3.0": 12, "2\n": 3},
            "locale": {"CA": {"device": {"iOS": 2}}, "NY": {"device": {"android": 1}}},
        },
    });
    serde_json::from_value(snapshot).expect("it has the shape of one")
}

/// Answers as a service does that has counted this, while `act` runs.
fn served(snapshot: Snapshot, act: impl FnOnce(SocketAddr)) {
    let identity = Identity {
        pipeline: snapshot.pipeline.clone(),
        group: "g".to_owned(),
        delivery: "at-least-once".to_owned(),
    };
    let board = Board::new(identity, || Duration::ZERO);
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            let free = SocketAddr::from(([127, 0, 0, 1], 0));
            let counts = Arc::new(move || snapshot.clone());
            let sources = Arc::new(web::Sources::new(board, counts));
            let (bound, server) = web::serve(free, sources).expect("a port is free");
            tell.send((bound, server.handle())).expect("somebody waits");
            server.await.expect("it serves");
        });
    });
    let (bound, handle) = told.recv().expect("the server starts");
    act(bound);
    actix::System::new().block_on(handle.stop(true));
    thread.join().expect("the server ends");
}

fn command(addr: SocketAddr, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .arg("counts")
        .args(args)
        .env_clear()
        .env("GREENROOM_COUNTS_STORE", "memory")
        .env("GREENROOM_HTTP_ADDR", addr.to_string());
    command
}

fn counts(addr: SocketAddr, args: &[&str]) -> Output {
    command(addr, args).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), FILE).expect("it can be written");
    file
}

#[test]
fn counts_are_the_pipelines_reports_and_then_all_else_in_columns() {
    let file = file();
    let path = file.path().to_str().expect("a path");
    served(snapshot(), |addr| {
        let output = counts(addr, &[path]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let expected = "\
seen: 4
version:
  2\\n     3
  2.3.0  12
locale: CA
  device:
    iOS  2
locale: NY
  device:
    android  1
";
        assert_eq!(text(&output.stdout), expected);
        let note = format!("counts of this instance at {addr}, store memory\n");
        assert_eq!(text(&output.stderr), note);
    });
}

#[test]
fn counts_as_json_are_the_services_answer_whatever_runs_there() {
    served(snapshot(), |addr| {
        let output = counts(addr, &["--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let found: Snapshot = serde_json::from_str(text(&output.stdout)).expect("JSON");
        assert_eq!(found, snapshot());
        assert_eq!(text(&output.stdout).lines().count(), 1);
    });
}

#[test]
fn a_presets_layout_needs_no_name_but_a_files_does() {
    served(snapshot(), |addr| {
        let output = counts(addr, &[]);
        assert_eq!(output.status.code(), Some(2));
        let error = text(&output.stderr);
        assert!(error.contains("`mine`, not `logins`"), "{error}");
        assert!(error.contains("greenroom counts FILE"), "{error}");
    });
    let of_preset = Snapshot {
        pipeline: "logins".to_owned(),
        ..snapshot()
    };
    let file = file();
    let path = file.path().to_str().expect("a path");
    served(of_preset, |addr| {
        let output = counts(addr, &[path]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("processed_count: 0\n"));
    });
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    served(snapshot(), |addr| {
        let mut child = command(addr, &["--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // Nobody reads any more.
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    });
}

#[test]
fn a_service_that_does_not_answer_is_named_and_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = free.local_addr().expect("it is bound");
    drop(free);
    let output = counts(addr, &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains(&format!("{addr} does not answer")),
        "{error}"
    );
    assert!(error.contains("GREENROOM_HTTP_ADDR"), "{error}");

    let off = command(addr, &[])
        .env("GREENROOM_COUNTS_STORE", "memory")
        .env("GREENROOM_HTTP_ADDR", "off")
        .output()
        .expect("the binary runs");
    assert_eq!(off.status.code(), Some(2));
    assert!(text(&off.stderr).contains("GREENROOM_HTTP_ADDR is off"));
}
