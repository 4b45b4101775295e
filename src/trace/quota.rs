//! So many in a second, and no more.

use std::sync::{Mutex, PoisonError};

const SECOND: u64 = 1_000_000_000;

/// Admits so many in each second of the clock.
#[derive(Debug)]
pub struct Quota {
    per_second: u32,
    /// The second, and how many it has admitted.
    admitted: Mutex<(u64, u32)>,
}

impl Quota {
    pub fn new(per_second: u32) -> Self {
        Quota {
            per_second,
            admitted: Mutex::default(),
        }
    }

    /// Whether one more is admitted at `now`, in Unix nanoseconds.
    pub fn admit(&self, now: u64) -> bool {
        // Whole after each change, so a poisoned lock is as good as any.
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now / SECOND;
        if admitted.0 != second {
            *admitted = (second, 0);
        }
        let is_free = admitted.1 < self.per_second;
        admitted.1 += u32::from(is_free);
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own() {
        let quota = Quota::new(2);
        let at = [5, 6, 7, SECOND, SECOND + 1, SECOND + 2, 9 * SECOND];
        let admitted: Vec<_> = at.iter().map(|now| quota.admit(*now)).collect();
        assert_eq!(admitted, [true, true, false, true, true, false, true]);
    }
}
