//! Times: read from events, handed in as now, and rendered.

use std::cell::Cell;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::json::Kind;

/// The first second of year 1 and the last of year 9999, in Unix seconds.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

const SECONDS_A_DAY: i64 = 86_400;
const NANOS_A_SECOND: u64 = 1_000_000_000;

/// The time handed in with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now(Moment);

/// A point in time: Unix seconds and the nanoseconds after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub seconds: i64,
    pub nanos: u32,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `2023-09-12T00:45:51Z`
    Rfc3339,
    /// `2023-09-12T00:45:51.007Z`
    Rfc3339Millis,
    /// `2023-09-12 00:45:51`
    Human,
    /// `2023-09-12 00:00:00`: the hour it lies in.
    Hour,
    /// `1694479551`, a number.
    Unix,
    /// `1694479551.007000`, a number: seconds and microseconds.
    UnixFraction,
}

/// Now as it was rendered last: one `now` serves a batch of records, and one zone all.
#[derive(Debug, Default)]
pub(super) struct Stamp(Cell<Option<(Now, Format, Rendered)>>);

/// A rendered time, without an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rendered {
    bytes: [u8; 32],
    len: usize,
}

impl Now {
    /// Nanoseconds since 1970.
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Now(Moment {
            seconds: (nanos / NANOS_A_SECOND) as i64,
            nanos: (nanos % NANOS_A_SECOND) as u32,
        })
    }

    pub(super) fn render(self, format: Format, zone: Tz) -> Rendered {
        self.0
            .render(format, zone)
            .expect("64 bits of nanoseconds reach from the year 1970 to 2554")
    }
}

impl Stamp {
    pub fn render(&self, now: Now, format: Format, zone: Tz) -> Rendered {
        if let Some((before, known, rendered)) = self.0.get()
            && (before, known) == (now, format)
        {
            return rendered;
        }
        let rendered = now.render(format, zone);
        self.0.set(Some((now, format, rendered)));
        rendered
    }
}

impl Moment {
    /// An event's time: a number, its fraction cut toward zero, or the text of a whole number,
    /// spaces around it allowed. None where it is neither, or outside years 1 to 9999.
    pub fn read(kind: Kind, text: &str) -> Option<Self> {
        let seconds = match kind {
            Kind::Number => match text.parse() {
                Ok(whole) => whole,
                // Too large for 64 bits saturates, and so is outside the years.
                Err(_) => text.parse::<f64>().ok()? as i64,
            },
            Kind::Text => text.trim().parse().ok()?,
            _ => return None,
        };
        let nanos = 0;
        YEARS
            .contains(&seconds)
            .then_some(Moment { seconds, nanos })
    }

    /// None where the zone shifts it out of years 1 to 9999.
    pub fn render(self, format: Format, zone: Tz) -> Option<Rendered> {
        let mut out = Rendered {
            bytes: [0; 32],
            len: 0,
        };
        match format {
            Format::Rfc3339 | Format::Rfc3339Millis => {
                self.write_rfc3339(format, zone, &mut out)?
            }
            Format::Human => self.write_local(self.offset(zone)?, b' ', &mut out)?,
            Format::Hour => {
                self.write_local(self.offset(zone)?, b' ', &mut out)?;
                out.bytes[14..19].copy_from_slice(b"00:00");
            }
            Format::Unix => out.decimal(self.seconds),
            Format::UnixFraction => {
                out.decimal(self.seconds);
                out.push(b'.');
                out.digits(self.nanos / 1_000, 6);
            }
        }
        Some(out)
    }

    fn write_rfc3339(self, format: Format, zone: Tz, out: &mut Rendered) -> Option<()> {
        // Offsets of the time before zones have seconds, which RFC 3339 cannot say: cutting them
        // from the offset and the clock alike keeps the moment right.
        let minutes = self.offset(zone)? / 60;
        self.write_local(minutes * 60, b'T', out)?;
        if format == Format::Rfc3339Millis {
            out.push(b'.');
            out.digits(self.nanos / 1_000_000, 3);
        }
        if zone == Tz::UTC {
            out.push(b'Z');
            return Some(());
        }
        out.push(if minutes < 0 { b'-' } else { b'+' });
        out.extend(&two_digits(minutes.unsigned_abs() / 60));
        out.push(b':');
        out.extend(&two_digits(minutes.unsigned_abs() % 60));
        Some(())
    }

