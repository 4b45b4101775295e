//! What abandoned threads hold: memory that is in use and of no use (P4).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::intake::Dispatch;

/// What workers had in hand when their threads were abandoned. A thread that ends after all, or
/// only goes on, puts it down: then it is forgotten here. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Abandoned(Arc<Mutex<Vec<Weak<Dispatch>>>>);

impl Abandoned {
    /// The thread that has this in hand is abandoned.
    pub fn keep(&self, dispatch: &Arc<Dispatch>) {
        self.lock().push(Arc::downgrade(dispatch));
    }

    /// Bytes of the budget that nothing but abandoned threads keeps from coming back. Not counted
    /// is a batch whose replay is awaited: it is in use whoever else holds it, and a record that
    /// hangs in it is to be found first (P5).
    pub fn bytes(&self) -> usize {
        let mut all = self.lock();
        all.retain(|dispatch| dispatch.strong_count() > 0);
        let held = all.iter().filter_map(Weak::upgrade);
        let lost = held.filter(|dispatch| !dispatch.batch.is_awaited());
        // Several threads may hang in one batch, which pays for its memory once.
        let batches = lost.map(|dispatch| (dispatch.batch.id(), dispatch.batch.bytes()));
        batches.collect::<BTreeMap<_, _>>().values().sum()
    }

    /// A panic elsewhere cannot leave a half-made entry, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Dispatch>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::batch::tests::batch;
    use crate::flow::bench::tests::dispatch;
    use crate::flow::generation::{Generations, Tenure};

    #[test]
    fn p4_what_abandoned_threads_hold_is_known_until_they_let_go_of_it() {
        let mut tenure = Tenure::begin(&Generations::default());
        let batch = Arc::new(batch(&tenure, 0, 0..3));
        let (bytes, threads) = (batch.bytes(), [1, 2].map(|thread| dispatch(thread, &batch)));
        let abandoned = Abandoned::default();
        threads.iter().for_each(|hung| abandoned.keep(hung));
        assert_eq!(abandoned.bytes(), 0, "its replay is awaited");
        tenure.advance();
        assert_eq!(abandoned.bytes(), bytes, "one batch pays once");
        let [first, second] = threads;
        drop(first);
        assert_eq!(abandoned.bytes(), bytes);
        drop(second);
        assert_eq!(abandoned.bytes(), 0, "though the batch is still there");
    }

    #[test]
    fn p4_a_batch_that_a_replay_has_handed_on_is_no_longer_awaited() {
        let tenure = Tenure::begin(&Generations::default());
        let batch = Arc::new(batch(&tenure, 0, 0..3));
        let hung = dispatch(1, &batch);
        let abandoned = Abandoned::default();
        abandoned.keep(&hung);
        assert!(batch.part(0).pass_to(2));
        assert_eq!(abandoned.bytes(), 0);
        assert!(batch.part(0).hand_on(2));
        assert_eq!(abandoned.bytes(), batch.bytes());
    }
}
