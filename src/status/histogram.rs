//! How long things take: durations counted into buckets, cheaply enough for every record.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, inclusive, in seconds. They serve a batch's work (0.1 ms and up)
/// and a record's way through the house (to minutes, after an outage); beyond is one bucket more.
/// Those that OpenTelemetry advises for messaging, 5 ms to 10 s, are all among them.
const BOUNDS: [f64; 21] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5,
    5.0, 7.5, 10.0, 30.0, 60.0, 300.0,
];
const BUCKETS: usize = BOUNDS.len() + 1;

/// Durations observed since the process began.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

/// What a [`Histogram`] held at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub sum_seconds: f64,
    pub count: u64,
    /// Upper bound in seconds and count of each bucket, not cumulative. The last bound is
    /// [`f64::MAX`]: everything else.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Adds many durations with a few atomic additions, as a batch's worth of records needs.
    pub fn observe(&self, durations: impl IntoIterator<Item = Duration>) {
        let mut counts = [0; BUCKETS];
        let mut sum = Duration::ZERO;
        for duration in durations {
            counts[bucket(duration)] += 1;
            sum = sum.saturating_add(duration);
        }
        for (bucket, count) in self
            .buckets
            .iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
        {
            bucket.fetch_add(count, Ordering::Relaxed);
        }
        let nanos = u64::try_from(sum.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub fn observed(&self) -> Observed {
        let counts = self
            .buckets
            .each_ref()
            .map(|bucket| bucket.load(Ordering::Relaxed));
        let bounds = BOUNDS.into_iter().chain([f64::MAX]);
        let sum = Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed));
        Observed {
            sum_seconds: sum.as_secs_f64(),
            count: counts.iter().sum(),
            buckets: bounds.zip(counts).collect(),
        }
    }
}

fn bucket(duration: Duration) -> usize {
    let seconds = duration.as_secs_f64();
    BOUNDS.partition_point(|bound| *bound < seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_goes_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        histogram.observe([1, 2, 10, 11, 301_000].map(Duration::from_millis));

        let observed = histogram.observed();
        let filled: Vec<_> = observed
            .buckets
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        let expected = [
            (0.001, 1),
            (0.0025, 1),
            (0.01, 1),
            (0.025, 1),
            (f64::MAX, 1),
        ];
        assert_eq!(filled, expected.iter().collect::<Vec<_>>());
        assert_eq!(observed.count, 5);
        assert!((observed.sum_seconds - 301.024).abs() < 1e-9);
    }

    #[test]
    fn observations_of_several_batches_add_up() {
        let histogram = Histogram::default();
        histogram.observe(std::iter::repeat_n(Duration::from_millis(4), 1000));
        histogram.observe([Duration::from_secs(6)]);
        histogram.observe([]);

        let observed = histogram.observed();
        assert_eq!(observed.count, 1001);
        assert!((observed.sum_seconds - 10.0).abs() < 1e-9);
    }
}
