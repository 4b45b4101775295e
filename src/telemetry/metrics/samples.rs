//! Samples of one metric, with their labels.

use std::fmt;

use prometheus_client::encoding::{
    EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};

use crate::status::Observed;

type Labels<'a> = [(&'a str, &'a str)];

/// Takes one metric's samples.
pub struct Samples<'a>(MetricEncoder<'a>);

impl<'a> Samples<'a> {
    pub fn new(encoder: MetricEncoder<'a>) -> Self {
        Samples(encoder)
    }

    pub fn counter(&mut self, labels: &Labels<'_>, value: impl EncodeCounterValue) -> fmt::Result {
        self.labelled(labels, |encoder| counter(encoder, value))
    }

    pub fn gauge(&mut self, labels: &Labels<'_>, value: impl EncodeGaugeValue) -> fmt::Result {
        self.labelled(labels, |encoder| encoder.encode_gauge(&value))
    }

    pub fn histogram(&mut self, labels: &Labels<'_>, observed: &Observed) -> fmt::Result {
        self.labelled(labels, |encoder| {
            let Observed {
                sum_seconds,
                count,
                buckets,
            } = observed;
            encoder.encode_histogram::<NoLabelSet>(*sum_seconds, *count, buckets, None)
        })
    }

    pub fn info(&mut self, labels: &Labels<'_>) -> fmt::Result {
        self.0.encode_info(&labels)
    }

    /// An empty set of labels would be written as `{}`.
    fn labelled(
        &mut self,
        labels: &Labels<'_>,
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if labels.is_empty() {
            return write(&mut self.0);
        }
        write(&mut self.0.encode_family(&labels)?)
    }
}

fn counter(encoder: &mut MetricEncoder<'_>, value: impl EncodeCounterValue) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
}
