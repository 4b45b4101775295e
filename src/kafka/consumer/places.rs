//! Where partitions stand: their ends, what is committed of them, and how far we are.

use std::ffi::CString;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::bindings as ffi;
use rdkafka::consumer::Consumer as _;

use super::{Consumer, list};
use crate::kafka::{Code, Error, TopicPartition};

impl Consumer {
    /// The group's committed offsets, None where there is none. Asks the broker; while a killed
    /// instance's transaction is open this can time out: try again.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<i64>>, Error> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |error| Error::from_kafka("asking for committed offsets", error);
        let found = self
            .base
            .committed_offsets(list(partitions), timeout)
            .map_err(failed)?;
        partitions
            .iter()
            .map(|partition| {
                let element = found
                    .find_partition(&partition.topic, partition.partition)
                    .ok_or(Error::call(
                        "asking for committed offsets",
                        Code::Inconsistent,
                    ))?;
                element.error().map_err(failed)?;
                Ok(match element.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                })
            })
            .collect()
    }

    /// First offset there is, and the one behind the last readable record (the last stable
    /// offset). Asks the broker.
    pub fn low_high(
        &self,
        partition: &TopicPartition,
        timeout: Duration,
    ) -> Result<(i64, i64), Error> {
        self.base
            .fetch_watermarks(&partition.topic, partition.partition, timeout)
            .map_err(|error| Error::from_kafka("asking for a partition's offsets", error))
    }

    /// First offset and high watermark as the last fetch saw them; None before the first.
    pub fn low_high_seen(&self, partition: &TopicPartition) -> Option<(i64, i64)> {
        let topic = CString::new(&*partition.topic).ok()?;
        let client = self.base.client().native_ptr();
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client is alive, the name is a C string, the numbers are ours to be
        // written to.
        let seen = Code::from(unsafe {
            ffi::rd_kafka_get_watermark_offsets(
                client,
                topic.as_ptr(),
                partition.partition,
                &mut low,
                &mut high,
            )
        });
        (seen == Code::NoError && high >= 0).then_some((low.max(0), high))
    }

    /// The offset after what was taken of the partition last, markers of transactions that followed
    /// it included; None before the first. A seek back does not take it back.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        let asked = list(std::slice::from_ref(partition));
        // SAFETY: the client is alive, and the list is ours to be written to.
        let known = Code::from(unsafe {
            ffi::rd_kafka_position(self.base.client().native_ptr(), asked.ptr())
        });
        match asked.elements().first().map(|element| element.offset()) {
            Some(Offset::Offset(offset)) if known == Code::NoError => Some(offset),
            _ => None,
        }
    }
}
