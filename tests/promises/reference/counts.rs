//! What was counted, whatever the nesting: a path of names and keys, and how often.

use std::collections::BTreeMap;

use serde_json::Value;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Vec<String>, u64>);

impl Counts {
    pub fn add(&mut self, path: &[&str]) {
        let path = path.iter().map(|&name| name.to_owned()).collect();
        *self.0.entry(path).or_default() += 1;
    }

    /// From nested objects of numbers. A count of nothing is no count.
    pub fn read(value: &Value) -> Counts {
        let mut counts = Counts::default();
        counts.read_below(&mut Vec::new(), value);
        counts
    }

    fn read_below(&mut self, path: &mut Vec<String>, value: &Value) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                path.push(name.clone());
                self.read_below(path, value);
                path.pop();
            }),
            _ => {
                let count = value.as_u64().expect("a count is a whole number");
                if count > 0 {
                    self.0.insert(path.clone(), count);
                }
            }
        }
    }

    /// Only those of these names.
    pub fn only(&self, names: &[&str]) -> Counts {
        let named = self
            .0
            .iter()
            .filter(|(path, _)| names.contains(&path[0].as_str()));
        Counts(named.map(|(path, count)| (path.clone(), *count)).collect())
    }

    /// Every count in which two differ.
    pub fn differences(&self, other: &Counts) -> Vec<String> {
        let mut paths: Vec<&Vec<String>> = self.0.keys().chain(other.0.keys()).collect();
        paths.sort_unstable();
        paths.dedup();
        let of = |counts: &Counts, path: &Vec<String>| counts.0.get(path).copied().unwrap_or(0);
        let differing = paths
            .into_iter()
            .filter(|path| of(self, path) != of(other, path));
        differing
            .map(|path| {
                format!(
                    "count {path:?}: expected {}, got {}",
                    of(self, path),
                    of(other, path)
                )
            })
            .collect()
    }
}
