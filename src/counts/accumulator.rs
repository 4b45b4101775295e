//! Counting within a batch, without an allocation for keys that were seen before.

use std::collections::HashMap;

use super::{Delta, Path};

/// Bytes of keys that are remembered from batch to batch. Beyond it all are forgotten at the end
/// of a batch, so that hostile keys cannot grow a worker's memory (P4).
const REMEMBERED: usize = 1 << 20;

/// What a remembered key takes besides its text, roughly.
const OVERHEAD: usize = 128;

/// No UTF-8 text holds this byte, so that joined paths stay distinct.
const SEPARATOR: u8 = 0xff;

/// A worker's counters for the batch it is at.
///
/// It outlives the batch and remembers the keys, so that a batch of the usual records allocates
/// nothing here but the [`Delta`] that it hands on.
#[derive(Debug, Default)]
pub struct Accumulator {
    known: HashMap<Box<[u8]>, usize>,
    cells: Vec<Cell>,
    /// Indices of the cells that are not zero.
    touched: Vec<usize>,
    joined: Vec<u8>,
    remembered: usize,
}

#[derive(Debug)]
struct Cell {
    path: Path,
    n: u64,
}

impl Accumulator {
    /// Counts one at the path.
    pub fn add(&mut self, path: &[&str]) {
        self.joined.clear();
        for text in path {
            self.joined.extend_from_slice(text.as_bytes());
            self.joined.push(SEPARATOR);
        }
        let index = match self.known.get(self.joined.as_slice()) {
            Some(&index) => index,
            None => self.learn(path),
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

    fn learn(&mut self, path: &[&str]) -> usize {
        let index = self.cells.len();
        let path = path.iter().map(|text| Box::from(*text)).collect();
        self.cells.push(Cell { path, n: 0 });
        self.remembered += self.joined.len() + OVERHEAD;
        self.known.insert(self.joined.as_slice().into(), index);
        index
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
    fn paths_that_read_alike_when_joined_stay_apart() {
        let mut accumulator = Accumulator::default();
        accumulator.add(&["ab", "c"]);
        accumulator.add(&["a", "bc"]);
        assert_eq!(accumulator.take().added.len(), 2);
    }

    #[test]
    fn p4_hostile_keys_are_forgotten_but_counted() {
        let mut accumulator = Accumulator::default();
        let long = "x".repeat(REMEMBERED / 10);
        for n in 0..11 {
            accumulator.add(&["app_version", &format!("{long}{n}")]);
        }
        assert_eq!(accumulator.take().added.len(), 11);
        assert!(accumulator.cells.is_empty() && accumulator.known.is_empty());
    }
}
