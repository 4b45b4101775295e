//! A record to be written, and how librdkafka is told of it.

use rdkafka::bindings as ffi;
use rdkafka::types::{RDKafkaHeaders, RDKafkaTopic};

use super::receipt::Tag;
use crate::record::OutgoingRecord;

/// A record to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a, H = [(&'a [u8], Option<&'a [u8]>); 0]> {
    pub key: Option<&'a [u8]>,
    /// None is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Unix milliseconds above 0; None is now.
    pub timestamp: Option<i64>,
    /// Name and value of each.
    pub headers: H,
}

impl<'a> NewRecord<'a> {
    /// A record of now, without headers.
    pub fn new(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Self {
        NewRecord {
            key,
            value,
            timestamp: None,
            headers: [],
        }
    }

    /// A record of a batch, as the pipeline left it.
    pub fn from_outgoing(
        record: &OutgoingRecord<'a>,
    ) -> NewRecord<'a, impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a>> {
        NewRecord {
            key: record.key(),
            value: record.value(),
            timestamp: record.timestamp(),
            headers: record.headers(),
        }
    }
}

/// Headers for one message; a null list where there are none, which costs nothing.
pub(super) struct Headers(*mut RDKafkaHeaders);

impl Headers {
    pub(super) fn new<'a>(headers: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Self {
        let mut list = Headers(std::ptr::null_mut());
        for (name, value) in headers {
            list.add(name, value);
        }
        list
    }

    fn add(&mut self, name: &[u8], value: Option<&[u8]>) {
        const USUAL: usize = 8;
        let (value, size) = match value {
            Some(value) => (value.as_ptr(), value.len() as isize),
            None => (std::ptr::null(), 0),
        };
        // SAFETY: the list is ours; librdkafka copies so many bytes of name and value. It fails
        // only for lists that are read-only, which those of received messages are.
        unsafe {
            if self.0.is_null() {
                self.0 = ffi::rd_kafka_headers_new(USUAL);
            }
            let (name, len) = (name.as_ptr().cast(), name.len() as isize);
            ffi::rd_kafka_header_add(self.0, name, len, value.cast(), size);
        }
    }

    pub(super) fn ptr(&self) -> *mut RDKafkaHeaders {
        self.0
    }

    /// The list belongs to a message now.
    pub(super) fn given_away(self) {
        std::mem::forget(self);
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list is ours: it was not given away.
            unsafe { ffi::rd_kafka_headers_destroy(self.0) }
        }
    }
}

pub(super) type Content<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, Option<i64>);

/// The arguments of `rd_kafka_produceva`. A null key, value or header list and a timestamp of 0
/// each mean none.
pub(super) fn parts(
    topic: *mut RDKafkaTopic,
    partition: Option<i32>,
    (key, value, timestamp): Content<'_>,
    headers: *mut RDKafkaHeaders,
    tag: Tag,
) -> [ffi::rd_kafka_vu_t; 8] {
    use ffi::rd_kafka_vtype_t as kind;
    type Part = ffi::rd_kafka_vu_s__bindgen_ty_1;
    type Bytes = ffi::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1;
    let part = |vtype, u| ffi::rd_kafka_vu_t { vtype, u };
    let bytes = |bytes: Option<&[u8]>| Part {
        mem: Bytes {
            ptr: bytes.map_or(std::ptr::null_mut(), |bytes| {
                bytes.as_ptr().cast_mut().cast()
            }),
            size: bytes.map_or(0, <[u8]>::len),
        },
    };
    let (i32_, i) = (partition.unwrap_or(UNASSIGNED), ffi::RD_KAFKA_MSG_F_COPY);
    let ptr = tag.opaque();
    let i64_ = timestamp.unwrap_or(0);
    [
        part(kind::RD_KAFKA_VTYPE_RKT, Part { rkt: topic }),
        part(kind::RD_KAFKA_VTYPE_PARTITION, Part { i32_ }),
        part(kind::RD_KAFKA_VTYPE_MSGFLAGS, Part { i }),
        part(kind::RD_KAFKA_VTYPE_KEY, bytes(key)),
        part(kind::RD_KAFKA_VTYPE_VALUE, bytes(value)),
        part(kind::RD_KAFKA_VTYPE_OPAQUE, Part { ptr }),
        part(kind::RD_KAFKA_VTYPE_TIMESTAMP, Part { i64_ }),
        part(kind::RD_KAFKA_VTYPE_HEADERS, Part { headers }),
    ]
}

/// RD_KAFKA_PARTITION_UA: the partitioner chooses.
const UNASSIGNED: i32 = -1;
