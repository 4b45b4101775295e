//! A piece of a batch's results, handed to librdkafka record by record.

use super::OutputTopic;
use crate::flow::outbox::Next;
use crate::kafka::{self, NewRecord, SendError, Tag};
use crate::record::OutgoingRecord;

/// Sends the piece's records from where it stands: up to which it came, and what stopped it.
pub(super) fn send_piece(
    client: &kafka::Producer,
    topics: &[OutputTopic],
    next: &Next<'_>,
) -> (usize, Option<SendError>) {
    for index in next.from..next.outgoing.len() {
        // A lease may end in the midst of a piece: not a record more goes out (P3).
        if !next.batch.is_current() {
            return (index, None);
        }
        let record = next.outgoing.get(index, next.batch.records());
        let topic = usize::from(record.topic());
        let partition = partition(&record, next.batch.partition().id, &topics[topic]);
        let tag = Tag::new(next.ticket, u32::try_from(index).unwrap_or(u32::MAX));
        if let Err(error) = client.send(topic, partition, NewRecord::from_outgoing(&record), tag) {
            return (index, Some(error));
        }
    }
    (next.outgoing.len(), None)
}

/// Without a key the input's partition decides, never chance (P2).
fn partition(record: &OutgoingRecord<'_>, input: i32, topic: &OutputTopic) -> Option<i32> {
    match record.key() {
        Some(_) => None,
        None => Some(input % topic.partitions),
    }
}
