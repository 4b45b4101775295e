//! What a collector refuses of a request that it takes: OTLP's partial success.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Of a collector's reason so many characters are kept.
const REASON: usize = 200;

/// Spans that a collector refused, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub spans: u64,
    pub reason: String,
}

/// Hears of refusals. The exporter returns success and tells of them by an event alone, whose name
/// and fields are listened to while it exports.
#[derive(Clone, Default)]
pub(super) struct Refusals(Arc<Mutex<Option<Refusal>>>);

impl Refusals {
    /// Under which an export is to run. One serves for all: tracing asks each place that logs anew
    /// whenever there is another.
    pub fn listener(&self) -> Dispatch {
        Dispatch::new(Listener(self.clone()))
    }

    /// What was heard since the last time.
    pub fn take(&self) -> Option<Refusal> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.take().filter(|refusal| refusal.spans > 0)
    }
}

struct Listener(Refusals);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.name().ends_with(".PartialSuccess")
    }

    /// Without it every debugging event of the process would be looked at.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut refusal = Refusal::default();
        event.record(&mut refusal);
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }

    /// No span is enabled.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Refusal {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "rejected_spans" {
            self.spans = u64::try_from(value).unwrap_or(0);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "error_message" {
            self.reason = value.chars().take(REASON).collect();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
