//! A journey in parts: the spans that it will be.

use crate::trace::{End, Finished, Journey, Milestone, Work};

/// What stopped a record whose batch was given up before it was delivered: its partition was
/// revoked or rewound, and it is read again (P3).
const FENCED: &str = "fenced";

/// One span to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub stage: Stage<'a>,
    pub begun: u64,
    pub ended: u64,
    pub error: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage<'a> {
    /// From receipt to delivery; the parent of all the others.
    Process,
    Transform(&'a Work),
    DeadLetter,
    /// To this topic, as its index in the pipeline's list.
    Send(u16),
    Aggregate,
}

/// The journey's parts, the first of which is [`Stage::Process`].
pub(super) fn parts<'a>(
    finished: &'a Finished,
    journey: &'a Journey,
) -> impl Iterator<Item = Part<'a>> {
    let times = &finished.times;
    let last = last_seen(finished, journey);
    let error = error(finished, journey);
    let stretch = move |stage, begun, ended| {
        Some(Part {
            stage,
            begun: times.at(begun)?,
            ended: times.at(ended).unwrap_or(last),
            error: times.at(ended).is_none().then_some(FENCED),
        })
    };
    let process = Part {
        stage: Stage::Process,
        begun: finished.about.received,
        ended: finished.delivered(journey).unwrap_or(last),
        error,
    };
    let works = journey.works.iter().map(move |work| Part {
        stage: Stage::Transform(work),
        begun: work.begun,
        ended: work.ended.unwrap_or(last),
        error: work.error.or(rejected_by(work, journey)),
    });
    let letter = match journey.end {
        End::Rejected { .. } => stretch(
            Stage::DeadLetter,
            Milestone::LettersBegun,
            Milestone::LettersMade,
        )
        .map(|part| Part { error, ..part }),
        _ => None,
    };
    let sent = match journey.end {
        End::Output(topic) => stretch(
            Stage::Send(topic),
            Milestone::OutputsHanded,
            Milestone::OutputsAcknowledged,
        ),
        End::Rejected {
            letter: Some(topic),
            ..
        } => stretch(
            Stage::Send(topic),
            Milestone::LettersHanded,
            Milestone::LettersAcknowledged,
        ),
        End::Open | End::Filtered | End::Rejected { .. } => None,
    };
    let counted = stretch(Stage::Aggregate, Milestone::CountBegun, Milestone::Counted);
    let others = [letter, sent, counted].into_iter().flatten();
    std::iter::once(process).chain(works).chain(others)
}

fn error(finished: &Finished, journey: &Journey) -> Option<&'static str> {
    match journey.end {
        End::Rejected { error_type, .. } => Some(error_type),
        _ => finished.delivered(journey).is_none().then_some(FENCED),
    }
}

/// The error that the last worker found; those before it failed in ways of their own.
fn rejected_by(work: &Work, journey: &Journey) -> Option<&'static str> {
    let is_last = journey.works.last() == Some(work);
    match journey.end {
        End::Rejected { error_type, .. } if is_last => Some(error_type),
        _ => None,
    }
}

/// The latest that is known of a record: what was cut short ended then, or later.
fn last_seen(finished: &Finished, journey: &Journey) -> u64 {
    let works = journey.works.iter();
    let works = works.map(|work| work.ended.unwrap_or(work.begun));
    let times = finished.times.all();
    works.chain(times).fold(finished.about.received, u64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{About, SpanId, Times, TraceId};

    fn finished(end: End, passed: &[(Milestone, u64)]) -> Finished {
        let mut journey = Journey {
            index: 0,
            offset: 7,
            trace: TraceId(1),
            parent: None,
            process: SpanId(2),
            send: SpanId(3),
            works: Vec::new(),
            end: End::Open,
        };
        journey.begin(0, 1, 20);
        journey.finish(1, 30, &[], end);
        let mut times = Times::default();
        for (milestone, time) in passed {
            times.pass(*milestone, *time);
        }
        Finished {
            about: About {
                received: 10,
                ..About::default()
            },
            times,
            journeys: vec![journey],
        }
    }

    type Drawn = (&'static str, u64, u64, Option<&'static str>);

    fn drawn(finished: &Finished) -> Vec<Drawn> {
        let parts = parts(finished, &finished.journeys[0]);
        let draw = |part: Part<'_>| {
            let name = match part.stage {
                Stage::Process => "process",
                Stage::Transform(_) => "transform",
                Stage::DeadLetter => "dead-letter",
                Stage::Send(_) => "send",
                Stage::Aggregate => "aggregate",
            };
            (name, part.begun, part.ended, part.error)
        };
        parts.map(draw).collect()
    }

    #[test]
    fn an_output_is_processed_until_it_is_acknowledged() {
        let finished = finished(
            End::Output(0),
            &[
                (Milestone::OutputsHanded, 40),
                (Milestone::CountBegun, 35),
                (Milestone::Counted, 36),
                (Milestone::OutputsAcknowledged, 50),
                // Of its neighbours.
                (Milestone::LettersBegun, 41),
                (Milestone::LettersHanded, 42),
            ],
        );
        assert_eq!(
            drawn(&finished),
            [
                ("process", 10, 50, None),
                ("transform", 20, 30, None),
                ("send", 40, 50, None),
                ("aggregate", 35, 36, None),
            ]
        );
    }

    #[test]
    fn p6_a_rejection_is_marked_on_every_span_that_it_went_through() {
        let end = End::Rejected {
            error_type: "invalid_ip",
            letter: Some(1),
        };
        let passed = [
            (Milestone::LettersBegun, 40),
            (Milestone::LettersMade, 45),
            (Milestone::LettersHanded, 46),
            (Milestone::LettersAcknowledged, 60),
        ];
        let error = Some("invalid_ip");
        assert_eq!(
            drawn(&finished(end, &passed)),
            [
                ("process", 10, 60, error),
                ("transform", 20, 30, error),
                ("dead-letter", 40, 45, error),
                ("send", 46, 60, None),
            ]
        );
    }

    #[test]
    fn p3_what_was_given_up_is_marked_as_fenced() {
        let passed = [(Milestone::OutputsHanded, 40)];
        assert_eq!(
            drawn(&finished(End::Output(0), &passed)),
            [
                ("process", 10, 40, Some(FENCED)),
                ("transform", 20, 30, None),
                ("send", 40, 40, Some(FENCED)),
            ]
        );
    }

    #[test]
    fn p5_a_failed_attempt_is_drawn_beside_the_one_that_succeeded() {
        let mut finished = finished(End::Filtered, &[]);
        let journey = &mut finished.journeys[0];
        journey.works[0].error = Some("panicked");
        journey.begin(0, 2, 31);
        journey.finish(2, 33, &[], End::Filtered);
        assert_eq!(
            drawn(&finished),
            [
                ("process", 10, 33, None),
                ("transform", 20, 30, Some("panicked")),
                ("transform", 31, 33, None),
            ]
        );
    }
}
