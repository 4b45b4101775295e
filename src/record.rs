//! Records in arenas: what travels through the house, with nothing allocated per record.
//!
//! [`Records`] holds what was read of one partition: one buffer, and spans into it. [`Outgoing`]
//! holds what is to be written for such a batch. An outgoing record says which input record it
//! came from and takes key, headers and timestamp from there, so pass-through (P9) copies nothing.

/// W3C Trace Context's header: which trace a record belongs to.
pub const TRACEPARENT: &[u8] = b"traceparent";

/// A piece of an arena's buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..][..self.len as usize]
    }
}

/// Appends `bytes` to `buffer` and says where they lie.
///
/// # Panics
/// Where an arena would grow beyond 4 GiB; budgets are far below (P4).
fn push(buffer: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let span = Span {
        start: u32::try_from(buffer.len()).expect("an arena stays under 4 GiB"),
        len: u32::try_from(bytes.len()).expect("an arena stays under 4 GiB"),
    };
    buffer.extend_from_slice(bytes);
    span
}

#[derive(Clone, Debug)]
struct Entry {
    offset: i64,
    timestamp: Option<i64>,
    key: Option<Span>,
    value: Option<Span>,
    headers: (u32, u32),
}

/// Records of one partition in offset order, in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Records {
    buffer: Vec<u8>,
    entries: Vec<Entry>,
    headers: Vec<(Span, Option<Span>)>,
}

impl Records {
    /// Room for so many records and bytes, so that filling allocates no more.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Records {
            buffer: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(records),
            headers: Vec::new(),
        }
    }

    /// Appends a record. `timestamp` is in Unix milliseconds, None where the broker gave none.
    /// Headers follow by [`Records::push_header`].
    pub fn push(
        &mut self,
        offset: i64,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        let key = key.map(|key| push(&mut self.buffer, key));
        let value = value.map(|value| push(&mut self.buffer, value));
        let first = self.headers.len() as u32;
        self.entries.push(Entry {
            offset,
            timestamp,
            key,
            value,
            headers: (first, first),
        });
    }

    /// Appends a header to the record pushed last.
    pub fn push_header(&mut self, name: &[u8], value: Option<&[u8]>) {
        let name = push(&mut self.buffer, name);
        let value = value.map(|value| push(&mut self.buffer, value));
        self.headers.push((name, value));
        if let Some(entry) = self.entries.last_mut() {
            entry.headers.1 += 1;
        }
    }

    /// Gives back what was taken too much for records that nobody made room for: buffers grow by
    /// doubling.
    pub fn shrink_to_fit(&mut self) {
        self.buffer.shrink_to_fit();
        self.headers.shrink_to_fit();
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes this arena holds in memory: what its credit must cover (P4).
    pub fn bytes(&self) -> usize {
        self.buffer.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.headers.capacity() * size_of::<(Span, Option<Span>)>()
    }

    /// The `index`th record.
    pub fn get(&self, index: usize) -> Record<'_> {
        let entry = &self.entries[index];
        Record {
            records: self,
            entry,
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.entries.iter().map(|entry| Record {
            records: self,
            entry,
        })
    }
}

/// One record, borrowed from its arena.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    records: &'a Records,
    entry: &'a Entry,
}

impl<'a> Record<'a> {
    pub fn offset(&self) -> i64 {
        self.entry.offset
    }

    /// Unix milliseconds.
    pub fn timestamp(&self) -> Option<i64> {
        self.entry.timestamp
    }

    pub fn key(&self) -> Option<&'a [u8]> {
        self.entry.key.map(|span| span.of(&self.records.buffer))
    }

    /// None is a tombstone.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.entry.value.map(|span| span.of(&self.records.buffer))
    }

    pub fn has_headers(&self) -> bool {
        self.entry.headers.0 != self.entry.headers.1
    }

    /// The `traceparent`, where there is exactly one: several say nothing.
    pub fn traceparent(&self) -> Option<&'a [u8]> {
        let mut found = self.headers().filter(|(name, _)| *name == TRACEPARENT);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)?
    }

    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let buffer = &self.records.buffer;
        let (first, end) = self.entry.headers;
        self.records.headers[first as usize..end as usize]
            .iter()
            .map(move |(name, value)| (name.of(buffer), value.map(|value| value.of(buffer))))
    }
}

/// What an outgoing record's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Bytes of the outgoing arena.
    Own(Span),
    /// The source record's value, byte for byte.
    Source,
    /// No value: a tombstone, or a value left out for its size.
    Null,
}

#[derive(Clone, Debug)]
struct Draft {
    source: u32,
    topic: u16,
    value: Value,
    headers: (u32, u32),
    traceparent: Option<Span>,
}

/// Prefix of the headers that Greenroom sets: they are replaced, never repeated.
pub const OWN_HEADERS: &[u8] = b"greenroom.";

/// Records to be written for one batch, in one buffer.
///
/// `topic` is an index into the pipeline's list of output topics. Key, timestamp and headers are
/// the source record's; headers given here come after them and replace every header of the source
/// whose name begins with [`OWN_HEADERS`].
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    buffer: Vec<u8>,
    drafts: Vec<Draft>,
    headers: Vec<(Span, Span)>,
}

