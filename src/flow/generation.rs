//! Generations of a partition, and the lease by which anybody can see whether work is still valid.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Grows whenever a partition is assigned, revoked or rewound; unique within the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Hands out generations. It outlives consumers, so that no two tenures ever share a generation.
#[derive(Clone, Debug, Default)]
pub struct Generations(Arc<AtomicU64>);

impl Generations {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The owner's side: one partition held by one consumer. Its end, by a panic too, fences what was
/// leased under it.
#[derive(Debug)]
pub struct Tenure {
    generations: Generations,
    current: Arc<AtomicU64>,
}

impl Tenure {
    pub fn begin(generations: &Generations) -> Self {
        Tenure {
            generations: generations.clone(),
            current: Arc::new(AtomicU64::new(generations.next())),
        }
    }

    pub fn generation(&self) -> Generation {
        Generation(self.current.load(Ordering::Acquire))
    }

    /// Fences all that was leased so far, and begins the next generation.
    pub fn advance(&mut self) -> Generation {
        let next = self.generations.next();
        self.current.store(next, Ordering::Release);
        Generation(next)
    }

    pub fn lease(&self) -> Lease {
        Lease {
            generation: self.generation(),
            current: self.current.clone(),
        }
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.advance();
    }
}

/// The worker's side: the right to go on with work that was read under one generation (P3).
#[derive(Clone, Debug)]
pub struct Lease {
    generation: Generation,
    current: Arc<AtomicU64>,
}

impl Lease {
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// False once the generation is over. Ask right before anything that cannot be taken back.
    pub fn is_current(&self) -> bool {
        self.current.load(Ordering::Acquire) == self.generation.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p3_an_advance_ends_every_lease_of_before() {
        let mut tenure = Tenure::begin(&Generations::default());
        let old = tenure.lease();
        assert!(old.is_current());
        tenure.advance();
        assert!(!old.is_current());
        assert!(tenure.lease().is_current());
    }

    #[test]
    fn p3_the_end_of_a_tenure_ends_its_leases() {
        let tenure = Tenure::begin(&Generations::default());
        let lease = tenure.lease();
        drop(tenure);
        assert!(!lease.is_current());
    }

    #[test]
    fn p3_generations_are_unique_across_tenures() {
        let generations = Generations::default();
        let first = Tenure::begin(&generations).generation();
        let second = Tenure::begin(&generations).generation();
        assert!(second > first);
    }
}
