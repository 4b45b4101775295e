//! Credit for bytes in flight (P4): one budget, and permits that return when they are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bound on the bytes of all records between poll and settlement. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Budget {
            limit,
            used: Arc::default(),
        }
    }

    /// Credit for `bytes`, or None until enough has come back. What is larger than the whole
    /// budget passes alone, or it would never pass at all.
    pub fn take(&self, bytes: usize) -> Option<Permit> {
        let grant = |used: usize| (used == 0 || used + bytes <= self.limit).then_some(used + bytes);
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, grant)
            .ok()
            .map(|_| Permit {
                bytes: bytes.into(),
                used: self.used.clone(),
            })
    }

    /// Bytes that [`Budget::take`] would grant now.
    pub fn available(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// Credit taken from a [`Budget`]; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    bytes: AtomicUsize,
    used: Arc<AtomicUsize>,
}

impl Permit {
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Takes so many bytes more, though they may be more than there are: they are in use already,
    /// and whoever asks next waits until they are back.
    pub fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.used.fetch_add(bytes, Ordering::AcqRel);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes(), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_no_more_than_the_budget_is_ever_granted() {
        let budget = Budget::new(100);
        let first = budget.take(60).expect("fits");
        assert!(budget.take(41).is_none());
        let second = budget.take(40).expect("fits");
        assert_eq!(budget.available(), 0);
        drop(first);
        assert_eq!(budget.available(), 60);
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn p4_what_comes_on_top_is_waited_for_by_others_and_given_back() {
        let budget = Budget::new(100);
        let first = budget.take(90).expect("fits");
        first.add(30);
        assert_eq!((budget.used(), budget.available()), (120, 0));
        assert!(budget.take(1).is_none());
        drop(first);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn p4_a_record_larger_than_the_budget_passes_alone() {
        let budget = Budget::new(100);
        let small = budget.take(1).expect("fits");
        assert!(budget.take(500).is_none());
        drop(small);
        let large = budget.take(500).expect("alone");
        assert!(budget.take(1).is_none());
        drop(large);
        assert!(budget.take(100).is_some());
    }
}
