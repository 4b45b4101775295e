//! Records that try to break the house: usual events, each twisted in one way.
//!
//! A service that reads a topic which others write to meets all of these sooner or later. Each
//! must become a dead letter or the right output, never a crash, a stall or a silent loss.

use std::borrow::Cow;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::member::{self, Layout, Member};
use super::{Event, one_of};

mod content;
mod envelope;
mod shape;
mod syntax;

/// A way to be hostile.
#[derive(Clone, Copy)]
pub struct Sort {
    pub name: &'static str,
    pub twist: fn(&mut Twist<'_>),
}

const fn sort(name: &'static str, twist: fn(&mut Twist<'_>)) -> Sort {
    Sort { name, twist }
}

/// A usual event on its way to be twisted.
pub struct Twist<'a> {
    pub event: &'a mut Event,
    /// What the event's value was written from.
    pub members: &'a mut Vec<Member>,
    pub rng: &'a mut SmallRng,
}

impl Twist<'_> {
    /// The value as it stands.
    fn value(&mut self) -> &mut Vec<u8> {
        self.event.value.get_or_insert_default()
    }

    fn set_value(&mut self, value: &[u8]) {
        self.event.fresh_value().extend_from_slice(value);
    }

    /// Writes the value anew, after a change of the members.
    fn rewrite(&mut self, layout: Layout) {
        member::write(self.event.fresh_value(), self.members, layout);
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        one_of(self.rng, choices)
    }

    /// The place of any one of the members.
    fn any_member(&mut self) -> usize {
        self.rng.random_range(0..self.members.len())
    }

    /// Gives the named member another value, written as it is given.
    fn replace(&mut self, name: &'static str, raw: &'static str) {
        let member = Member::raw(name, raw.as_bytes());
        match self.members.iter_mut().find(|member| member.name == name) {
            Some(old) => *old = member,
            None => self.members.push(member),
        }
        self.rewrite(Layout::Compact);
    }

    /// Adds a member at the end, its name and value written as they are given.
    fn append(&mut self, name: &'static str, raw: impl Into<Cow<'static, [u8]>>) {
        self.members.push(Member::raw(name, raw));
        self.rewrite(Layout::Compact);
    }

    fn random_bytes(&mut self, at_most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.rng.random_range(1..=at_most)];
        self.rng.fill(&mut bytes[..]);
        bytes
    }
}

/// All sorts of a size that usual records have, or not much above it.
pub const SORTS: [Sort; 37] = [
    sort("not_json", syntax::not_json),
    sort("random_bytes", syntax::random_bytes),
    sort("empty_value", syntax::empty_value),
    sort("blank_value", syntax::blank_value),
    sort("truncated", syntax::truncated),
    sort("trailing_text", syntax::trailing_text),
    sort("byte_order_mark", syntax::byte_order_mark),
    sort("not_a_number", syntax::not_a_number),
    sort("malformed_number", syntax::malformed_number),
    sort("raw_control", syntax::raw_control),
    sort("invalid_utf8", syntax::invalid_utf8),
    sort("lone_surrogate", syntax::lone_surrogate),
    sort("bad_escape", syntax::bad_escape),
    sort("deep_nesting", syntax::deep_nesting),
    sort("scalar", shape::scalar),
    sort("array", shape::array),
    sort("empty_object", shape::empty_object),
    sort("missing_member", shape::missing_member),
    sort("null_member", shape::null_member),
    sort("wrong_type", shape::wrong_type),
    sort("duplicate_member", shape::duplicate_member),
    sort("escaped_duplicate", shape::escaped_duplicate),
    sort("odd_name", shape::odd_name),
    sort("huge_number", shape::huge_number),
    sort("airy", shape::airy),
    sort("escaped_text", shape::escaped_text),
    sort("odd_timestamp", content::odd_timestamp),
    sort("odd_ip", content::odd_ip),
    sort("odd_text", content::odd_text),
    sort("tombstone", envelope::tombstone),
    sort("keyed_tombstone", envelope::keyed_tombstone),
    sort("empty_key", envelope::empty_key),
    sort("any_key", envelope::any_key),
    sort("any_headers", envelope::any_headers),
    sort("repeated_header", envelope::repeated_header),
    sort("forged_headers", envelope::forged_headers),
    sort("odd_traceparent", envelope::odd_traceparent),
];

/// Those of nearly 1 MB: the broker's and librdkafka's own limits are just above.
pub const LARGE: [Sort; 2] = [
    sort("large_value", shape::large_value),
    sort("many_members", shape::many_members),
];

/// Any of the sorts; a large one with the probability `large_share`.
pub fn choose(rng: &mut SmallRng, large_share: f64) -> Sort {
    let large = large_share > 0.0 && rng.random_bool(large_share.min(1.0));
    one_of(rng, if large { &LARGE } else { &SORTS })
}
