//! When each step was done.

/// A step, as its place among the pipeline's, and when it was done, in Unix nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    pub step: usize,
    pub at: u64,
}

/// Takes the time of each step of a record, by the clock that it is given; without one it costs a
/// look. It keeps its memory.
#[derive(Debug, Default)]
pub struct Stopwatch {
    clock: Option<fn() -> u64>,
    laps: Vec<Lap>,
}

impl Stopwatch {
    /// Begins anew. Without a clock it stands still.
    pub fn start(&mut self, clock: Option<fn() -> u64>) {
        self.clock = clock;
        self.laps.clear();
    }

    /// A step is done, whether or not the record goes on.
    pub fn lap(&mut self, step: usize) {
        if let Some(clock) = self.clock {
            self.laps.push(Lap { step, at: clock() });
        }
    }

    pub fn laps(&self) -> &[Lap] {
        &self.laps
    }
}
