//! Which records are traced.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::{Context, SpanId, TraceId};

/// Decides by `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// A record with a `traceparent` follows its flag.
    pub follows_parent: bool,
    /// What decides where none is followed.
    pub root: Root,
}

/// Decides without looking at a flag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Root {
    AlwaysOn,
    AlwaysOff,
    /// That share of all traces, from 0 to 1. The trace's id decides, so that all who see the
    /// trace decide alike.
    Ratio(f64),
}

/// Where a traced record's spans hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub trace: TraceId,
    /// None at the root of a trace.
    pub parent: Option<SpanId>,
}

impl Sampler {
    /// Whether the record with this `traceparent` is traced, and then where.
    pub fn decide(self, traceparent: Option<&[u8]>, rng: &mut SmallRng) -> Option<Origin> {
        match traceparent {
            // The usual case by far, and two looks decide it (1 to 9 ns).
            Some(text) if self.follows_parent && is_unsampled(text) => None,
            _ => {
                let parent = traceparent.and_then(Context::parse);
                let origin = Origin::under(parent, rng);
                self.wants(parent, origin.trace).then_some(origin)
            }
        }
    }

    fn wants(self, parent: Option<Context>, trace: TraceId) -> bool {
        match parent {
            Some(parent) if self.follows_parent => parent.sampled,
            _ => self.root.wants(trace),
        }
    }
}

/// Whether it is of version 00 and its flags say no, whatever the rest of it is.
fn is_unsampled(text: &[u8]) -> bool {
    text.len() == 55 && text.starts_with(b"00-") && matches!(text[54], b'0' | b'2')
}

impl Root {
    /// As OpenTelemetry's own sampler: by the lower half of the id.
    pub fn wants(self, trace: TraceId) -> bool {
        match self {
            Root::AlwaysOn => true,
            Root::AlwaysOff => false,
            Root::Ratio(ratio) => {
                let bound = (ratio * (1u64 << 63) as f64) as u64;
                ((trace.0 as u64) >> 1) < bound
            }
        }
    }
}

impl Origin {
    /// Under the parent, where there is one; else a trace of its own.
    pub fn under(parent: Option<Context>, rng: &mut SmallRng) -> Origin {
        match parent {
            Some(parent) => Origin {
                trace: parent.trace,
                parent: Some(parent.span),
            },
            None => Origin {
                trace: TraceId(rng.random::<u128>().max(1)),
                parent: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::{Sampler as Reference, SamplingDecision, ShouldSample};
    use rand::SeedableRng as _;

    use super::*;

    const FOLLOWING: Sampler = Sampler {
        follows_parent: true,
        root: Root::AlwaysOff,
    };

    fn header(sampled: bool) -> [u8; 55] {
        let (trace, span) = (TraceId(7), SpanId(9));
        Context {
            trace,
            span,
            sampled,
        }
        .to_header()
    }

    fn decide(sampler: Sampler, text: Option<&[u8]>) -> Option<Origin> {
        sampler.decide(text, &mut SmallRng::seed_from_u64(1))
    }

    #[test]
    fn p9_a_traceparent_is_followed() {
        let under = Origin {
            trace: TraceId(7),
            parent: Some(SpanId(9)),
        };
        assert_eq!(decide(FOLLOWING, Some(&header(true))), Some(under));
        assert_eq!(decide(FOLLOWING, Some(&header(false))), None);
        let always = Sampler {
            root: Root::AlwaysOn,
            ..FOLLOWING
        };
        assert_eq!(decide(always, Some(&header(false))), None);
        let deaf = Sampler {
            follows_parent: false,
            ..always
        };
        assert_eq!(decide(deaf, Some(&header(false))), Some(under));
    }

    #[test]
    fn without_a_parent_the_root_decides() {
        assert_eq!(decide(FOLLOWING, None), None);
        let always = Sampler {
            root: Root::AlwaysOn,
            ..FOLLOWING
        };
        for text in [None, Some(&b"nonsense"[..])] {
            assert_eq!(decide(always, text).expect("traced").parent, None);
        }
    }

    #[test]
    fn a_share_is_the_same_share_as_opentelemetrys() {
        let mut rng = SmallRng::seed_from_u64(2);
        let mut wanted = 0;
        for _ in 0..10_000 {
            let trace = TraceId(rng.random());
            let reference = Reference::TraceIdRatioBased(0.25).should_sample(
                None,
                trace.0.into(),
                "",
                &opentelemetry::trace::SpanKind::Consumer,
                &[],
                &[],
            );
            let is_wanted = Root::Ratio(0.25).wants(trace);
            let is_sampled = reference.decision == SamplingDecision::RecordAndSample;
            assert_eq!(is_wanted, is_sampled);
            wanted += u32::from(is_wanted);
        }
        assert!((2300..2700).contains(&wanted), "{wanted}");
        let traces = [TraceId(1), TraceId(u128::MAX)];
        assert!(traces.iter().all(|trace| Root::Ratio(1.0).wants(*trace)));
        assert!(!traces.iter().any(|trace| Root::Ratio(0.0).wants(*trace)));
    }
}
