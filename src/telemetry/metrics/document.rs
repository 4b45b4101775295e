//! The table as a document; a test compares.

use std::fmt::Write;

use prometheus_client::metrics::MetricType;

use super::{METRICS, Metric};

/// The documented metrics as a Markdown table.
pub fn reference() -> String {
    let mut text = String::from("| metric | type | labels | |\n|---|---|---|---|\n");
    for metric in METRICS {
        text.push_str(&row(metric));
    }
    text
}

fn row(metric: &Metric) -> String {
    let mut row = format!("| `{}` | {} |", metric.name, kind(metric.kind));
    for label in metric.labels {
        let _ = write!(row, " `{label}`");
    }
    let _ = writeln!(row, " | {} |", metric.help);
    row
}

fn kind(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
        MetricType::Info => "info",
        MetricType::Unknown => "unknown",
    }
}
