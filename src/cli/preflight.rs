//! Before anything is started: is there a broker, and are the topics there?

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::setup::Setup;
use crate::config::CountsStore;
use crate::counts::Changelog;
use crate::kafka::admin::BROKERS_DEFAULT;
use crate::kafka::{self, Admin, Class, Code};
use crate::status::{Board, Latch};
use crate::topology::OutputTopic;

/// For one question to the broker.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two looks; what is wrong is said again so often.
const LOOK: Duration = Duration::from_secs(1);
const SAY: Duration = Duration::from_secs(10);
/// What a topic takes at most where the broker does not say: Kafka's own default.
pub const MAX_MESSAGE_BYTES: usize = 1_048_588;

/// What was found: the outputs, and what the topics for dead letters and errors take at most.
pub struct Found {
    pub outputs: Vec<OutputTopic>,
    pub dead_letter_bytes: usize,
}

/// Waits until a broker answers and all topics are there, and says meanwhile what is missing.
pub async fn wait(setup: &Setup, board: &Board) -> Result<Found, kafka::Error> {
    let mut said: Option<Instant> = None;
    loop {
        match look(setup).await? {
            Ok(found) => {
                board.ready(Latch::Topics);
                return Ok(found);
            }
            Err(missing) => {
                board.not_ready(Latch::Topics, missing.clone());
                if said.is_none_or(|at| at.elapsed() >= SAY) {
                    tracing::error!("{missing}");
                    said = Some(Instant::now());
                }
            }
        }
        sleep(LOOK).await;
    }
}

async fn look(setup: &Setup) -> Result<Result<Found, String>, kafka::Error> {
    let admin = Admin::new(&setup.kafka())?;
    let topics: Vec<String> = setup.topics().into_iter().map(str::to_owned).collect();
    let brokers = setup.config.kafka.brokers.clone();
    let asked = spawn_blocking(move || {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let answers = admin.partitions(&names, ANSWER);
        answers.map(|answers| (admin, topics, answers))
    });
    let (admin, topics, answers) = match asked.await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) => return Ok(Err(no_answer(&brokers, &error))),
        Err(_) => return Ok(Err("the look for topics died".to_owned())),
    };
    let missing = missing(&topics, &answers);
    if !missing.is_empty() {
        return Ok(Err(missing.join("; ")));
    }
    if let Err(missing) = counts_topic(setup, &admin).await? {
        return Ok(Err(missing));
    }
    let inputs = setup.pipeline.input_topics().len();
    let outputs = topics.iter().zip(answers).skip(inputs);
    let outputs = outputs.map(|(name, partitions)| OutputTopic {
        name: name.clone(),
        partitions: partitions.map_or(1, |count| i32::try_from(count).unwrap_or(i32::MAX)),
    });
    Ok(Ok(Found {
        outputs: outputs.collect(),
        dead_letter_bytes: dead_letter_bytes(setup, &admin).await,
    }))
}

fn no_answer(brokers: &str, error: &kafka::Error) -> String {
    match error.class() {
        Class::Final(missing) => format!("the broker at {brokers} refuses us: {missing}: {error}"),
        _ => format!("no broker answers at {brokers}: {error}"),
    }
}

fn missing(topics: &[String], answers: &[Result<usize, Code>]) -> Vec<String> {
    let found = topics.iter().zip(answers);
    let wrong = found.filter_map(|(topic, answer)| answer.err().map(|code| (topic, code)));
    let text = wrong.map(|(topic, code)| unusable(topic, code));
    text.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What to say of one of the pipeline's topics that cannot be used, and what helps.
pub fn unusable(topic: &str, code: Code) -> String {
    match code {
        Code::UnknownTopicOrPartition => {
            format!("topic `{topic}` does not exist; `greenroom topics create` makes it")
        }
        code => format!("topic `{topic}` cannot be used: {code}"),
    }
}

/// Makes the topic of the counts where they are kept in Kafka and it is not there: unlike the
/// others it is ours alone.
async fn counts_topic(setup: &Setup, admin: &Admin) -> Result<Result<(), String>, kafka::Error> {
    if setup.config.counts.store != CountsStore::Kafka {
        return Ok(Ok(()));
    }
    let plan = Changelog::plan(setup.pipeline.group(), BROKERS_DEFAULT);
    let made = admin.create(std::slice::from_ref(&plan), ANSWER).await;
    let answer = match made.map(|answers| answers.into_iter().next()) {
        Ok(answer) => answer.unwrap_or(Ok(())),
        Err(error) => return Ok(Err(no_answer(&setup.config.kafka.brokers, &error))),
    };
    Ok(match answer {
        Ok(()) => {
            tracing::info!(topic = plan.name, "made the topic of the counts");
            Ok(())
        }
        Err(Code::TopicAlreadyExists) => Ok(()),
        // Who may not make topics may still use one that is there; the store says if it is not.
        Err(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => Ok(()),
        Err(code) => Err(format!("topic `{}` cannot be made: {code}", plan.name)),
    })
}

/// The smallest limit of the topics for dead letters and errors. Who may not ask goes by Kafka's default.
async fn dead_letter_bytes(setup: &Setup, admin: &Admin) -> usize {
    let pipeline = &setup.pipeline;
    let inputs = 0..u16::try_from(pipeline.input_topics().len()).unwrap_or(u16::MAX);
    let letters = inputs.map(|input| pipeline.dead_letters(input));
    let indices: BTreeSet<u16> = letters.chain(pipeline.errors()).collect();
    let topics: Vec<&str> = indices
        .iter()
        .map(|index| pipeline.topics()[usize::from(*index)].as_str())
        .collect();
    let answers = admin
        .max_message_bytes(&topics, ANSWER)
        .await
        .unwrap_or_default();
    let known = answers.into_iter().flatten().min();
    known.unwrap_or(MAX_MESSAGE_BYTES)
}
