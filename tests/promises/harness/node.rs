//! One Kafka node: a JVM behind a guard that never lets it outlive the test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::distribution::{CLUSTER_ID, Distribution};
use super::slot::Slot;

/// Runs the JVM and passes on the signals it reads, a line each. When its input ends, because the
/// test asks for it or because the test process is gone, in whatever way, it kills the JVM and
/// waits for it. A dead node is thus really gone: not a zombie that still answers `kill -0`.
const GUARD: &str = r#"
log=$1; shift
"$@" </dev/null >>"$log" 2>&1 &
while read -r signal; do kill -s "$signal" $!; echo $?; done
kill -s KILL $!; wait
"#;

/// A formatted node, running or not.
pub struct Node {
    address: String,
    folder: PathBuf,
    command: Vec<String>,
    guard: Option<Guard>,
}

struct Guard {
    process: Child,
    signals: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Node {
    /// Formats the node with this number, from 1, in a folder of its own.
    pub fn format(
        distribution: &Distribution,
        slot: &Slot,
        number: usize,
        properties: &str,
    ) -> Node {
        let folder = slot.folder().join(format!("node-{number}"));
        let logs = folder.join("logs");
        fs::create_dir_all(&logs).expect("the target folder can be written");
        fs::copy(distribution.checkpoint(), logs.join("bootstrap.checkpoint"))
            .expect("the checkpoint can be copied");
        fs::write(logs.join("meta.properties"), meta_properties(number))
            .expect("properties can be written");
        let path = folder.join("server.properties");
        let properties = format!("{properties}log.dirs={}\n", logs.display());
        fs::write(&path, properties).expect("properties can be written");
        let mut command = distribution.java("kafka.Kafka");
        command.push(path.display().to_string());
        Node {
            address: slot.broker_address(number),
            folder,
            command,
            guard: None,
        }
    }

    /// Where clients reach it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it answers within a second and knows at least so many nodes, itself included.
    pub fn answers(&self, nodes: usize) -> bool {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .create()
            .expect("a client needs no broker to be made");
        client
            .fetch_metadata(None, Duration::from_secs(1))
            .is_ok_and(|metadata| metadata.brokers().len() >= nodes)
    }

    /// Starts the JVM; it answers some time later.
    pub fn launch(&mut self) {
        assert!(self.guard.is_none(), "the node runs already");
        let mut process = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(self.log_file())
            .args(&self.command)
            // Ctrl+C reaches the test only, whose end the guard sees.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell can be started");
        self.guard = Some(Guard {
            signals: process.stdin.take().expect("stdin is a pipe"),
            answers: BufReader::new(process.stdout.take().expect("stdout is a pipe")),
            process,
        });
    }

    /// Sends the JVM a signal, such as `STOP`, and returns when it is sent.
    pub fn signal(&mut self, name: &str) {
        let guard = self.guard.as_mut().expect("the node runs");
        let mut answer = String::new();
        writeln!(guard.signals, "{name}")
            .and_then(|()| guard.answers.read_line(&mut answer))
            .expect("the guard answers");
        assert_eq!(answer, "0\n", "SIG{name} reached the node");
    }

    /// Kills the JVM, as `kill -9` does, and returns when it is gone. Its data stays.
    pub fn kill(&mut self) {
        if let Some(Guard {
            mut process,
            signals,
            ..
        }) = self.guard.take()
        {
            drop(signals);
            process.wait().expect("the guard can be waited for");
        }
    }

    /// The end of its log, for the message of a test that fails.
    pub fn last_words(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("out.log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What formatting writes beside the checkpoint; only the directory's id differs.
fn meta_properties(number: usize) -> String {
    format!(
        "version=1\n\
         cluster.id={CLUSTER_ID}\n\
         node.id={number}\n\
         directory.id={number}x6g3nShT-eMCtK--X86sw\n"
    )
}
