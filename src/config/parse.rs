//! From a setting's text to its value. None is whatever is not allowed: negative, too large,
//! empty, or simply something else; the kind knows the words for it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::sources::read_text;

/// Units of sizes, largest first.
const SIZES: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Units of durations in milliseconds; `ms` before the units that end as it does.
const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// Kafka's own limit to the name of a topic.
const MAX_TOPIC_LEN: usize = 249;

const MAX_TEXT_LEN: usize = 255;

/// Digits only: `from_str` alone would also take a sign.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

pub(super) fn count(text: &str, range: &RangeInclusive<u32>) -> Option<u32> {
    digits(text).filter(|count| range.contains(count))
}

pub(super) fn bytes(text: &str, range: &RangeInclusive<usize>) -> Option<usize> {
    let (number, unit) = SIZES
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))
        .unwrap_or((text, 1));
    digits::<usize>(number)?
        .checked_mul(unit)
        .filter(|bytes| range.contains(bytes))
}

pub(super) fn duration(text: &str, range: &RangeInclusive<Duration>) -> Option<Duration> {
    let (number, unit) = TIMES
        .iter()
        .find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, *millis)))?;
    let millis = digits::<u64>(number)?.checked_mul(unit)?;
    Some(Duration::from_millis(millis)).filter(|duration| range.contains(duration))
}

pub(super) fn switch(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// One line of text, such as a group's id or a file's path.
pub(super) fn text(text: &str) -> Option<String> {
    let fits = text.len() <= MAX_TEXT_LEN && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

pub(super) fn topic(text: &str) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=MAX_TOPIC_LEN).contains(&text.len()) && text != "." && text != "..";
    (fits && text.bytes().all(legal)).then(|| text.to_owned())
}

/// Topics, comma-separated, none of them twice.
pub(super) fn topics(text: &str) -> Option<Vec<String>> {
    let mut topics = Vec::new();
    for name in text.split(',') {
        let topic = topic(name.trim())?;
        if topics.contains(&topic) {
            return None;
        }
        topics.push(topic);
    }
    Some(topics)
}

/// `host:port`, comma-separated; librdkafka's port is 9092 where there is none.
pub(super) fn brokers(text: &str) -> Option<String> {
    let brokers: Option<Vec<_>> = text
        .split(',')
        .map(|one| host_and_port(one.trim()))
        .collect();
    Some(brokers?.join(","))
}

/// `host` or `host:port`; an IPv6 address stands in brackets.
pub(super) fn host_and_port(text: &str) -> Option<&str> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let host_is_good = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')?
            .parse::<std::net::Ipv6Addr>()
            .is_ok(),
        None => !host.is_empty() && host.bytes().all(named),
    };
    let port_is_good = port.is_none_or(|port| digits::<u16>(port).is_some_and(|port| port > 0));
    (host_is_good && port_is_good).then_some(text)
}

/// An address to listen at, or None in the Option for `off`.
pub(super) fn listen_address(text: &str) -> Option<Option<SocketAddr>> {
    match text {
        "off" => Some(None),
        _ => text.parse().ok().map(Some),
    }
}

/// `http://host[:port][/path]`, or `https`. A user and password in it would be shown with it (P10).
pub(super) fn http_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("http://");
    let rest = rest.or_else(|| text.strip_prefix("https://"))?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    host_and_port(address)?;
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#@".contains(&byte);
    path.bytes().all(fits).then(|| text.to_owned())
}

/// What OTLP's headers look like: `name=value`, comma-separated.
pub(super) fn otlp_headers(text: &str) -> Option<String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_header = |header: &str| {
        let (name, value) = header.trim().split_once('=').unwrap_or_default();
        let value = value.trim().bytes().all(|byte| byte.is_ascii_graphic());
        !name.is_empty() && name.trim().bytes().all(is_name) && value
    };
    text.split(',').all(is_header).then(|| text.to_owned())
}

/// What the file of this name holds, where that looks like PEM.
pub(super) fn pem_file(path: &str) -> Option<String> {
    let text = read_text(Path::new(path)).ok()?;
    text.contains("-----BEGIN ").then_some(text)
}

/// A share, from 0 to 1.
pub(super) fn share(text: &str) -> Option<f64> {
    let share: f64 = text.parse().ok()?;
    (0.0..=1.0).contains(&share).then_some(share)
}

/// Directives of tracing's filter.
pub(super) fn log_filter(text: &str) -> Option<String> {
    EnvFilter::builder().parse(text).ok()?;
    Some(text.to_owned())
}

/// What can stand in an HTTP header as one word.
pub(super) fn token(text: &str) -> Option<String> {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic())
        .then(|| text.to_owned())
}

/// In the largest unit that leaves no rest.
pub(super) fn show_bytes(bytes: usize) -> String {
    SIZES
        .iter()
        .find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size))
        .map_or_else(
            || bytes.to_string(),
            |(unit, size)| format!("{}{unit}", bytes / size),
        )
}