    /// Seconds east of Greenwich.
    fn offset(self, zone: Tz) -> Option<i32> {
        if zone == Tz::UTC {
            return Some(0);
        }
        let utc = DateTime::from_timestamp(self.seconds, 0)?.naive_utc();
        Some(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
    }

    /// Date and time of day, `between` between them.
    fn write_local(self, offset: i32, between: u8, out: &mut Rendered) -> Option<()> {
        let local = self.seconds + i64::from(offset);
        if !YEARS.contains(&local) {
            return None;
        }
        let (year, month, day) = date(local.div_euclid(SECONDS_A_DAY));
        let second = local.rem_euclid(SECONDS_A_DAY) as u32;
        let mut text = *b"yyyy-mm-dd hh:mm:ss";
        for (at, n) in [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, second / 3600),
            (14, second / 60 % 60),
            (17, second % 60),
        ] {
            text[at..at + 2].copy_from_slice(&two_digits(n));
        }
        text[10] = between;
        out.extend(&text);
        Some(())
    }
}

impl Format {
    /// The formats' names in a pipeline file.
    pub const NAMES: &[(&str, Format)] = &[
        ("rfc3339", Format::Rfc3339),
        ("rfc3339-millis", Format::Rfc3339Millis),
        ("human", Format::Human),
        ("hour", Format::Hour),
        ("unix", Format::Unix),
        ("unix-fraction", Format::UnixFraction),
    ];

    /// Whether it is written without quotes.
    pub fn is_number(self) -> bool {
        matches!(self, Format::Unix | Format::UnixFraction)
    }

    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, format)| *format == self);
        found.expect("every format stands in the list").0
    }
}

impl Rendered {
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("digits and signs are ASCII")
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    /// The last `width` decimal digits of `n`.
    fn digits(&mut self, mut n: u32, width: usize) {
        let end = self.len + width;
        for digit in self.bytes[self.len..end].iter_mut().rev() {
            *digit = b'0' + (n % 10) as u8;
            n /= 10;
        }
        self.len = end;
    }

    fn decimal(&mut self, n: i64) {
        if n < 0 {
            self.push(b'-');
        }
        let n = n.unsigned_abs();
        let width = n.checked_ilog10().map_or(1, |log| log as usize + 1);
        let (high, low) = (n / NANOS_A_SECOND, n % NANOS_A_SECOND);
        if width > 9 {
            self.digits(high as u32, width - 9);
        }
        self.digits(low as u32, width.min(9));
    }
}

/// Year, month and day, by days since 1970, in years 1 to 9999. Howard Hinnant's
/// `civil_from_days`: three times are written in a usual record, and with chrono's dates that record
/// takes 4 % longer.
fn date(days: i64) -> (u32, u32, u32) {
    // Years begin with March here, so that a leap day is a year's last.
    const FROM_MARCH_OF_YEAR_0: i64 = 719_468;
    const DAYS_IN_400_YEARS: u32 = 146_097;
    let days = (days + FROM_MARCH_OF_YEAR_0) as u32;
    let day = days % DAYS_IN_400_YEARS;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March or August on have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + days / DAYS_IN_400_YEARS * 400;
    match month {
        0..10 => (year, month + 3, day),
        _ => (year + 1, month - 9, day),
    }
}

/// A number below 100.
fn two_digits(n: u32) -> [u8; 2] {
    [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8]
}

