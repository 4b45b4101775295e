//! IP addresses as text.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The canonical text of an IP address: an IPv4 dotted quad (no leading zeros), or an IPv6 address,
/// whose zone id, if it has one, is kept. None where `text` is no address.
pub(super) fn canonical(text: &str) -> Option<Cow<'_, str>> {
    // What is an IPv4 address is written canonically: there is one way only.
    if text.parse::<Ipv4Addr>().is_ok() {
        return Some(Cow::Borrowed(text));
    }
    let Some((address, zone)) = text.split_once('%') else {
        return Some(text.parse::<Ipv6Addr>().ok()?.to_string().into());
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let zone_is_plain = !zone.is_empty() && !zone.contains('%');
    zone_is_plain.then(|| format!("{address}%{zone}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_canonical_text() {
        for (text, expected) in [
            ("199.172.111.135", "199.172.111.135"),
            ("0.0.0.0", "0.0.0.0"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::FFFF:1.2.3.4", "::ffff:1.2.3.4"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("FE80:0::1%eth0", "fe80::1%eth0"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_address_is_none() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.256",
            " 1.2.3.4",
            "1.2.3.4 ",
            "1.2.3.4/24",
            "1.2.3.4%eth0",
            "::1%",
            "::1%a%b",
            "::1/64",
            ":::",
            "[::1]",
            "localhost",
            "0x1.2.3.4",
            "1",
            "12345::",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
