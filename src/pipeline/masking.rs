//! Hashes that stand for what must not be read.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use super::json::Literal;

/// SHA-256 works on blocks of so many bytes.
const BLOCK: usize = 64;

/// The state that SHA-256 starts from (FIPS 180-4, 5.3.3).
const SHA256_START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A SHA-256 hash, keyed or not.
#[derive(Clone, Copy)]
pub(super) struct Hashed([u8; 32]);

/// A hash in lower-case hex.
pub(super) struct Hex([u8; 64]);

/// The hash key at work. Its key cannot be printed, nor got back.
pub(super) struct Masking {
    mac: Mac256,
    key_id: Literal,
}

/// HMAC-SHA-256 (RFC 2104) that has its key.
///
/// Nearly all that is masked fits one block with its padding. It is hashed from the states that
/// the key's blocks left: a copy of the library's MAC, with its buffers for texts of any length,
/// costs a twentieth of the hot path more (measured).
struct Mac256 {
    /// The hash's states after the key's inner and outer block.
    inner: [u32; 8],
    outer: [u32; 8],
    any_len: Hmac<Sha256>,
}

impl std::fmt::Debug for Masking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masking({})", self.key_id.text)
    }
}

impl Masking {
    /// `key_id` says which key was used, where nothing is given by a hash of its own.
    pub fn new(key: &SecretSlice<u8>, key_id: Option<&str>) -> Self {
        let mac = Mac256::new(key.expose_secret());
        let key_id = match key_id {
            Some(key_id) => key_id.into(),
            None => mac.of(&[b"key-id"]).hex().as_str()[..8].into(),
        };
        Masking { mac, key_id }
    }

    pub fn key_id(&self) -> &Literal {
        &self.key_id
    }

    /// HMAC-SHA-256 of the member's name, a zero byte and the text: equal texts of different
    /// members have different hashes.
    pub fn of_member(&self, name: &str, text: &str) -> Hashed {
        self.mac.of(&[name.as_bytes(), b"\0", text.as_bytes()])
    }
}

impl Mac256 {
    fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        match block.get_mut(..key.len()) {
            Some(start) => start.copy_from_slice(key),
            None => block[..32].copy_from_slice(&Sha256::digest(key)),
        }
        Mac256 {
            inner: compressed(SHA256_START, &block.map(|byte| byte ^ 0x36)),
            outer: compressed(SHA256_START, &block.map(|byte| byte ^ 0x5c)),
            any_len: Hmac::new_from_slice(key).expect("HMAC takes keys of any length"),
        }
    }

    fn of(&self, parts: &[&[u8]]) -> Hashed {
        let Some(block) = last_block(parts) else {
            return self.of_any_len(parts);
        };
        let inner = bytes(compressed(self.inner, &block));
        let block = last_block(&[&inner]).expect("a hash is half a block");
        Hashed(bytes(compressed(self.outer, &block)))
    }

    fn of_any_len(&self, parts: &[&[u8]]) -> Hashed {
        let mut mac = self.any_len.clone();
        parts.iter().for_each(|part| mac.update(part));
        Hashed(mac.finalize().into_bytes().into())
    }
}

impl Hashed {
    pub fn hex(self) -> Hex {
        // Arithmetic instead of a table: the compiler makes vector instructions of it.
        let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
        let mut hex = [0; 64];
        for (digits, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            digits[0] = digit(byte >> 4);
            digits[1] = digit(byte & 0xf);
        }
        Hex(hex)
    }
}

impl Hex {
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

/// HMAC-SHA-256 of the text where there is a key. Without one SHA-256: known texts can be found
/// again by anybody who tries them.
pub(super) fn plain(text: &str, masking: Option<&Masking>) -> Hashed {
    match masking {
        Some(masking) => masking.mac.of(&[text.as_bytes()]),
        None => Hashed(Sha256::digest(text.as_bytes()).into()),
    }
}

/// The parts as the second and last block of what is hashed, padded. None where they do not fit.
fn last_block(parts: &[&[u8]]) -> Option<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let mut len = 0;
    for part in parts {
        block.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
    }
    // After the text: a one bit, zeros, and the length in bits.
    *block[..BLOCK - 8].get_mut(len)? = 0x80;
    let bits = 8 * (BLOCK + len) as u64;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    Some(block)
}

fn compressed(mut state: [u32; 8], block: &[u8; BLOCK]) -> [u32; 8] {
    compress256(&mut state, std::slice::from_ref(block));
    state
}

fn bytes(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn short_texts_are_hashed_as_the_library_does(
            key in vec(any::<u8>(), 0..200),
            text in vec(any::<u8>(), 0..80),
            cut in 0..80usize,
        ) {
            let mac = Mac256::new(&key);
            let (first, second) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(mac.of(&[first, second]).0, mac.of_any_len(&[&text]).0);
        }
    }

    #[test]
    fn a_block_has_room_for_its_padding() {
        assert!(last_block(&[&[7; 55]]).is_some());
        assert!(last_block(&[&[7; 56]]).is_none());
        assert!(last_block(&[&[7; 64], b""]).is_none());
    }
}
