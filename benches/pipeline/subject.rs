//! A program at work in a process of its own, and what it takes.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

use crate::ground::Ground;
use crate::rows::{Program, Row};

/// Where a subject reads and writes.
pub struct Pipes {
    pub input: String,
    pub output: String,
    /// What `masked` makes of an event without a device type, which 16 % are.
    pub errors: String,
    /// For what seldom comes or never.
    aside: String,
    pub group: String,
}

impl Pipes {
    /// New topics but for the input.
    pub fn lay(ground: &Ground, row: &Row, input: String, config: &[(&str, &str)]) -> Pipes {
        let partitions = row.course.partitions as i32;
        Pipes {
            input,
            output: ground.topic("out", partitions, config),
            errors: ground.topic("errors", partitions, &[]),
            aside: ground.topic("aside", 1, &[]),
            group: ground.name("group"),
        }
    }

    /// Deletes all but the input.
    pub fn remove(self, ground: &Ground) {
        ground.delete(&[&self.output, &self.errors, &self.aside]);
    }

    fn variables(&self) -> [(&'static str, &str); 7] {
        [
            ("GREENROOM_INPUT_TOPIC", &self.input),
            ("GREENROOM_OUTPUT_TOPIC", &self.output),
            ("GREENROOM_ERRORS_TOPIC", &self.errors),
            ("GREENROOM_DEAD_LETTER_TOPIC", &self.aside),
            ("GREENROOM_FILTERED_TOPIC", &self.aside),
            ("GREENROOM_SUMMARY_TOPIC", &self.aside),
            ("GREENROOM_GROUP_ID", &self.group),
        ]
    }
}

/// What every service is set to.
const SETTINGS: [(&str, &str); 3] = [
    ("GREENROOM_HASH_KEY", "a key of thirty-two bytes or more"),
    ("GREENROOM_HTTP_ADDR", "off"),
    ("RUST_LOG", "error"),
];

/// A running program. It is killed where it is dropped.
pub struct Subject {
    process: Child,
    is_service: bool,
}

/// What Linux tells of a process.
struct Stat {
    /// It has ended, and nobody has asked yet how.
    is_over: bool,
    cpu: Duration,
}

const SIGTERM: i32 = 15;
const TICK: Duration = Duration::from_millis(1);

impl Subject {
    /// `collector` is where it sends spans, if it is to make some.
    pub fn start(ground: &Ground, row: &Row, pipes: &Pipes, collector: &str) -> Subject {
        let mut command = match row.program {
            Program::Forwarder(role) => {
                let own = std::env::current_exe().expect("a program knows where it is");
                let mut command = Command::new(own);
                command.arg(role);
                command
            }
            Program::Service(preset) => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
                command.args(["run", preset]);
                command
            }
        };
        command.env_clear().envs(SETTINGS);
        command.envs(ground.variables()).envs(pipes.variables());
        command.envs(row.settings.iter().map(|(name, value)| (name, value)));
        if let Some(ratio) = row.traced {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
            command.env("OTEL_TRACES_SAMPLER_ARG", ratio);
        }
        Subject {
            process: command.spawn().expect("the program starts"),
            is_service: matches!(row.program, Program::Service(_)),
        }
    }

    /// CPU time of all its threads, those that ended too. It is told in steps of 10 ms: 1 % of what
    /// a forwarder takes for a million records.
    pub fn cpu(&self) -> Duration {
        self.stat().cpu
    }

    fn stat(&self) -> Stat {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.expect("Linux tells of processes");
        // Behind its name: the state, ten numbers, then user and system time.
        let (_, rest) = stat.rsplit_once(')').expect("its name is in brackets");
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |field: usize| fields[field].parse::<u64>().expect("a number of ticks");
        Stat {
            is_over: fields[0] == "Z",
            cpu: Duration::from_secs(ticks(11) + ticks(12)) / clock_ticks_per_second() as u32,
        }
    }

    /// The most memory that was resident, in bytes.
    pub fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("Linux tells of processes");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        let kilobytes: Option<u64> = kilobytes.and_then(|number| number.parse().ok());
        kilobytes.expect("a number of kB, of a process that lives") * 1024
    }

    /// Whether it goes on.
    pub fn lives(&mut self) -> bool {
        let ended = self.process.try_wait().expect("the process can be asked");
        ended.is_none()
    }

    /// Asks it to end, which drains a service, and waits until it has. Says what CPU time all of
    /// its life took.
    pub fn end(mut self) -> Duration {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("kill can be called").success());
        let cpu = loop {
            let stat = self.stat();
            if stat.is_over {
                break stat.cpu;
            }
            thread::sleep(TICK);
        };
        let status = self.process.wait().expect("it is a child");
        // A forwarder knows no orderly end.
        let is_told = !self.is_service && status.signal() == Some(SIGTERM);
        assert!(status.success() || is_told, "{status}");
        cpu
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Usually it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
