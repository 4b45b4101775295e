//! Secrets that are more than text: they can be used, never printed (P10).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::parse;

/// SHA-256's output: a shorter key would weaken the HMAC.
const MIN_KEY_BYTES: usize = 32;

/// The key of the keyed hashes.
#[derive(Clone, Debug)]
pub struct HashKey(SecretSlice<u8>);

impl HashKey {
    /// At least 32 bytes: as they stand, or after `hex:` or `base64:`.
    pub fn parse(text: &str) -> Option<HashKey> {
        let bytes = if let Some(digits) = text.strip_prefix("hex:") {
            hex::decode(digits).ok()?
        } else if let Some(digits) = text.strip_prefix("base64:") {
            STANDARD.decode(digits).ok()?
        } else {
            text.as_bytes().to_vec()
        };
        (bytes.len() >= MIN_KEY_BYTES).then(|| HashKey(bytes.into()))
    }

    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

/// Where Redis is, with a password perhaps. Printed, it shows no more than scheme, host, port and
/// database.
#[derive(Clone, Default)]
pub struct RedisUrl {
    url: SecretString,
    shown: String,
}

impl RedisUrl {
    /// `redis[s]://[[user]:password@]host[:port][/database]`, reserved characters of user and
    /// password percent-encoded. It is as strict as that so that what is shown cannot hold part
    /// of a password with a stray `@` or `/` in it.
    pub fn parse(text: &str) -> Option<RedisUrl> {
        let scheme = ["redis://", "rediss://"]
            .into_iter()
            .find(|scheme| text.starts_with(scheme))?;
        let rest = &text[scheme.len()..];
        let (userinfo, place) = match rest.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, rest),
        };
        if userinfo.is_some_and(|userinfo| userinfo.contains(['/', '?', '#', '@'])) {
            return None;
        }
        let (address, database) = place.split_once('/').unwrap_or((place, ""));
        parse::host_and_port(address)?;
        if !database.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let hidden = if userinfo.is_some() { "***@" } else { "" };
        Some(RedisUrl {
            url: text.into(),
            shown: format!("{scheme}{hidden}{place}"),
        })
    }

    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_is_text_hex_or_base64_of_32_bytes() {
        let text = "0123456789abcdef0123456789abcdef";
        let same = [
            text.to_owned(),
            format!("hex:{}", hex::encode(text)),
            format!("base64:{}", STANDARD.encode(text)),
        ];
        for key in same {
            let key = HashKey::parse(&key).expect("32 bytes are enough");
            assert_eq!(key.expose(), text.as_bytes());
        }
        for wrong in [
            &text[1..],
            "hex:00",
            "base64:AAAA",
            "hex:zz",
            "base64:?",
            "hex:",
            "",
        ] {
            assert!(HashKey::parse(wrong).is_none(), "{wrong}");
        }
        assert!(HashKey::parse(&format!("hex:{}", "0".repeat(63))).is_none());
    }

    #[test]
    fn p10_a_redis_url_shows_no_password() {
        for (url, shown) in [
            ("redis://localhost:6379/0", "redis://localhost:6379/0"),
            ("redis://:pw@cache", "redis://***@cache"),
            (
                "rediss://me:p%40w@[::1]:6380/2",
                "rediss://***@[::1]:6380/2",
            ),
        ] {
            let parsed = RedisUrl::parse(url).expect("a good URL");
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), shown);
            assert_eq!(parsed.expose(), url);
        }
    }

    #[test]
    fn p10_a_redis_url_that_could_leak_is_refused() {
        for wrong in [
            "",
            "localhost",
            "http://a",
            "redis://",
            "redis://:pw",
            "redis://:p/w@a",
            "redis://:p@w@a",
            "redis://:p?w@a",
            "redis://a/x",
            "redis://a/0?pw=1",
            "redis://a:0",
            "redis://:pw@a/0/1",
        ] {
            assert!(RedisUrl::parse(wrong).is_none(), "{wrong}");
        }
    }
}