/// In the largest unit that leaves no rest.
pub(super) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    TIMES
        .iter()
        .rev()
        .find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit))
        .map_or_else(
            || "0ms".to_owned(),
            |(unit, size)| format!("{}{unit}", millis / size),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        let any = 0..=usize::MAX;
        assert_eq!(bytes("64MiB", &any), Some(64 << 20));
        assert_eq!(bytes("1GiB", &any), Some(1 << 30));
        assert_eq!(bytes("512KiB", &any), Some(512 << 10));
        assert_eq!(bytes("4096", &any), Some(4096));
        let overflow = format!("{}GiB", usize::MAX);
        for wrong in [
            "", "MiB", "-1", "+1", "1.5MiB", "64MB", "64 MiB", "0x10", &overflow,
        ] {
            assert_eq!(bytes(wrong, &any), None, "{wrong}");
        }
    }

    #[test]
    fn durations_name_their_unit() {
        let any = Duration::ZERO..=Duration::MAX;
        for (text, millis) in [
            ("1s", 1000),
            ("100ms", 100),
            ("2m", 120_000),
            ("0ms", 0),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                duration(text, &any),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for wrong in [
            "",
            "s",
            "10",
            "-1s",
            "1.5s",
            "1d",
            "1 s",
            "18446744073709551615s",
            "99999999999999999999ms",
        ] {
            assert_eq!(duration(wrong, &any), None, "{wrong}");
        }
    }

    #[test]
    fn counts_and_ranges_are_inclusive() {
        assert_eq!(count("1", &(1..=3)), Some(1));
        assert_eq!(count("3", &(1..=3)), Some(3));
        for wrong in ["0", "4", "", "-1", "1.0", "4294967296", "one"] {
            assert_eq!(count(wrong, &(1..=3)), None, "{wrong}");
        }
        assert_eq!(bytes("1KiB", &(1025..=2048)), None);
        let second = Duration::from_secs(1);
        assert_eq!(duration("999ms", &(second..=second)), None);
    }

    #[test]
    fn topics_are_legal_and_distinct() {
        assert_eq!(
            topics("a, b-2,c.d_e"),
            Some(vec!["a".into(), "b-2".into(), "c.d_e".into()])
        );
        for wrong in [
            "",
            "a,",
            "a,a",
            "a b",
            ".",
            "..",
            "é",
            "a/b",
            &"x".repeat(250),
        ] {
            assert_eq!(topics(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn brokers_are_hosts_with_ports() {
        assert_eq!(brokers("kafka"), Some("kafka".into()));
        assert_eq!(
            brokers("a:9092, [::1]:9093,10.0.0.1:1"),
            Some("a:9092,[::1]:9093,10.0.0.1:1".into())
        );
        assert_eq!(brokers("[::1]"), Some("[::1]".into()));
        for wrong in [
            "",
            "a,",
            ":9092",
            "a:0",
            "a:65536",
            "a:+1",
            "a:b",
            "[::1",
            "[x]:1",
            "ssl://a:1",
            "::1",
        ] {
            assert_eq!(brokers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_to_listen_at_or_off() {
        assert_eq!(listen_address("off"), Some(None));
        assert_eq!(
            listen_address("127.0.0.1:80"),
            Some("127.0.0.1:80".parse().ok())
        );
        for wrong in ["8080", ":8080", "localhost:8080", "127.0.0.1:65536", "OFF"] {
            assert_eq!(listen_address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn p10_endpoints_are_urls_that_hide_nothing() {
        for url in [
            "http://collector:4317",
            "http://[::1]:4318/v1/traces",
            "http://a/",
            "https://a",
        ] {
            assert_eq!(http_url(url).as_deref(), Some(url));
        }
        for wrong in [
            "",
            "collector:4317",
            "ftp://a",
            "http://",
            "http://a:0",
            "http://me:pw@a",
            "http://a/x?key=1",
            "http://a/b c",
        ] {
            assert_eq!(http_url(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn headers_and_shares_are_opentelemetrys() {
        assert!(otlp_headers("api-key=a%20b, x=").is_some());
        for wrong in ["", "a", "=b", "a=b,", "a b=c", "a=b c", "a=ü"] {
            assert_eq!(otlp_headers(wrong), None, "{wrong}");
        }
        assert_eq!(share("0.01"), Some(0.01));
        assert_eq!([share("0"), share("1")], [Some(0.0), Some(1.0)]);
        for wrong in ["", "-0.1", "1.1", "NaN", "inf", "1%"] {
            assert_eq!(share(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tokens_filters_and_texts_fit_where_they_go() {
        assert_eq!(token("s3cret~"), Some("s3cret~".into()));
        assert_eq!(token("two words"), None);
        assert_eq!(token("naïve"), None);
        assert!(log_filter("info,greenroom=debug").is_some());
        assert_eq!(log_filter("greenroom=loud"), None);
        assert_eq!(text("line\nbreak"), None);
        assert_eq!(text(&"x".repeat(256)), None);
    }

    #[test]
    fn ranges_are_shown_as_people_write_them() {
        assert_eq!(show_bytes(64 << 20), "64MiB");
        assert_eq!(show_bytes(1025), "1025");
        assert_eq!(show_bytes(0), "0");
        assert_eq!(show_duration(Duration::from_secs(60)), "1m");
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        assert_eq!(show_duration(Duration::ZERO), "0ms");
    }
}
