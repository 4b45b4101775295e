//! IP addresses as text.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// The canonical text of an IP address: an IPv4 dotted quad (no leading zeros), or an IPv6 address,
/// whose zone id, if it has one, is kept. None where `text` is no address.
pub(super) fn canonical(text: &str) -> Option<Cow<'_, str>> {
    // What is an IPv4 address is written canonically: there is one way only.
    if is_dotted_quad(text) {
        return Some(Cow::Borrowed(text));
    }
    let Some((address, zone)) = text.split_once('%') else {
        return Some(text.parse::<Ipv6Addr>().ok()?.to_string().into());
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let zone_is_plain = !zone.is_empty() && !zone.contains('%');
    zone_is_plain.then(|| format!("{address}%{zone}").into())
}

/// Four numbers up to 255 without leading zeros, nothing else. By hand: each event is asked twice,
/// and the library's parser, which is made for more, takes four times as long.
fn is_dotted_quad(text: &str) -> bool {
    let mut numbers = text.as_bytes().split(|byte| *byte == b'.');
    let four = (0..4).all(|_| numbers.next().is_some_and(is_byte));
    four && numbers.next().is_none()
}

fn is_byte(digits: &[u8]) -> bool {
    matches!(
        digits,
        [b'0'..=b'9']
            | [b'1'..=b'9', b'0'..=b'9']
            | [b'1', b'0'..=b'9', b'0'..=b'9']
            | [b'2', b'0'..=b'4', b'0'..=b'9']
            | [b'2', b'5', b'0'..=b'5']
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_dotted_quad_is_what_the_library_takes(
            text in "[12]?[0-9]{1,2}(\\.[12]?[0-9]{1,2}){3}|[0-9.]{0,17}|.{0,9}",
        ) {
            prop_assert_eq!(is_dotted_quad(&text), text.parse::<Ipv4Addr>().is_ok());
        }
    }

    #[test]
    fn each_number_of_a_dotted_quad_is_a_byte_without_leading_zeros() {
        for number in 0..1000 {
            let quad = |number: &str| is_dotted_quad(&format!("1.{number}.2.3"));
            assert_eq!(quad(&format!("{number}")), number < 256, "{number}");
            assert!(!quad(&format!("0{number}")), "0{number}");
        }
    }

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
