//! What one read brought: borrowed from librdkafka, copied once into an arena.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

use rdkafka::bindings as ffi;
use rdkafka::types::{RDKafkaHeaders, RDKafkaMessage, RDKafkaRespErr, RDKafkaTopic};

use super::Code;
use super::native::Topic;
use crate::record::Records;

/// The messages of one read. They go back to librdkafka when this is dropped.
pub struct Fetch<'c> {
    pub(super) messages: &'c mut Vec<Message>,
    pub(super) topics: &'c [Topic],
}

impl Fetch<'_> {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The messages, split wherever the partition changes, in the order they were read; between
    /// them what went wrong with a partition.
    pub fn runs(&self) -> impl Iterator<Item = Result<Run<'_>, PartitionError>> {
        self.messages
            .chunk_by(Message::continues)
            .map(|messages| self.run(messages))
    }

    fn run<'a>(&'a self, messages: &'a [Message]) -> Result<Run<'a>, PartitionError> {
        let first = &messages[0];
        let topic = self
            .topics
            .iter()
            .position(|topic| topic.ptr() == first.topic())
            .expect("librdkafka hands out partitions of subscribed topics only");
        match first.error() {
            None => Ok(Run {
                topic,
                partition: first.partition(),
                messages,
            }),
            Some(code) => Err(PartitionError {
                topic,
                partition: first.partition(),
                offset: first.offset(),
                code,
            }),
        }
    }
}

impl Drop for Fetch<'_> {
    fn drop(&mut self) {
        self.messages.clear();
    }
}

/// Consecutive messages of one partition, in offset order; never empty.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Index into the topics subscribed to.
    pub topic: usize,
    pub partition: i32,
    pub messages: &'a [Message],
}

impl Run<'_> {
    /// Copies the run into an arena of exactly its size. The messages lie in another core's cache:
    /// going through them once, front to back, costs a third less than asking all of them for
    /// their headers first (measured).
    pub fn records(&self) -> Records {
        let bytes: usize = self.messages.iter().map(Message::bytes).sum();
        // Headers are alike from message to message: twice as much as the first one's is room for
        // all, or the arena would grow by doubling, values and all (P4).
        let first = self.messages.first();
        let headers = first.map_or(0, |message| message.headers().bytes());
        let room = bytes + 2 * headers * self.messages.len();
        let mut records = Records::with_capacity(self.messages.len(), room);
        for message in self.messages {
            records.push(
                message.offset(),
                message.timestamp(),
                message.key(),
                message.value(),
            );
            for (name, value) in message.headers().iter() {
                records.push_header(name, value);
            }
        }
        records.shrink_to_fit();
        records
    }
}

/// A partition that cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("partition {partition} cannot be read from offset {offset}: {code}")]
pub struct PartitionError {
    /// Index into the topics subscribed to.
    pub topic: usize,
    pub partition: i32,
    /// Where it stands; negative where librdkafka does not say.
    pub offset: i64,
    /// `AutoOffsetReset` where the offset asked for is not there (any more): choose another and
    /// seek. Others are tried again by librdkafka.
    pub code: Code,
}

/// One message, owned by librdkafka and borrowed for the length of a [`Fetch`].
#[repr(transparent)]
pub struct Message(NonNull<RDKafkaMessage>);

// SAFETY: a message may be read and destroyed on any one thread. It is not Sync: librdkafka parses
// headers at the first look.
unsafe impl Send for Message {}

impl Message {
    fn native(&self) -> &RDKafkaMessage {
        // SAFETY: librdkafka gave us the message, and it lives until we destroy it in drop.
        unsafe { self.0.as_ref() }
    }

    /// Whether `next` belongs to the same run.
    fn continues(&self, next: &Message) -> bool {
        self.partition() == next.partition()
            && self.topic() == next.topic()
            && self.error().is_none()
            && next.error().is_none()
    }

    fn topic(&self) -> *mut RDKafkaTopic {
        self.native().rkt
    }

    pub fn partition(&self) -> i32 {
        self.native().partition
    }

    pub fn offset(&self) -> i64 {
        self.native().offset
    }

    pub fn key(&self) -> Option<&[u8]> {
        let native = self.native();
        // SAFETY: librdkafka says that so many bytes lie there, for as long as the message lives.
        unsafe { bytes(native.key.cast(), native.key_len) }
    }

    /// None is a tombstone.
    pub fn value(&self) -> Option<&[u8]> {
        let native = self.native();
        // SAFETY: librdkafka says that so many bytes lie there, for as long as the message lives.
        unsafe { bytes(native.payload.cast(), native.len) }
    }

    /// Unix milliseconds; None where the broker gave none.
    pub fn timestamp(&self) -> Option<i64> {
        // SAFETY: the message is alive; a null pointer says that the kind is not asked for.
        let milliseconds =
            unsafe { ffi::rd_kafka_message_timestamp(self.native(), std::ptr::null_mut()) };
        (milliseconds >= 0).then_some(milliseconds)
    }

    /// Parses them, and where there are none finds that out anew: ask once.
    pub fn headers(&self) -> Headers<'_> {
        Headers {
            native: self.native_headers(),
            message: PhantomData,
        }
    }

    fn native_headers(&self) -> Option<NonNull<RDKafkaHeaders>> {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message is alive and used by this thread alone (it is not Sync).
        let result = unsafe { ffi::rd_kafka_message_headers(self.native(), &mut headers) };
        match result {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => NonNull::new(headers),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__NOENT => None,
            error => {
                let (partition, offset) = (self.partition(), self.offset());
                tracing::error!(partition, offset, ?error, "headers could not be parsed");
                None
            }
        }
    }

    /// Of key and value.
    fn bytes(&self) -> usize {
        self.native().key_len + self.native().len
    }

    fn error(&self) -> Option<Code> {
        let error = self.native().err;
        (error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| error.into())
    }
}

/// A message's headers, parsed.
pub struct Headers<'m> {
    native: Option<NonNull<RDKafkaHeaders>>,
    message: PhantomData<&'m Message>,
}

impl<'m> Headers<'m> {
    /// Name and value of each header, in order. librdkafka gives names as C strings: one that
    /// holds a zero byte ends there.
    pub fn iter(&self) -> impl Iterator<Item = (&'m [u8], Option<&'m [u8]>)> + use<'m> {
        let headers = self.native;
        (0..).map_while(move |index| {
            let headers = headers?.as_ptr();
            let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
            // SAFETY: the headers belong to the message, which is borrowed; name, value and size
            // are ours to be written to, and what they point at lives as long as the message.
            unsafe {
                let end =
                    ffi::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size);
                (end == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR)
                    .then(|| (CStr::from_ptr(name).to_bytes(), bytes(value.cast(), size)))
            }
        })
    }

    fn bytes(&self) -> usize {
        let bytes =
            |(name, value): (&[u8], Option<&[u8]>)| name.len() + value.map_or(0, <[u8]>::len);
        self.iter().map(bytes).sum()
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is ours and is destroyed only here.
        unsafe { ffi::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
/// `start` is null, or `len` bytes lie there for as long as `'a`.
unsafe fn bytes<'a>(start: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, so by contract.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, len) })
}
