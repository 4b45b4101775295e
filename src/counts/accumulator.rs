//! Counting within a batch, without an allocation for keys that were seen before.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Delta, Path};

/// Bytes of keys that are remembered from batch to batch. Beyond it all are forgotten at the end
/// of a batch, so that hostile keys cannot grow a worker's memory (P4).
const REMEMBERED: usize = 1 << 20;

/// What a remembered key takes besides its text, roughly.
const OVERHEAD: usize = 128;

/// A worker's counters for the batch it is at.
///
/// It outlives the batch and remembers the keys, so that a batch of the usual records allocates
/// nothing here but the [`Delta`] that it hands on.
#[derive(Debug, Default)]
pub struct Accumulator {
    cells: Vec<Cell>,
    /// Indices of the cells by the hash of their path. Counting is a fifth of the hot path, so a
    /// path is looked up as it comes: neither joined nor copied.
    known: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// Indices of the cells that are not zero.
    touched: Vec<usize>,
    /// Bytes that the known paths take.
    remembered: usize,
}

#[derive(Debug)]
struct Cell {
    hash: u64,
    path: Path,
    n: u64,
}

impl Accumulator {
    /// Counts one at the path.
    pub fn add(&mut self, path: &[&str]) {
        let hash = self.hash(path);
        let cells = &self.cells;
        let known = self
            .known
            .find(hash, |index| cells[*index].is_at(hash, path));
        let index = match known {
            Some(index) => *index,
            None => self.learn(hash, path),
        };
        let cell = &mut self.cells[index];
        if cell.n == 0 {
            self.touched.push(index);
        }
        cell.n += 1;
    }

    /// What was counted since the last call. To give a batch up, call this and drop the result.
    pub fn take(&mut self) -> Delta {
        let cells = &mut self.cells;
        let added = self.touched.drain(..).map(|index| {
            let cell = &mut cells[index];
            (cell.path.clone(), std::mem::take(&mut cell.n))
        });
        let delta = Delta {
            added: added.collect(),
        };
        if self.remembered > REMEMBERED {
            *self = Accumulator::default();
        }
        delta
    }

    fn hash(&self, path: &[&str]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for text in path {
            hasher.write(text.as_bytes());
        }
        hasher.finish()
    }

    fn learn(&mut self, hash: u64, path: &[&str]) -> usize {
        let Accumulator { cells, known, .. } = self;
        let index = cells.len();
        let path: Path = path.iter().map(|text| Box::from(*text)).collect();
        self.remembered += OVERHEAD + path.iter().map(|text| text.len()).sum::<usize>();
        cells.push(Cell { hash, path, n: 0 });
        known.insert_unique(hash, index, |index| cells[*index].hash);
        index
    }
}

impl Cell {
    fn is_at(&self, hash: u64, path: &[&str]) -> bool {
        // The key stands last and tells most paths apart.
        let mut pairs = self.path.iter().zip(path).rev();
        self.hash == hash
            && self.path.len() == path.len()
            && pairs.all(|(own, text)| **own == **text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;

    #[test]
    fn a_delta_holds_what_was_counted_since_the_last() {
        let mut accumulator = Accumulator::default();
        for key in ["CA", "NY", "CA"] {
            accumulator.add(&["locale", key]);
        }
        let first = accumulator.take();
        accumulator.add(&["locale", "NY"]);
        let second = accumulator.take();

        let mut counts = Counts::default();
        counts.merge(&first);
        assert_eq!(counts.at(&["locale", "CA"]), 2);
        counts.merge(&second);
        assert_eq!(counts.at(&["locale", "NY"]), 2);
        assert_eq!(second.added.len(), 1);
        assert_eq!(accumulator.take(), Delta::default());
    }

    #[test]
    fn paths_that_read_alike_stay_apart() {
        let mut accumulator = Accumulator::default();
        accumulator.add(&["ab", "c"]);
        accumulator.add(&["a", "bc"]);
        accumulator.add(&["abc"]);
        assert_eq!(accumulator.take().added.len(), 3);
    }

    #[test]
    fn p4_hostile_keys_are_forgotten_but_counted() {
        let mut accumulator = Accumulator::default();
        let long = "x".repeat(REMEMBERED / 10);
        for n in 0..11 {
            accumulator.add(&["app_version", &format!("{long}{n}")]);
        }
        assert_eq!(accumulator.take().added.len(), 11);
        assert!(accumulator.cells.is_empty());
    }
}
