//! Counts for people and other programs.

use serde::{Deserialize, Serialize};

use super::{Counts, States};

/// What `/api/counts` answers and `greenroom counts --json` prints. Its members are a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whose counts they are: other members of a group count their own partitions.
    pub scope: String,
    pub pipeline: String,
    /// Where they live.
    pub store: String,
    /// How far each partition is counted.
    pub partitions: Vec<CountedPartition>,
    /// Those of all `partitions` together.
    pub counts: Counts,
}

/// A partition of which every record below `next_offset` is counted, each once (P11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedPartition {
    pub topic: String,
    pub partition: i32,
    pub next_offset: i64,
}

impl Snapshot {
    pub fn new(scope: &str, pipeline: &str, store: &str, states: &States) -> Self {
        let mut counts = Counts::default();
        for state in states.values() {
            counts.merge_counts(&state.counts);
        }
        let partitions = states.iter().map(|(of, state)| CountedPartition {
            topic: of.topic.to_string(),
            partition: of.partition,
            next_offset: state.next_offset,
        });
        Snapshot {
            scope: scope.to_owned(),
            pipeline: pipeline.to_owned(),
            store: store.to_owned(),
            partitions: partitions.collect(),
            counts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Accumulator, PartitionCounts};
    use crate::kafka::TopicPartition;

    #[test]
    fn a_snapshot_has_the_shape_of_the_command() {
        let mut accumulator = Accumulator::default();
        accumulator.add(&["locale", "CA", "device_type", "iOS"]);
        let mut state = PartitionCounts::default();
        state.counts.merge(&accumulator.take());
        let mut states = States::new();
        for (topic, partition, next_offset) in [("second", 0, 8), ("first", 3, 42)] {
            state.next_offset = next_offset;
            states.insert(TopicPartition::new(topic, partition), state.clone());
        }

        let snapshot = Snapshot::new("this instance", "mine", "memory", &states);
        let json = serde_json::to_string(&snapshot).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"scope":"this instance","pipeline":"mine","store":"memory","partitions":["#,
                r#"{"topic":"first","partition":3,"next_offset":42},"#,
                r#"{"topic":"second","partition":0,"next_offset":8}],"#,
                r#""counts":{"locale":{"CA":{"device_type":{"iOS":2}}}}}"#
            )
        );
        assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
    }
}
