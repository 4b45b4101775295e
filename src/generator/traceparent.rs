//! The W3C Trace Context header.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::member::hex;

pub const NAME: &str = "traceparent";

/// Makes the first header a `traceparent` of a new, sampled trace, in the buffer of the last one.
pub fn set(headers: &mut Vec<(&'static str, Vec<u8>)>, rng: &mut SmallRng) {
    if headers.first().is_none_or(|(name, _)| *name != NAME) {
        headers.clear();
        headers.push((NAME, Vec::new()));
    }
    // All zeros would be invalid ids.
    let trace = rng.random::<u128>().max(1).to_be_bytes();
    let span = rng.random::<u64>().max(1).to_be_bytes();
    let mut text = *b"00-................................-................-01";
    hex(&mut text[3..35], &trace);
    hex(&mut text[36..52], &span);
    headers[0].1.clear();
    headers[0].1.extend_from_slice(&text);
}
