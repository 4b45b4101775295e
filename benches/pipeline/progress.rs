//! How far a subject has come, asked of the broker: one question for all partitions.

use std::time::Duration;

use greenroom::kafka::{Settings, properties};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::forwarders::all_partitions;

const ANSWER: Duration = Duration::from_secs(20);

/// Looks at what a topic holds, or at what a group has committed.
pub struct Progress {
    client: BaseConsumer,
    partitions: TopicPartitionList,
    asks: Asks,
}

#[derive(Clone, Copy)]
enum Asks {
    Ends,
    Committed,
}

impl Progress {
    /// How many records each partition has got in all of these topics, those of open transactions
    /// and the markers of ended ones too.
    pub fn appended(settings: &Settings, topics: &[&str]) -> Progress {
        Progress::new(settings, topics, Asks::Ends)
    }

    /// How many records of each partition the settings' group is done with: exact where outputs
    /// are not, for there are markers of transactions among those.
    pub fn committed(settings: &Settings, topic: &str) -> Progress {
        Progress::new(settings, &[topic], Asks::Committed)
    }

    fn new(settings: &Settings, topics: &[&str], asks: Asks) -> Progress {
        let mut config = properties::consumer(settings);
        config.set("isolation.level", "read_uncommitted");
        let client: BaseConsumer = config.create().expect("a client");
        Progress {
            partitions: all_partitions(&client, topics, Offset::End),
            client,
            asks,
        }
    }

    /// By partition.
    pub fn look(&self) -> Vec<usize> {
        let partitions = self.partitions.clone();
        let answers = match self.asks {
            // A time that is the end's logical offset is answered with the end.
            Asks::Ends => self.client.offsets_for_times(partitions, ANSWER),
            Asks::Committed => self.client.committed_offsets(partitions, ANSWER),
        };
        let mut sums = Vec::new();
        for answer in answers.expect("an answer").elements() {
            let partition = answer.partition() as usize;
            sums.resize(sums.len().max(partition + 1), 0);
            if let Offset::Offset(offset) = answer.offset() {
                sums[partition] += offset as usize;
            }
        }
        sums
    }

    pub fn total(&self) -> usize {
        self.look().iter().sum()
    }
}
