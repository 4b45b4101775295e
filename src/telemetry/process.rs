//! What the process itself costs.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of all threads since the process began.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // The clock begins at zero and only runs forward.
    Duration::try_from(time).unwrap_or_default()
}

/// Bytes of memory that are resident. None where the system does not tell it the way Linux does.
pub fn resident_bytes() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    Some(resident * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_clock_counts_work() {
        let before = cpu_time();
        let mut digest = 0u64;
        while cpu_time() == before {
            digest = std::hint::black_box(digest.wrapping_mul(31) + 1);
        }
        assert!(cpu_time() > before);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_touched_is_resident() {
        let before = resident_bytes().expect("Linux tells it");
        let touched = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(resident_bytes().expect("Linux tells it") >= before + touched.len() as u64 / 2);
    }
}
