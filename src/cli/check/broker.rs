//! `check --broker`: does a broker answer, are the topics there, and may we use them?

use std::thread;
use std::time::Duration;

use crate::cli::preflight::unusable;
use crate::cli::setup::Setup;
use crate::cli::{Failure, Outcome, running, say};
use crate::config::CountsStore;
use crate::counts::Changelog;
use crate::kafka::{Admin, Class, Code, Error, Right, Rights};
use crate::supervision::{Clock, Moment, SystemClock};

/// For one question to the broker.
const ANSWER: Duration = Duration::from_secs(10);

/// Until a question is put again.
const AGAIN: Duration = Duration::from_millis(100);

/// What the broker says of one thing.
type Answer<T> = Result<T, Code>;

/// Prints what is found, and fails with all that is missing.
pub fn look(setup: &Setup) -> Outcome {
    let brokers = &setup.config.kafka.brokers;
    let findings = findings(setup).map_err(|error| match error.class() {
        Class::Final(wrong) => running(format!("{brokers}: {error}: {wrong}")),
        _ => running(format!("no broker answers at {brokers}: {error}")),
    })?;
    say(format_args!("\nbrokers {brokers}"))?;
    for finding in &findings {
        let lines = finding.lines().join(", ");
        say(format_args!("{}: {lines}", finding.subject))?;
    }
    let wrong: Vec<String> = findings.into_iter().flat_map(|found| found.wrong).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Running(wrong.join("; ")))
    }
}

/// A topic or a group.
struct Finding {
    subject: String,
    found: Vec<String>,
    /// What has to be mended before the service can run.
    wrong: Vec<String>,
}

impl Finding {
    fn new(subject: String) -> Self {
        Finding {
            subject,
            found: Vec::new(),
            wrong: Vec::new(),
        }
    }

    fn lines(&self) -> Vec<&str> {
        let all = self.found.iter().chain(&self.wrong);
        all.map(String::as_str).collect()
    }

    fn partitions(&mut self, topic: &str, answer: Answer<usize>) {
        match answer {
            Ok(count) => self.found.push(format!("partitions {count}")),
            Err(code) => self.wrong.push(unusable(topic, code)),
        }
    }

    /// Without the right to see it, the service goes by Kafka's default.
    fn limit(&mut self, answer: Answer<usize>) {
        self.found.push(match answer {
            Ok(bytes) => format!("max.message.bytes {bytes}"),
            Err(code) => format!("max.message.bytes is not shown ({code})"),
        });
    }

    fn right(&mut self, right: Right, answer: Answer<Option<Rights>>) {
        match answer {
            Ok(Some(rights)) if rights.allow(right) => {
                self.found.push(format!("{right:?} allowed"))
            }
            Ok(Some(_)) => {
                let missing = format!("the right {right:?} on {} is missing", self.subject);
                self.wrong.push(missing);
            }
            Ok(None) => self.found.push("rights are not shown".to_owned()),
            Err(code) => self.wrong.push(match Class::of(code) {
                Class::Final(missing) => format!("{}: {missing}", self.subject),
                _ => format!("{} cannot be used: {code}", self.subject),
            }),
        }
    }
}

/// Topics in the order of the pipeline, that of the counts, then the group.
fn findings(setup: &Setup) -> Result<Vec<Finding>, Error> {
    let admin = Admin::new(&setup.kafka())?;
    let topics = setup.topics();
    let inputs = setup.pipeline.input_topics().len();
    let partitions = admin.partitions(&topics, ANSWER)?;
    let limits = actix::System::new().block_on(admin.max_message_bytes(&topics, ANSWER))?;
    let rights = admin.topic_rights(&topics, ANSWER)?;
    let answers = partitions.into_iter().zip(limits).zip(rights);
    let mut findings = Vec::new();
    for (index, (topic, ((partitions, limit), rights))) in topics.iter().zip(answers).enumerate() {
        let mut finding = Finding::new(format!("topic `{topic}`"));
        finding.partitions(topic, partitions);
        if partitions.is_ok() {
            let right = if index < inputs {
                Right::Read
            } else {
                Right::Write
            };
            finding.limit(limit);
            finding.right(right, rights);
        }
        findings.push(finding);
    }
    let group = setup.pipeline.group();
    if setup.config.counts.store == CountsStore::Kafka {
        findings.push(counts_topic(&admin, &Changelog::topic(group))?);
    }
    let mut finding = Finding::new(format!("group `{group}`"));
    finding.right(Right::Read, group_rights(&admin, group)?);
    findings.push(finding);
    Ok(findings)
}

/// The one topic that need not be there.
fn counts_topic(admin: &Admin, topic: &str) -> Result<Finding, Error> {
    let mut finding = Finding::new(format!("topic `{topic}`"));
    for partitions in admin.partitions(&[topic], ANSWER)? {
        if partitions == Err(Code::UnknownTopicOrPartition) {
            finding.found.push("not there yet".to_owned());
            continue;
        }
        finding.partitions(topic, partitions);
        for right in [Right::Read, Right::Write] {
            for rights in admin.topic_rights(&[topic], ANSWER)? {
                finding.right(right, rights);
            }
        }
    }
    Ok(finding)
}

/// Asks again while the group's coordinator is moving or has just begun: it knows nothing then.
fn group_rights(admin: &Admin, group: &str) -> Result<Answer<Option<Rights>>, Error> {
    let clock = SystemClock::new();
    loop {
        let answer = admin.group_rights(group, ANSWER)?;
        let moving = matches!(
            answer,
            Err(Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable)
        );
        if !moving || clock.now().since(Moment::START) >= ANSWER {
            return Ok(answer);
        }
        thread::sleep(AGAIN);
    }
}
