//! What the service counts: pure values, and the stores where counts outlive the process.
//!
//! ```text
//! Accumulator ──take──▶ Delta ──count──▶ Tally ──▶ Counts
//!  (a worker's)       (a batch's)     (an instance's) (for people)
//!                                         │ ▲
//!                                  Change ▼ │ PartitionCounts
//!                                     Keeper ⊃ Store
//! ```
//! A count is found by its path of texts: `["device_type", "iOS"]`, or, grouped by a member,
//! `["locale", "CA", "device_type", "iOS"]`; a total has no key: `["processed_count"]`.

mod accumulator;
mod changelog;
mod keeper;
mod memory;
mod redis;
mod snapshot;
mod store;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use accumulator::Accumulator;
pub use changelog::{Carried, Changelog, Draft, Progress};
pub use keeper::Keeper;
pub use memory::Memory;
pub use redis::{PlainKeys, Redis};
pub use snapshot::{CountedPartition, Snapshot};
pub use store::{Change, Saved, Store, StoreError};
pub use tally::{Applied, PartitionCounts, States, Storing, Tally};

/// The way to a count, shared so that a batch's counts cost no copy of their names.
pub type Path = Arc<[Box<str>]>;

/// What a batch, or a part of one, adds to the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    pub added: Vec<(Path, u64)>,
}

/// All counts, in the shape of `greenroom counts --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts {
    names: BTreeMap<Box<str>, Node>,
}

/// A number, or more counts below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Node {
    Count(u64),
    Branch(BTreeMap<Box<str>, Node>),
}

impl Counts {
    /// Adds a batch's counts.
    pub fn merge(&mut self, delta: &Delta) {
        for (path, n) in &delta.added {
            self.add(path, *n);
        }
    }

    /// Adds another partition's counts.
    pub fn merge_counts(&mut self, other: &Counts) {
        merge_branch(&mut self.names, &other.names);
    }

    /// All that was counted, by the name of its count or group.
    pub fn names(&self) -> &BTreeMap<Box<str>, Node> {
        &self.names
    }

    /// What stands under the name of a count or a group.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.names.get(name)
    }

    /// The number at a path; 0 where nothing was counted.
    pub fn at(&self, path: &[&str]) -> u64 {
        let Some((first, rest)) = path.split_first() else {
            return 0;
        };
        let found = rest.iter().try_fold(self.names.get(*first), |node, key| {
            Some(match node? {
                Node::Branch(below) => below.get(*key),
                Node::Count(_) => None,
            })
        });
        match found {
            Some(Some(Node::Count(n))) => *n,
            _ => 0,
        }
    }

    /// Every count by its path.
    pub fn to_delta(&self) -> Delta {
        let mut delta = Delta::default();
        list(&mut Vec::new(), &self.names, &mut delta);
        delta
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn add(&mut self, path: &[Box<str>], n: u64) {
        let Some((last, above)) = path.split_last() else {
            return;
        };
        let mut names = &mut self.names;
        for key in above {
            let node = names
                .entry(key.clone())
                .or_insert_with(|| Node::Branch(BTreeMap::new()));
            names = node.branch();
        }
        *names.entry(last.clone()).or_insert(Node::Count(0)).count() += n;
    }
}

impl Node {
    /// A pipeline's names are distinct (its specification is refused otherwise), so that a path
    /// never ends where another goes on; of a store's foreign state the newer shape wins.
    fn branch(&mut self) -> &mut BTreeMap<Box<str>, Node> {
        if let Node::Count(_) = self {
            *self = Node::Branch(BTreeMap::new());
        }
        match self {
            Node::Branch(below) => below,
            Node::Count(_) => unreachable!("a count was made a branch above"),
        }
    }

    fn count(&mut self) -> &mut u64 {
        if let Node::Branch(_) = self {
            *self = Node::Count(0);
        }
        match self {
            Node::Count(n) => n,
            Node::Branch(_) => unreachable!("a branch was made a count above"),
        }
    }
}

fn list<'c>(above: &mut Vec<&'c str>, names: &'c BTreeMap<Box<str>, Node>, into: &mut Delta) {
    for (key, node) in names {
        above.push(key);
        match node {
            Node::Count(n) => {
                let path = above.iter().map(|text| Box::from(*text)).collect();
                into.added.push((path, *n));
            }
            Node::Branch(below) => list(above, below, into),
        }
        above.pop();
    }
}

fn merge_branch(into: &mut BTreeMap<Box<str>, Node>, from: &BTreeMap<Box<str>, Node>) {
    for (key, node) in from {
        match node {
            Node::Count(n) => {
                *into.entry(key.clone()).or_insert(Node::Count(0)).count() += n;
            }
            Node::Branch(below) => {
                let node = into
                    .entry(key.clone())
                    .or_insert_with(|| Node::Branch(BTreeMap::new()));
                merge_branch(node.branch(), below);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(added: &[(&[&str], u64)]) -> Delta {
        let added = added.iter().map(|(path, n)| {
            let path: Path = path.iter().map(|text| Box::from(*text)).collect();
            (path, *n)
        });
        Delta {
            added: added.collect(),
        }
    }

    #[test]
    fn counts_have_the_shape_of_the_command() {
        let mut counts = Counts::default();
        counts.merge(&delta(&[
            (&["device_type", "iOS"], 2),
            (&["device_type", "android"], 1),
            (&["locale", "CA", "device_type", "iOS"], 3),
            (&["processed_count"], 3),
        ]));
        counts.merge(&delta(&[(&["device_type", "iOS"], 5)]));
        let json = serde_json::to_string(&counts).unwrap();
        assert_eq!(
            json,
            r#"{"device_type":{"android":1,"iOS":7},"locale":{"CA":{"device_type":{"iOS":3}}},"processed_count":3}"#
        );
        assert_eq!(serde_json::from_str::<Counts>(&json).unwrap(), counts);
        assert_eq!(counts.at(&["locale", "CA", "device_type", "iOS"]), 3);
        assert_eq!(counts.at(&["locale", "NY", "device_type", "iOS"]), 0);
        assert_eq!(counts.at(&["locale", "CA"]), 0);
    }

    #[test]
    fn counts_of_partitions_add_up() {
        let mut one = Counts::default();
        one.merge(&delta(&[(&["locale", "CA"], 1), (&["all"], 1)]));
        let mut two = Counts::default();
        two.merge(&delta(&[(&["locale", "CA"], 2), (&["locale", "NY"], 4)]));
        one.merge_counts(&two);
        assert_eq!(
            serde_json::to_string(&one).unwrap(),
            r#"{"all":1,"locale":{"CA":3,"NY":4}}"#
        );
    }
}
