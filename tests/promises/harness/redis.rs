//! A real Redis for tests, with an append-only file, killed and started again at will.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::eventually;
use super::service::free_port;

/// A running `redis-server`. It is killed when this value is dropped.
pub struct Redis {
    port: u16,
    /// Where it speaks TLS.
    secure_port: Option<u16>,
    folder: TempDir,
    extra: Vec<String>,
    process: Option<Child>,
}

impl Redis {
    /// Starts one on a free port.
    pub fn start() -> Redis {
        Redis::start_with(&[])
    }

    /// As [`Redis::start`], with arguments on top.
    pub fn start_with(extra: &[&str]) -> Redis {
        let mut redis = Redis::prepare(extra);
        redis.launch();
        redis
    }

    /// As [`Redis::start_with`], on another port by TLS too, with a [certificate](Redis::certificate)
    /// of its own.
    pub fn start_secure(extra: &[&str]) -> Redis {
        let mut redis = Redis::prepare(extra);
        redis.secure();
        redis.launch();
        redis
    }

    fn prepare(extra: &[&str]) -> Redis {
        Redis {
            port: free_port(),
            secure_port: None,
            folder: TempDir::new().expect("a folder can be made"),
            extra: extra.iter().map(|text| (*text).to_owned()).collect(),
            process: None,
        }
    }

    fn secure(&mut self) {
        let (certificate, key) = (self.certificate(), self.folder.path().join("key.pem"));
        let made = Command::new("openssl")
            .args("req -x509 -nodes -days 2 -newkey rsa:2048 -subj /CN=redis".split(' '))
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .args([&*key, "-out".as_ref(), &*certificate])
            .stderr(Stdio::null())
            .status();
        let made = made.expect("openssl is installed: .ci/run installs it");
        assert!(made.success(), "a certificate is made");
        let port = free_port();
        self.secure_port = Some(port);
        let options = [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", certificate.display().to_string()),
            ("--tls-key-file", key.display().to_string()),
            ("--tls-ca-cert-file", certificate.display().to_string()),
            ("--tls-auth-clients", "no".to_owned()),
        ];
        let options = options.map(|(name, value)| [name.to_owned(), value]);
        self.extra.extend(options.into_iter().flatten());
    }

    /// Starts it again with the data that it has written.
    pub fn launch(&mut self) {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--appendonly", "yes", "--save", "", "--dir"])
            .arg(self.folder.path())
            .args(&self.extra)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: .ci/run installs it");
        self.process = Some(process);
        eventually("Redis to answer", || self.try_ask(&["PING"]).is_some());
    }

    /// Kills it at once, as `kill -9` does. What it has written stays.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the process can be killed");
            process.wait().expect("the process ends");
        }
    }

    /// With `user:password@`, or nothing.
    pub fn url(&self, user: &str) -> String {
        format!("redis://{user}127.0.0.1:{}/0", self.port)
    }

    /// As [`Redis::url`], by TLS.
    pub fn secure_url(&self, user: &str) -> String {
        let port = self.secure_port.expect("it was started to be secure");
        format!("rediss://{user}127.0.0.1:{port}/0")
    }

    /// What a client has to trust that comes by TLS.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The answer to a command, as text; empty where there is none.
    pub fn ask(&self, command: &[&str]) -> String {
        self.try_ask(command).expect("Redis answers")
    }

    fn try_ask(&self, command: &[&str]) -> Option<String> {
        let client = ::redis::Client::open(self.url("")).expect("the URL is right");
        let mut connection = client.get_connection().ok()?;
        let mut asked = ::redis::cmd(command[0]);
        asked.arg(&command[1..]);
        match asked.query::<Option<String>>(&mut connection) {
            Ok(answer) => Some(answer.unwrap_or_default()),
            // Who wants a password is there; who is loading its file is not yet.
            Err(error) => (error.code() == Some("NOAUTH")).then(String::new),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
