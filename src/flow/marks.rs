//! High marks of reading and settling, so that figures tell of each record once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Partition;
use crate::record::{Record, Records};

/// How far this process has come in each partition, whichever consumer read it. Clones share it:
/// a rewind or a new consumer reads records again, and they are no more records for that.
#[derive(Clone, Debug, Default)]
pub struct Marks(Arc<Mutex<BTreeMap<Partition, Mark>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Everything below was read.
    read: i64,
    /// Everything below was settled, and its outcomes were told.
    settled: i64,
}

impl Marks {
    /// How many of these records were never read before. They are now.
    pub fn read(&self, partition: Partition, records: &Records) -> usize {
        let Some(last) = records.len().checked_sub(1) else {
            return 0;
        };
        let mut all = self.lock();
        let mark = all.entry(partition).or_default();
        let next = records.get(last).offset() + 1;
        let before = mark.read;
        mark.read = before.max(next);
        if records.get(0).offset() >= before {
            return records.len();
        }
        let new = |record: &Record<'_>| record.offset() >= before;
        records.iter().filter(new).count()
    }

    /// The offset after the last record that was ever read.
    pub fn furthest(&self, partition: Partition) -> i64 {
        self.lock().get(&partition).map_or(0, |mark| mark.read)
    }

    /// Everything below `offset` is settled.
    pub fn settle(&self, partition: Partition, offset: i64) {
        let mut all = self.lock();
        let mark = all.entry(partition).or_default();
        mark.settled = mark.settled.max(offset);
    }

    /// Where records begin whose outcomes were not told yet.
    pub fn settled(&self, partition: Partition) -> i64 {
        self.lock().get(&partition).map_or(0, |mark| mark.settled)
    }

    /// A panic elsewhere cannot leave a half-made entry, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Partition, Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_a_record_that_is_read_again_is_no_new_one() {
        let (marks, partition) = (Marks::default(), Partition { topic: 0, id: 1 });
        let read = |offsets: std::ops::Range<i64>| {
            let mut records = Records::default();
            offsets.for_each(|offset| records.push(offset, None, None, None));
            marks.read(partition, &records)
        };
        assert_eq!(read(10..20), 10);
        assert_eq!(read(10..15), 0);
        assert_eq!(read(15..22), 2);
        assert_eq!(read(0..0), 0);
        assert_eq!(read(30..31), 1);
        assert_eq!(marks.furthest(partition), 31);
    }
}
