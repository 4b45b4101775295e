//! Times as the presets read and write them.

use chrono::{DateTime, Utc};

use super::json::{Kind, Object};

/// The first and the last second of the years 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i128> = -62_135_596_800..=253_402_300_799;

/// A member that is a time: a number, or the text of a whole one.
pub fn time(event: &Object, name: &str) -> Option<DateTime<Utc>> {
    match event.kind(name)? {
        Kind::Number => number(event, name),
        Kind::Text(text) => at(whole(text.trim())?),
        _ => None,
    }
}

/// A member that is a time, as a number only.
pub fn number(event: &Object, name: &str) -> Option<DateTime<Utc>> {
    match event.kind(name)? {
        Kind::Number => at(cut(event.raw(name)?)?),
        _ => None,
    }
}

fn at(seconds: i128) -> Option<DateTime<Utc>> {
    SECONDS.contains(&seconds).then(|| {
        let seconds = i64::try_from(seconds).expect("it lies within the years");
        DateTime::from_timestamp(seconds, 0).expect("it lies within the years")
    })
}

/// The text of a whole number.
fn whole(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok())?
}

/// A JSON number without its fraction, exactly; None where it is far too large for a time.
fn cut(number: &str) -> Option<i128> {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, number),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{before}{after}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let leading = digits.len() - significant.len();
    // None of the records has an exponent that no machine holds.
    let exponent: i64 = exponent.parse().ok()?;
    let point = before.len() as i64 - leading as i64 + exponent;
    match point {
        ..=0 => Some(0),
        1..=20 => {
            let point = point as usize;
            let kept: String = significant
                .chars()
                .chain("0".repeat(20).chars())
                .take(point)
                .collect();
            Some(sign * kept.parse::<i128>().expect("it is digits"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_cut_toward_zero() {
        for (number, seconds) in [
            ("0", Some(0)),
            ("-0.0e7", Some(0)),
            ("1694479551.999", Some(1_694_479_551)),
            ("-1.9", Some(-1)),
            ("0.0012e3", Some(1)),
            ("1.694479551e9", Some(1_694_479_551)),
            ("12E2", Some(1200)),
            ("1e-5", Some(0)),
            ("1e300", None),
        ] {
            assert_eq!(cut(number), seconds, "{number}");
        }
    }

    #[test]
    fn only_whole_numbers_are_times_as_text() {
        assert_eq!(whole("-12"), Some(-12));
        for text in ["", "-", "1.0", "1e3", "1_0", "0x1", "\u{661}"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
