//! Delivery reports, told apart by what the record's opaque pointer says.

use rdkafka::types::RDKafkaMessage;

use super::Code;

/// Which record of which ticket (a batch, say) a delivery report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(usize);

const _: () = assert!(usize::BITS == 64, "a tag fills a 64-bit pointer");

impl Tag {
    const INDEX_BITS: u32 = 20;
    /// Records a ticket can tell apart.
    pub const RECORDS: u32 = 1 << Self::INDEX_BITS;
    /// Tickets before they repeat.
    pub const TICKETS: u64 = 1 << (usize::BITS - Self::INDEX_BITS);

    /// `ticket` counts modulo [`Tag::TICKETS`], `index` modulo [`Tag::RECORDS`].
    pub fn new(ticket: u64, index: u32) -> Self {
        let index = index % Self::RECORDS;
        Tag(((ticket % Self::TICKETS) as usize) << Self::INDEX_BITS | index as usize)
    }

    /// What librdkafka carries for us.
    pub(super) fn opaque(self) -> *mut std::ffi::c_void {
        std::ptr::without_provenance_mut(self.0)
    }

    fn ticket(self) -> u64 {
        (self.0 >> Self::INDEX_BITS) as u64
    }

    fn index(self) -> u32 {
        self.0 as u32 % Self::RECORDS
    }
}

/// What became of records handed to [`Producer::send`](super::Producer::send).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// So many of the ticket's records are acknowledged.
    Delivered { ticket: u64, records: u32 },
    /// This one is not written, or nobody knows whether it is.
    Failed { ticket: u64, index: u32, code: Code },
}

impl Receipt {
    /// Of one record that is not written, or nobody knows whether it is.
    pub fn is_failure(&self) -> bool {
        matches!(self, Receipt::Failed { .. })
    }

    /// Adds a delivery report; one that continues the last receipt only counts it up.
    pub(super) fn add(receipts: &mut Vec<Receipt>, message: &RDKafkaMessage) {
        let tag = Tag(message._private.addr());
        let code = Code::from(message.err);
        match receipts.last_mut() {
            Some(Receipt::Delivered { ticket, records })
                if code == Code::NoError && *ticket == tag.ticket() =>
            {
                *records += 1;
            }
            _ if code == Code::NoError => receipts.push(Receipt::Delivered {
                ticket: tag.ticket(),
                records: 1,
            }),
            _ => receipts.push(Receipt::Failed {
                ticket: tag.ticket(),
                index: tag.index(),
                code,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_keeps_ticket_and_index_apart() {
        for (ticket, index) in [(0, 0), (1, 7), (Tag::TICKETS - 1, Tag::RECORDS - 1)] {
            let tag = Tag::new(ticket, index);
            assert_eq!((tag.ticket(), tag.index()), (ticket, index));
        }
    }
}
