//! The topics between which a test's pipeline lies.

use greenroom::kafka::EmbeddedBroker;

/// The topics and the group of one test.
pub struct Pipes {
    pub input: String,
    pub output: String,
    pub dead_letters: String,
    pub summaries: String,
    pub group: String,
}

impl Pipes {
    /// New topics, so many partitions each.
    pub fn lay(topics: &super::Topics, partitions: i32) -> Pipes {
        let input = topics.create("input", partitions);
        Pipes {
            output: topics.create("output", partitions),
            dead_letters: topics.create("dead-letters", partitions),
            summaries: topics.create("summaries", 1),
            group: format!("group-of-{input}"),
            input,
        }
    }

    /// The same on an embedded broker, which has nobody else on it.
    pub fn embed(broker: &EmbeddedBroker, partitions: i32) -> Pipes {
        let create = |name: &str, partitions: i32| {
            let made = broker.create_topic(name, partitions.unsigned_abs());
            made.expect("a new topic");
            name.to_owned()
        };
        Pipes {
            input: create("input", partitions),
            output: create("output", partitions),
            dead_letters: create("dead-letters", partitions),
            summaries: create("summaries", 1),
            group: "group".to_owned(),
        }
    }
}