/// Appends a rendered time as JSON.
pub(super) fn write_rendered(format: Format, rendered: &Rendered, out: &mut Vec<u8>) {
    let quote: &[u8] = if format.is_number() { b"" } else { b"\"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(rendered.as_str().as_bytes());
    out.extend_from_slice(quote);
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    fn render(seconds: i64, nanos: u32, format: Format, zone: Tz) -> String {
        let moment = Moment { seconds, nanos };
        moment.render(format, zone).unwrap().as_str().to_owned()
    }

    #[test]
    fn formats_are_as_documented() {
        for (format, expected) in [
            (Format::Rfc3339, "2023-09-12T00:45:51Z"),
            (Format::Rfc3339Millis, "2023-09-12T00:45:51.007Z"),
            (Format::Human, "2023-09-12 00:45:51"),
            (Format::Hour, "2023-09-12 00:00:00"),
            (Format::Unix, "1694479551"),
            (Format::UnixFraction, "1694479551.007000"),
        ] {
            let rendered = render(1_694_479_551, 7_000_000, format, Tz::UTC);
            assert_eq!(rendered, expected);
            assert_eq!(
                Format::NAMES
                    .iter()
                    .find(|(name, _)| *name == format.name())
                    .unwrap()
                    .1,
                format
            );
        }
        assert_eq!(render(0, 0, Format::Unix, Tz::UTC), "0");
        assert_eq!(render(-1, 0, Format::Unix, Tz::UTC), "-1");
        assert_eq!(render(100_000_000, 0, Format::Unix, Tz::UTC), "100000000");
        assert_eq!(
            render(*YEARS.start(), 0, Format::Unix, Tz::UTC),
            "-62135596800"
        );
    }

    #[test]
    fn a_stamp_is_that_of_its_now_and_format() {
        let stamp = Stamp::default();
        for (seconds, format, expected) in [
            (1, Format::Unix, "1"),
            (1, Format::Unix, "1"),
            (2, Format::Unix, "2"),
            (2, Format::Human, "1970-01-01 00:00:02"),
        ] {
            let now = Now::from_unix_nanos(seconds * NANOS_A_SECOND);
            let rendered = stamp.render(now, format, Tz::UTC);
            assert_eq!(rendered.as_str(), expected);
        }
    }

    #[test]
    fn zones_shift_the_clock_and_say_so() {
        let berlin = Tz::Europe__Berlin;
        let at = 1_694_479_551;
        assert_eq!(
            render(at, 0, Format::Rfc3339, berlin),
            "2023-09-12T02:45:51+02:00"
        );
        assert_eq!(render(at, 0, Format::Hour, berlin), "2023-09-12 02:00:00");
        let newfoundland = Tz::America__St_Johns;
        assert_eq!(
            render(at, 0, Format::Rfc3339, newfoundland),
            "2023-09-11T22:15:51-02:30"
        );
        // Berlin's local mean time was 53 min 28 s ahead.
        let long_ago = -3_000_000_000;
        assert_eq!(
            render(long_ago, 0, Format::Rfc3339, berlin),
            "1874-12-07T19:33:00+00:53"
        );
        let end = Moment {
            seconds: *YEARS.end(),
            nanos: 0,
        };
        assert!(end.render(Format::Human, berlin).is_none());
    }

    #[test]
    fn event_times_are_numbers_or_texts_of_whole_numbers() {
        let read = |kind, text| Moment::read(kind, text).map(|moment| moment.seconds);
        for (text, seconds) in [
            ("1694479551", Some(1_694_479_551)),
            ("1694479551.999", Some(1_694_479_551)),
            ("-1.5", Some(-1)),
            ("1e9", Some(1_000_000_000)),
            ("-0", Some(0)),
            ("1e400", None),
            ("253402300799", Some(*YEARS.end())),
            ("253402300800", None),
            ("-62135596801", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(read(Kind::Number, text), seconds, "{text}");
        }
        for (text, seconds) in [
            (" 1694479551\n", Some(1_694_479_551)),
            ("+7", Some(7)),
            ("007", Some(7)),
            ("1.5", None),
            ("", None),
            ("1e9", None),
            ("soon", None),
        ] {
            assert_eq!(read(Kind::Text, text), seconds, "{text}");
        }
        assert_eq!(read(Kind::Null, "null"), None);
        assert_eq!(read(Kind::List, "[1]"), None);
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(nanos in 0..i64::MAX, event in YEARS) {
            let now = Now::from_unix_nanos(nanos as u64);
            let theirs = DateTime::from_timestamp_nanos(nanos);
            let ours = now.render(Format::Rfc3339Millis, Tz::UTC);
            prop_assert_eq!(
                ours.as_str(),
                theirs.to_rfc3339_opts(SecondsFormat::Millis, true)
            );
            let theirs = DateTime::from_timestamp(event, 0).unwrap();
            prop_assert_eq!(
                render(event, 0, Format::Rfc3339, Tz::UTC),
                theirs.to_rfc3339_opts(SecondsFormat::Secs, true)
            );
            prop_assert_eq!(render(event, 0, Format::Unix, Tz::UTC), event.to_string());
        }
    }
}
