//! The bench: what a worker has in hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::intake::Dispatch;

/// The part of a batch that a worker has in hand. It outlives the worker, so that after its death
/// one knows which record it was at (P5), also where a rewind has struck the batch from the ledger
/// meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Bench(Arc<Mutex<InHand>>);

#[derive(Debug, Default)]
struct InHand {
    /// The worker's incarnation: what an abandoned thread of an earlier one says does not count.
    incarnation: u64,
    dispatch: Option<Arc<Dispatch>>,
}

impl Bench {
    /// The worker begins with a batch.
    pub fn take_up(&self, dispatch: Arc<Dispatch>) {
        let mut hand = self.lock();
        if dispatch.incarnation >= hand.incarnation {
            hand.incarnation = dispatch.incarnation;
            hand.dispatch = Some(dispatch);
        }
    }

    /// The worker is done with the batch.
    pub fn put_down(&self, incarnation: u64) {
        let mut hand = self.lock();
        if incarnation == hand.incarnation {
            hand.dispatch = None;
        }
    }

    /// Clears the bench of an incarnation that is dead or abandoned, or its batch would keep its
    /// credit (P4): says what it had in hand.
    pub fn clear(&self, incarnation: u64) -> Option<Arc<Dispatch>> {
        let mut hand = self.lock();
        if incarnation < hand.incarnation {
            return None;
        }
        hand.incarnation = incarnation + 1;
        hand.dispatch.take()
    }

    /// A panic elsewhere cannot leave a half-made entry, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, InHand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::flow::batch::tests::batch;
    use crate::flow::generation::{Generations, Tenure};
    use crate::flow::{Batch, Partition};

    pub(crate) fn dispatch(incarnation: u64, batch: &Arc<Batch>) -> Arc<Dispatch> {
        Arc::new(Dispatch {
            incarnation,
            batch: batch.clone(),
            part: 0,
            suspects: Vec::new(),
        })
    }

    fn culprit(bench: &Bench, incarnation: u64) -> Option<(Partition, i64)> {
        bench.clear(incarnation)?.stopped_at()
    }

    #[test]
    fn p5_the_record_a_worker_died_at_is_known_though_a_rewind_came_first() {
        let mut tenure = Tenure::begin(&Generations::default());
        let (bench, batch) = (Bench::default(), Arc::new(batch(&tenure, 0, 10..13)));
        bench.take_up(dispatch(1, &batch));
        assert!(batch.part(0).begin_record(1, 2));
        tenure.advance();
        assert_eq!(culprit(&bench, 1), Some((batch.partition(), 12)));
        assert_eq!(culprit(&bench, 1), None, "one death, one attempt");
    }

    #[test]
    fn p5_nothing_is_blamed_before_the_first_record_or_after_the_last() {
        let tenure = Tenure::begin(&Generations::default());
        let batches = [0, 1].map(|sequence| Arc::new(batch(&tenure, sequence, 0..3)));
        let bench = Bench::default();
        bench.take_up(dispatch(1, &batches[0]));
        assert_eq!(culprit(&bench, 1), None);
        bench.take_up(dispatch(2, &batches[1]));
        assert!(batches[1].part(0).begin_record(1, 2));
        assert!(batches[1].part(0).hand_on(1));
        assert_eq!(culprit(&bench, 2), None);
    }

    #[test]
    fn p5_an_abandoned_thread_does_not_touch_its_successors_bench() {
        let tenure = Tenure::begin(&Generations::default());
        let [old, new]: [Arc<Batch>; 2] =
            [0, 1].map(|sequence| Arc::new(batch(&tenure, sequence, 0..3)));
        let bench = Bench::default();
        bench.take_up(dispatch(1, &new));
        assert_eq!(culprit(&bench, 1), None);
        assert!(new.part(0).pass_to(2));
        bench.take_up(dispatch(2, &new));
        assert!(new.part(0).begin_record(2, 1));
        bench.take_up(dispatch(1, &old));
        bench.put_down(1);
        assert_eq!(culprit(&bench, 2), Some((new.partition(), 1)));
    }
}
