//! What a piece of work takes of this process.

use std::fs;
use std::time::Duration;

use greenroom::supervision::{Clock, Moment, SystemClock};
use rustix::time::{ClockId, clock_gettime};

/// What a piece of work took.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Of all threads.
    pub cpu: Duration,
    pub wall: Duration,
    /// The most memory that was resident meanwhile, with what earlier work left behind.
    pub peak_bytes: u64,
}

pub fn measure(work: impl FnOnce()) -> Cost {
    forget_peak();
    let clock = SystemClock::new();
    let before = cpu();
    work();
    Cost {
        cpu: cpu() - before,
        wall: clock.now().since(Moment::START),
        peak_bytes: peak(),
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().expect("CPU time is not negative")
}

fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells of processes");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    let kilobytes: Option<u64> = kilobytes.and_then(|number| number.parse().ok());
    kilobytes.expect("a number of kB") * 1024
}

/// From here on the peak is that of what comes.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own peak");
}
