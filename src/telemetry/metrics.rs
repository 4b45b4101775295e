//! The metrics of `/metrics`: one table, read off the board at each scrape.
//!
//! Nothing is registered anywhere else, so what is documented is what is exported, and what a
//! partition or an actor no longer has is gone from the next scrape. Labels name topics, actors,
//! error types and reasons: never anything of a record (P10).

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::status::{Board, Figures};

mod document;
mod samples;
mod table;

pub use document::reference;
use samples::Samples;
pub use table::METRICS;

/// A documented metric.
#[derive(Debug)]
pub struct Metric {
    /// As it is exported, with unit and suffix.
    pub name: &'static str,
    pub kind: MetricType,
    /// What it counts in, where that is not records or events.
    pub unit: Option<&'static str>,
    pub labels: &'static [&'static str],
    pub help: &'static str,
    write: fn(&Figures, &mut Samples<'_>) -> fmt::Result,
}

impl Metric {
    /// The name without the suffix that its type adds.
    fn family(&self) -> &'static str {
        let suffix = match self.kind {
            MetricType::Counter => "_total",
            MetricType::Info => "_info",
            _ => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }

    /// The family's name, and its unit where the name ends in it: the encoder puts it back.
    fn descriptor(&self) -> (&'static str, Option<Unit>) {
        let stem = |unit| self.family().strip_suffix(unit)?.strip_suffix('_');
        let named = self.unit.and_then(|unit| Some((stem(unit)?, unit)));
        named.map_or((self.family(), None), |(stem, unit)| {
            (stem, Some(Unit::Other(unit.to_owned())))
        })
    }
}

/// Renders a board's metrics.
#[derive(Debug)]
pub struct Metrics(Registry);

impl Metrics {
    /// What [`Metrics::render`] writes.
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub fn new(board: Board) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape(board)));
        Metrics(registry)
    }

    /// The figures of now, in the OpenMetrics text format.
    ///
    /// # Errors
    /// None that a `String` could have.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut exposition = String::new();
        text::encode(&mut exposition, &self.0)?;
        Ok(exposition)
    }
}

#[derive(Debug)]
struct Scrape(Board);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = self.0.figures();
        METRICS.iter().try_for_each(|metric| {
            let (name, unit) = metric.descriptor();
            let encoder =
                encoder.encode_descriptor(name, metric.help, unit.as_ref(), metric.kind)?;
            (metric.write)(&figures, &mut Samples::new(encoder))
        })
    }
}

#[cfg(test)]
mod tests;
