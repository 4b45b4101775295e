//! Counts for people and other programs.

use serde::{Deserialize, Serialize};

use super::{Counts, Tally};

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
    /// What one instance has counted of these input topics, in their order.
    pub fn of_this_instance(pipeline: &str, store: &str, topics: &[String], tally: &Tally) -> Self {
        let partitions = tally
            .partitions()
            .map(|(partition, state)| CountedPartition {
                topic: topics[usize::from(partition.topic)].clone(),
                partition: partition.id,
                next_offset: state.next_offset,
            });
        Snapshot {
            scope: "this instance".to_owned(),
            pipeline: pipeline.to_owned(),
            store: store.to_owned(),
            partitions: partitions.collect(),
            counts: tally.counts(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Accumulator;
    use crate::flow::Partition;

    #[test]
    fn a_snapshot_has_the_shape_of_the_command() {
        let mut accumulator = Accumulator::default();
        accumulator.add(&["locale", "CA", "device_type", "iOS"]);
        let delta = accumulator.take();
        let mut tally = Tally::default();
        let of = |topic, id| Partition { topic, id };
        tally.apply(of(1, 0), 7, 8, 7, &delta);
        tally.apply(of(0, 3), 40, 42, 40, &delta);
        let topics = ["first".to_owned(), "second".to_owned()];

        let snapshot = Snapshot::of_this_instance("mine", "memory", &topics, &tally);
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
