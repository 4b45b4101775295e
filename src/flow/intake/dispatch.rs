//! What a worker is given.

use std::sync::Arc;

use crate::flow::batch::Part;
use crate::flow::{Batch, Partition, Suspicion};

/// A part of a batch on its way to its worker.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The worker's incarnation, as far as the intake knows: another one must drop it.
    pub incarnation: u64,
    pub batch: Arc<Batch>,
    /// Which of the batch's parts.
    pub part: usize,
    /// Records of the part that something is held against, by offset.
    pub suspects: Vec<(i64, Suspicion)>,
}

impl Dispatch {
    pub fn part(&self) -> &Part {
        self.batch.part(self.part)
    }

    pub fn worker(&self) -> usize {
        self.part().worker()
    }

    /// The record at which the worker stopped, where it had begun and not handed on (P5).
    pub fn stopped_at(&self) -> Option<(Partition, i64)> {
        let place = self.part().stopped_at()?;
        let offset = self.batch.records().get(place).offset();
        Some((self.batch.partition(), offset))
    }
}
