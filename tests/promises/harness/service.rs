//! Greenroom itself as its users run it: the binary, its settings, its signals, its words.

use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::Value;

use super::{Broker, Pipes, Program, Redis, eventually};

/// A key for tests: any of 32 bytes does.
const HASH_KEY: &str = "0123456789abcdef0123456789abcdef";

/// What [`Service::tell`] shows.
pub const ADMIN_TOKEN: &str = "the-admins-token";

/// A running `greenroom run`. It is killed when this value is dropped.
pub struct Service {
    child: Child,
    address: String,
    log: PathBuf,
}

/// How a [`Service`] is to be started.
#[derive(Clone)]
pub struct Settings {
    environment: Vec<(String, String)>,
}

impl Settings {
    /// The pipeline `logins` between these topics, with dead letters, as one group.
    pub fn logins(broker: &Broker, topics: &Pipes) -> Settings {
        Settings::pipeline("logins")
            .with("KAFKA_BROKERS", broker.bootstrap())
            .with("GREENROOM_HASH_KEY", HASH_KEY)
            .with("GREENROOM_GROUP_ID", &topics.group)
            .with("GREENROOM_INPUT_TOPIC", &topics.input)
            .with("GREENROOM_OUTPUT_TOPIC", &topics.output)
            .with("GREENROOM_DEAD_LETTER_TOPIC", &topics.dead_letters)
            .with("GREENROOM_SUMMARY_TOPIC", &topics.summaries)
            .with("GREENROOM_TRANSFORMERS", "2")
    }

    /// A pipeline by its name or file, with its own topics and its own group.
    pub fn pipeline(pipeline: &str) -> Settings {
        let settings = Settings {
            environment: Vec::new(),
        };
        settings
            .with("GREENROOM_PIPELINE", pipeline)
            .with("GREENROOM_LOG_FORMAT", "json")
    }

    pub fn with(mut self, name: &str, value: &str) -> Settings {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The group misses whoever was killed after six seconds, where the default is 45.
    pub fn missed_soon(self) -> Settings {
        self.with("GREENROOM_KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "6000")
            .with("GREENROOM_KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS", "1000")
    }

    /// With counts in this Redis.
    pub fn with_counts_in(self, redis: &Redis) -> Self {
        self.with("GREENROOM_COUNTS_STORE", "redis")
            .with("REDIS_URL", &redis.url(""))
    }

    /// The lines that a command prints under these settings; panics where it fails.
    pub fn call(&self, args: &[&str]) -> Vec<String> {
        let variables: Vec<(&str, &str)> = self.variables().collect();
        let mut program = Program::start(args, &variables);
        let lines = program.lines();
        assert!(program.end().success(), "{args:?}: {}", program.errors());
        lines
    }

    fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.environment.iter();
        variables.map(|(name, value)| (&**name, &**value))
    }

    /// What another command says with the same settings.
    pub fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(args)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("the binary runs")
    }
}

impl Service {
    /// Starts it, and does not wait for anything.
    pub fn start(settings: &Settings) -> Service {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let log = folder.join(format!("service-{port}-{:08x}.log", rand::random::<u32>()));
        let file = File::create(&log).expect("a log file can be made");
        let child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .arg("run")
            .env_clear()
            .envs(settings.variables())
            .env("GREENROOM_HTTP_ADDR", &address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the binary starts");
        Service {
            child,
            address,
            log,
        }
    }

    /// Starts it and waits until it is ready.
    pub fn ready(settings: &Settings) -> Service {
        let service = Service::start(settings);
        eventually("the service to be ready", || {
            service.get("/readyz").0 == 200
        });
        service
    }

    /// Runs another command with these settings, on this service's address, to its end.
    pub fn beside(&self, settings: &Settings, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(args)
            .env_clear()
            .envs(settings.variables())
            .env("GREENROOM_HTTP_ADDR", &self.address)
            .output()
            .expect("the binary runs")
    }

    /// What it has logged, without times and levels.
    pub fn messages(&self) -> Vec<String> {
        let log = self.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter_map(|line: Value| line["message"].as_str().map(str::to_owned))
            .collect()
    }

    /// The answer's code, 0 where there was none, and its text.
    pub fn get(&self, path: &str) -> (u16, String) {
        greenroom::web::ask(&self.address, path).unwrap_or((0, String::new()))
    }

    /// Tells it to do something, as its administrator; otherwise as [`Service::get`].
    pub fn tell(&self, path: &str, body: &str) -> (u16, String) {
        let token = ADMIN_TOKEN.into();
        greenroom::web::tell(&self.address, path, &token, body).unwrap_or((0, String::new()))
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.get("/api/status").1).unwrap_or(Value::Null)
    }

    /// A number of the status, by its JSON pointer; 0 where it does not answer.
    pub fn number(&self, pointer: &str) -> u64 {
        let status = self.status();
        status.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }

    /// A metric without labels; 0 where it does not answer.
    pub fn metric(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics").1;
        let mut values = metrics.lines().filter_map(|line| line.strip_prefix(name));
        let value = values.find_map(|value| value.trim().parse().ok());
        value.unwrap_or(0)
    }

    /// The most memory that was resident so far, in bytes.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let line = status.unwrap_or_default();
        let peak = line.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// Asks it to end, as Kubernetes does, and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill can be called");
        assert!(sent.success());
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process can be asked")
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("the service to end", || {
            ended = self.ended();
            ended.is_some()
        });
        ended.expect("it has ended")
    }

    /// Wakes it from a stop that was longer than its session. It notices, gives its transaction up
    /// where it has one, and comes back as a member like any other.
    pub fn wake(&self) {
        let assigned = || self.log().matches("partitions assigned").count();
        let before = assigned();
        self.signal("CONT");
        eventually("it to notice", || {
            self.log().contains("partitions were lost")
        });
        eventually("it to be given partitions again", || assigned() > before);
        eventually("it to have no transaction of before", || {
            let status = self.status();
            status["delivery"] == "at-least-once" || has_given_up(&status)
        });
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        let mut text = String::new();
        File::open(&self.log)
            .and_then(|mut file| file.read_to_string(&mut text))
            .expect("the log can be read");
        text
    }
}

/// Whether a transaction was aborted; or the broker had given it up already, and its producer was
/// replaced for it.
fn has_given_up(status: &Value) -> bool {
    let actors = status["actors"].as_array();
    let producer = actors.and_then(|all| all.iter().find(|actor| actor["name"] == "producer"));
    let replaced = |actor: &Value| actor["restarts"] != 0 && actor["state"] == "running";
    status["transactions"]["ended"]["fenced"].is_u64() || producer.is_some_and(replaced)
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(30).collect();
            eprintln!("the service's last words:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
