//! What abandoned threads hold: memory that is in use and of no use (P4).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Batch;
use super::intake::Dispatch;

/// What threads may hold that were abandoned: what workers had in hand, and what was rewound while
/// anybody had it. A thread that ends after all, or only goes on, puts it down: then it is
/// forgotten here. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Abandoned(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    in_hand: Vec<Weak<Dispatch>>,
    void: Vec<Weak<Batch>>,
}

impl Abandoned {
    /// The thread that has this in hand is abandoned.
    pub fn keep(&self, dispatch: &Arc<Dispatch>) {
        self.lock().in_hand.push(Arc::downgrade(dispatch));
    }

    /// These batches are to be read again. Whoever has one puts it down when he comes to it; only an
    /// abandoned thread never does.
    pub fn void(&self, batches: impl Iterator<Item = Arc<Batch>>) {
        let void = &mut self.lock().void;
        void.retain(|batch| batch.strong_count() > 0);
        void.extend(batches.map(|batch| Arc::downgrade(&batch)));
    }

    /// Bytes of the budget that nothing but abandoned threads keeps from coming back, if there are
    /// any: void batches are in others' hands for a moment, too. Not counted is a batch whose replay
    /// is awaited: it is in use whoever else holds it, and a record that hangs in it is to be found
    /// first (P5).
    pub fn bytes(&self) -> usize {
        let mut held = self.lock();
        held.in_hand.retain(|dispatch| dispatch.strong_count() > 0);
        let in_hand = held.in_hand.iter().filter_map(Weak::upgrade);
        let lost = in_hand.filter(|dispatch| !dispatch.batch.is_awaited());
        let lost = lost.map(|dispatch| dispatch.batch.clone());
        let void = held.void.iter().filter_map(Weak::upgrade);
        // Several threads may have one batch, which pays for its memory once.
        let batches = lost.chain(void).map(|batch| (batch.id(), batch.bytes()));
        batches.collect::<BTreeMap<_, _>>().values().sum()
    }

    /// A panic elsewhere cannot leave a half-made entry, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Held> {
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
    fn p4_what_was_rewound_counts_as_long_as_anybody_has_it() {
        let tenure = Tenure::begin(&Generations::default());
        let [held, put_down] = [0, 1].map(|sequence| batch(&tenure, sequence, 0..3));
        let held = Arc::new(held);
        let abandoned = Abandoned::default();
        abandoned.void([held.clone(), Arc::new(put_down)].into_iter());
        assert_eq!(abandoned.bytes(), held.bytes());
        drop(held);
        assert_eq!(abandoned.bytes(), 0);
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
