//! One of Greenroom's commands as its users run it: what it prints, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{PATIENCE, eventually};

/// A running command. It is killed when this value is dropped.
pub struct Program {
    child: Child,
    lines: Option<Receiver<String>>,
    errors: Arc<Mutex<String>>,
}

impl Program {
    /// Starts it in an environment of these variables alone.
    pub fn start(args: &[&str], environment: &[(&str, &str)]) -> Program {
        let mut program = Program::start_unread(args, environment);
        let stdout = program.take_stdout();
        let (tell, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            lines
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        program.lines = Some(lines);
        program
    }

    /// As [`Program::start`]; nobody reads its stdout but who takes it.
    pub fn start_unread(args: &[&str], environment: &[(&str, &str)]) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(args)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("it is piped");
        let errors = Arc::new(Mutex::new(String::new()));
        let kept = errors.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut kept = kept.lock().expect("nobody panics with it");
                *kept += &line;
                kept.push('\n');
            }
        });
        Program {
            child,
            lines: None,
            errors,
        }
    }

    pub fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("it is taken once")
    }

    /// The next line of stdout; waits for it.
    pub fn line(&self) -> String {
        self.next_line()
            .unwrap_or_else(|| panic!("stdout ended; errors:\n{}", self.errors()))
    }

    /// A line of stdout, where one has come.
    pub fn try_line(&self) -> Option<String> {
        self.stdout().try_recv().ok()
    }

    /// All lines until it closes its stdout.
    pub fn lines(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next_line()).collect()
    }

    /// None at the end of stdout.
    fn next_line(&self) -> Option<String> {
        match self.stdout().recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("no line came in {PATIENCE:?}; errors:\n{}", self.errors())
            }
        }
    }

    fn stdout(&self) -> &Receiver<String> {
        self.lines.as_ref().expect("its stdout is read")
    }

    /// What it has written to stderr.
    pub fn errors(&self) -> String {
        self.errors.lock().expect("nobody panics with it").clone()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill can be called");
        assert!(sent.success());
    }

    /// Waits until it ends by itself.
    pub fn end(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("the command to end", || {
            ended = self.child.try_wait().expect("the process can be asked");
            ended.is_some()
        });
        ended.expect("it has ended")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
