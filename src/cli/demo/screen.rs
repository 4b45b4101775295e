//! The line that `greenroom demo` prints each second.

use std::time::Duration;

use chrono::NaiveTime;

/// Where the house stands at a moment. Counts are totals since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Since the start.
    pub at: Duration,
    pub consumed: u64,
    pub produced: u64,
    pub rejected: u64,
    /// Records read by nobody yet.
    pub lag: u64,
    pub restarts: u64,
    /// CPU time of the whole process.
    pub cpu: Duration,
}

/// What happened between two snapshots, on one line; `time` is the wall clock's at the second.
pub fn line(time: NaiveTime, before: &Snapshot, now: &Snapshot) -> String {
    let seconds = now.at.saturating_sub(before.at).as_secs_f64();
    let rate = |before: u64, now: u64| grouped(per_second(now.saturating_sub(before), seconds));
    format!(
        "{}  in {:>7}/s  out {:>7}/s  rejected {:>5}/s  lag {:>7}  restarts {:>3}  CPU {}",
        time.format("%H:%M:%S"),
        rate(before.consumed, now.consumed),
        rate(before.produced, now.produced),
        rate(before.rejected, now.rejected),
        grouped(now.lag),
        now.restarts,
        cpu_per_record(before, now),
    )
}

fn per_second(count: u64, seconds: f64) -> u64 {
    if seconds > 0.0 {
        (count as f64 / seconds).round() as u64
    } else {
        0
    }
}

fn cpu_per_record(before: &Snapshot, now: &Snapshot) -> String {
    let records = now.consumed.saturating_sub(before.consumed);
    if records == 0 {
        return "idle".to_owned();
    }
    let cpu = now.cpu.saturating_sub(before.cpu);
    format!("{:.1} µs/record", cpu.as_secs_f64() * 1e6 / records as f64)
}

/// The number with a comma between each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(12, 34, second).unwrap()
    }

    #[test]
    fn a_line_says_what_happened_since_the_last() {
        let before = Snapshot {
            at: Duration::from_secs(3),
            consumed: 10_000,
            produced: 9_000,
            rejected: 100,
            lag: 7,
            restarts: 2,
            cpu: Duration::from_millis(100),
        };
        let now = Snapshot {
            at: Duration::from_secs(5),
            consumed: 20_000,
            produced: 18_900,
            rejected: 200,
            lag: 120,
            restarts: 3,
            cpu: Duration::from_millis(119),
        };
        assert_eq!(
            line(at(56), &before, &now),
            "12:34:56  in   5,000/s  out   4,950/s  rejected    50/s  lag     120  restarts   3  \
             CPU 1.9 µs/record"
        );
    }

    #[test]
    fn a_second_without_records_and_one_without_length_divide_by_nothing() {
        let idle = Snapshot::default();
        assert_eq!(
            line(at(0), &idle, &idle),
            "12:34:00  in       0/s  out       0/s  rejected     0/s  lag       0  restarts   0  \
             CPU idle"
        );
    }

    #[test]
    fn lines_of_a_run_stand_in_columns() {
        let calm = Snapshot::default();
        let busy = Snapshot {
            at: Duration::from_secs(1),
            consumed: 999_999,
            produced: 999_999,
            rejected: 9_999,
            lag: 999_999,
            restarts: 999,
            ..calm
        };
        let cpu_column = |text: &str| text.find("CPU");
        let lines = [line(at(1), &calm, &calm), line(at(2), &calm, &busy)];
        assert_eq!(cpu_column(&lines[0]), cpu_column(&lines[1]));
    }

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        let texts = [0, 12, 999, 1_000, 123_456, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "12", "999", "1,000", "123,456", "1,234,567"]);
    }
}
