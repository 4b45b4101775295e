//! Apache Kafka's jars, fetched once by Maven into the target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "4.3.1";
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/promises/harness");

/// Any id will do: a cluster lives as long as its test.
pub const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

/// A client compiler only and a serial collector: a node is up in a second, with 150 to 190 MB.
const JVM_FLAGS: [&str; 9] = [
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xlog:disable",
    "-Xlog:all=off",
    "-Djava.awt.headless=true",
    "-Dlog4j2.disableJmx=true",
];

/// The folder that holds an installed Kafka.
pub struct Distribution(PathBuf);

impl Distribution {
    /// Installs what is not there yet. Other test runs wait meanwhile.
    pub fn install() -> Distribution {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(format!("kafka-{VERSION}"));
        let distribution = Distribution(folder);
        fs::create_dir_all(&distribution.0).expect("the target folder can be written");
        let lock = File::create(distribution.0.join("lock")).expect("a lock file can be made");
        lock.lock().expect("the lock can be waited for");
        if !distribution.libs().exists() {
            distribution.fetch_jars();
        }
        if !distribution.checkpoint().exists() {
            distribution.make_checkpoint();
        }
        distribution
    }

    /// Where clusters keep their data and logs.
    pub fn clusters(&self) -> PathBuf {
        self.0.join("clusters")
    }

    /// The feature levels that each node's log begins with. A node formatted without them starts,
    /// but with group.version 0 and transaction.version 0: no KIP-848 and no new transactions.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("bootstrap.checkpoint")
    }

    /// The command line that runs `main_class`; its own arguments follow.
    pub fn java(&self, main_class: &str) -> Vec<String> {
        let log4j = format!("-Dlog4j2.configurationFile={SOURCES}/log4j2.properties");
        let class_path = format!("{}/*", self.libs().display());
        let mut line = vec!["java".to_owned()];
        line.extend(JVM_FLAGS.map(String::from));
        line.extend([log4j, "-cp".to_owned(), class_path, main_class.to_owned()]);
        line
    }

    fn libs(&self) -> PathBuf {
        self.0.join("libs")
    }

    /// Fetches into a folder that gets its name when it is whole: an interrupted run leaves nothing
    /// that looks installed.
    fn fetch_jars(&self) {
        let part = self.0.join("libs.part");
        run(Command::new("mvn")
            .args(["-q", "-B", "-f", &format!("{SOURCES}/pom.xml")])
            .arg(format!("-Dkafka.version={VERSION}"))
            .arg("-DincludeScope=runtime")
            .arg(format!("-DoutputDirectory={}", part.display()))
            .arg("dependency:copy-dependencies"));
        fs::rename(part, self.libs()).expect("the jars can be put in place");
    }

    /// Formats a node that never starts and keeps its checkpoint, which saves every later node
    /// the JVM that formatting takes.
    fn make_checkpoint(&self) {
        let sample = tempfile::tempdir_in(&self.0).expect("the target folder can be written");
        let sample = sample.path();
        let properties = sample.join("server.properties");
        fs::write(&properties, sample_properties(sample)).expect("properties can be written");
        let java = self.java("kafka.tools.StorageTool");
        run(Command::new(&java[0])
            .args(&java[1..])
            .args(["format", "-t", CLUSTER_ID, "-c"])
            .arg(properties));
        fs::rename(sample.join("bootstrap.checkpoint"), self.checkpoint())
            .expect("the StorageTool made a checkpoint");
    }
}

fn sample_properties(logs: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:1\n\
         listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}\n",
        logs.display()
    )
}

fn run(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("{program}: {error}; the tests on a real broker need Java 17 and Maven")
    });
    assert!(
        output.status.success(),
        "{program} failed with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
