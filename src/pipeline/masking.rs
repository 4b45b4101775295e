//! Hashes that stand for what must not be read.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

/// A SHA-256 hash, keyed or not.
#[derive(Clone, Copy)]
pub(super) struct Hashed([u8; 32]);

/// A hash in lower-case hex.
pub(super) struct Hex([u8; 64]);

/// The hash key at work. Its key cannot be printed, nor got back.
#[derive(Clone)]
pub(super) struct Masking {
    mac: Hmac<Sha256>,
    key_id: Box<str>,
}

impl std::fmt::Debug for Masking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masking({})", self.key_id)
    }
}

impl Masking {
    /// `key_id` says which key was used, where nothing is given by a hash of its own.
    pub fn new(key: &SecretSlice<u8>, key_id: Option<&str>) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key.expose_secret())
            .expect("HMAC takes keys of any length");
        let key_id = match key_id {
            Some(key_id) => key_id.into(),
            None => keyed(&mac, &[b"key-id"]).hex().as_str()[..8].into(),
        };
        Masking { mac, key_id }
    }

    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// HMAC-SHA-256 of the member's name, a zero byte and the text: equal texts of different
    /// members have different hashes.
    pub fn of_member(&self, name: &str, text: &str) -> Hashed {
        keyed(&self.mac, &[name.as_bytes(), b"\0", text.as_bytes()])
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
        Some(masking) => keyed(&masking.mac, &[text.as_bytes()]),
        None => Hashed(Sha256::digest(text.as_bytes()).into()),
    }
}

/// The key's own two blocks were hashed once, when it was set: a copy starts after them.
fn keyed(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> Hashed {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(part);
    }
    Hashed(mac.finalize().into_bytes().into())
}
