//! What was found, as Markdown or JSON.

use std::fmt;

use serde::Serialize;

use crate::costs::Cost;
use crate::latency::{Latency, Percentiles};
use crate::rows::REFERENCE;

#[derive(Serialize)]
pub struct Report {
    /// Whether by a real broker; else by the embedded one.
    pub real_broker: bool,
    /// Per row, unless its name says another number.
    pub records: usize,
    pub rounds: usize,
    pub costs: Vec<Line<Cost>>,
    pub latencies: Vec<Line<Latency>>,
}

#[derive(Serialize)]
pub struct Line<T> {
    pub name: String,
    #[serde(flatten)]
    pub found: T,
}

/// In whole milliseconds; the clocks are no finer.
impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Percentiles { p50, p99, p999 } = self;
        write!(f, "{p50:.0} | {p99:.0} | {p999:.0}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broker = if self.real_broker { "real" } else { "embedded" };
        let Report {
            records, rounds, ..
        } = self;
        writeln!(
            f,
            "{broker} broker; {records} records a row, medians of {rounds} rounds\n"
        )?;
        self.write_costs(f)?;
        if self.latencies.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        self.write_latencies(f)
    }
}

impl Report {
    fn write_costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.costs.iter();
        let reference = lines.find(|line| line.name == REFERENCE);
        let Some(reference) = reference.map(|line| line.found.cpu_per_record) else {
            return Ok(());
        };
        writeln!(
            f,
            "| | CPU ns/record | to {REFERENCE} | records/s | peak RSS MB |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|")?;
        for Line { name, found } in &self.costs {
            writeln!(
                f,
                "| {name} | {:.0} | {:.2} | {:.0} | {:.0} |",
                found.cpu_per_record,
                found.cpu_per_record / reference,
                found.records_per_second,
                found.peak_bytes as f64 / 1e6,
            )?;
        }
        Ok(())
    }

    fn write_latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| ms | appended p50 | p99 | p99.9 | read p50 | p99 | p99.9 |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|")?;
        for Line { name, found } in &self.latencies {
            let appended = found.appended.map(|of| of.to_string());
            let appended = appended.unwrap_or_else(|| "| |".to_owned());
            writeln!(f, "| {name} | {appended} | {} |", found.read)?;
        }
        Ok(())
    }
}