impl Outgoing {
    /// Room for so many records and bytes, so that filling allocates no more.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Outgoing {
            buffer: Vec::with_capacity(bytes),
            drafts: Vec::with_capacity(records),
            headers: Vec::new(),
        }
    }

    /// The buffer to write a value into, at its end. Finish with [`Outgoing::push_written`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// A record whose value is what was written to [`Outgoing::buffer`] from `start` on.
    pub fn push_written(&mut self, source: usize, topic: u16, start: usize) {
        let span = Span {
            start: u32::try_from(start).expect("an arena stays under 4 GiB"),
            len: u32::try_from(self.buffer.len() - start).expect("an arena stays under 4 GiB"),
        };
        self.push(source, topic, Value::Own(span));
    }

    /// A record that passes the source's value on as it is, be it a tombstone.
    pub fn push_source(&mut self, source: usize, topic: u16) {
        self.push(source, topic, Value::Source);
    }

    /// A record without a value.
    pub fn push_null(&mut self, source: usize, topic: u16) {
        self.push(source, topic, Value::Null);
    }

    fn push(&mut self, source: usize, topic: u16, value: Value) {
        let first = self.headers.len() as u32;
        self.drafts.push(Draft {
            source: source as u32,
            topic,
            value,
            headers: (first, first),
            traceparent: None,
        });
    }

    /// Adds a header to the record pushed last.
    pub fn push_header(&mut self, name: &[u8], value: &[u8]) {
        let name = push(&mut self.buffer, name);
        let value = push(&mut self.buffer, value);
        self.headers.push((name, value));
        if let Some(draft) = self.drafts.last_mut() {
            draft.headers.1 += 1;
        }
    }

    /// Gives the record pushed last a `traceparent` in place of its source's.
    pub fn set_traceparent(&mut self, value: &[u8]) {
        let value = push(&mut self.buffer, value);
        if let Some(draft) = self.drafts.last_mut() {
            draft.traceparent = Some(value);
        }
    }

    pub fn len(&self) -> usize {
        self.drafts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// The topic of the record pushed last.
    pub fn last_topic(&self) -> Option<u16> {
        self.drafts.last().map(|draft| draft.topic)
    }

    /// Bytes of the values and headers written here.
    pub fn written(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes this arena holds in memory.
    pub fn bytes(&self) -> usize {
        self.buffer.capacity()
            + self.drafts.capacity() * size_of::<Draft>()
            + self.headers.capacity() * size_of::<(Span, Span)>()
    }

    /// Empties the arena and keeps its memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.drafts.clear();
        self.headers.clear();
    }

    /// Gives back what filling has taken too much: buffers grow by doubling.
    pub fn shrink_to_fit(&mut self) {
        self.buffer.shrink_to_fit();
        self.drafts.shrink_to_fit();
        self.headers.shrink_to_fit();
    }

    /// Gives the contents up. Which source each record came from stays known.
    pub fn drop_contents(&mut self) {
        self.buffer = Vec::new();
        self.headers = Vec::new();
    }

    /// The index of the record that the `index`th outgoing one came from.
    pub fn source_of(&self, index: usize) -> usize {
        self.drafts[index].source as usize
    }

    /// The `index`th outgoing record, read beside the batch it came from.
    pub fn get<'a>(&'a self, index: usize, sources: &'a Records) -> OutgoingRecord<'a> {
        OutgoingRecord {
            outgoing: self,
            draft: &self.drafts[index],
            source: sources.get(self.drafts[index].source as usize),
        }
    }
}

/// One outgoing record, borrowed from its arena and its source.
#[derive(Clone, Copy)]
pub struct OutgoingRecord<'a> {
    outgoing: &'a Outgoing,
    draft: &'a Draft,
    source: Record<'a>,
}

impl<'a> OutgoingRecord<'a> {
    pub fn source(&self) -> Record<'a> {
        self.source
    }

    pub fn topic(&self) -> u16 {
        self.draft.topic
    }

    pub fn key(&self) -> Option<&'a [u8]> {
        self.source.key()
    }

    pub fn value(&self) -> Option<&'a [u8]> {
        match self.draft.value {
            Value::Own(span) => Some(span.of(&self.outgoing.buffer)),
            Value::Source => self.source.value(),
            Value::Null => None,
        }
    }

    /// Unix milliseconds.
    pub fn timestamp(&self) -> Option<i64> {
        self.source.timestamp()
    }

    pub fn has_headers(&self) -> bool {
        let draft = self.draft;
        draft.headers.0 != draft.headers.1
            || draft.traceparent.is_some()
            || self.source.has_headers()
    }

    /// The source's headers, then those set here. Where any is set here, the source's own of
    /// the prefix [`OWN_HEADERS`] are left out; so is its `traceparent` where one is set here.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let buffer = &self.outgoing.buffer;
        let (first, end) = self.draft.headers;
        let (replaces, traceparent) = (first != end, self.draft.traceparent);
        let own = self.outgoing.headers[first as usize..end as usize].iter();
        let own = own.map(move |(name, value)| (name.of(buffer), Some(value.of(buffer))));
        let traced = traceparent.map(|value| (TRACEPARENT, Some(value.of(buffer))));
        self.source
            .headers()
            .filter(move |(name, _)| !(replaces && name.starts_with(OWN_HEADERS)))
            .filter(move |(name, _)| !(traceparent.is_some() && *name == TRACEPARENT))
            .chain(own)
            .chain(traced)
    }
}

#[cfg(test)]
mod tests;
