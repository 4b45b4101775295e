//! What a worker is given.

use std::sync::Arc;

use crate::flow::{Batch, Partition, Suspicion};

/// A batch on its way to a worker.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub worker: usize,
    /// The worker's incarnation, as far as the intake knows: another one must drop it.
    pub incarnation: u64,
    pub batch: Arc<Batch>,
    /// Records of the batch that something is held against, by offset.
    pub suspects: Vec<(i64, Suspicion)>,
}

impl Dispatch {
    /// The record at which the worker stopped, where it had begun and not handed on (P5).
    pub fn stopped_at(&self) -> Option<(Partition, i64)> {
        let offset = self.batch.stopped_at()?;
        Some((self.batch.partition(), offset))
    }
}
