//! Every preset on a Kafka of its own, with 20,000 records of mixed kinds: zero differences.

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Value, json};

use super::check::check;
use super::counts::Counts;
use super::stage::Stage;
use super::{Preset, android, edges, insights, logins, masked, mobile, projection, validated};
use crate::harness::{Service, eventually};

/// The topics, the counts, the status, the last summary, and what `check` says.
fn is_as_described(preset: &'static Preset) {
    let stage = Stage::set(preset, 20_26);
    let mut service = stage.start();
    stage.wait_for_the_end();
    let results = stage.results();
    results.assert_as_due();
    results.assert_no_duplicate();
    let counts: Value = serde_json::from_str(&service.get("/api/counts").1).expect("it is JSON");
    results.assert_counts(&Counts::read(&counts["counts"]));
    let status = service.status();
    assert_eq!(status["records"]["produced"], json!(results.tally.done));
    assert_eq!(status["records"]["filtered"], json!(results.tally.filtered));
    assert_eq!(status["rejections"], json!(results.tally.rejected));
    assert_eq!(service.terminate().code(), Some(0), "drained");
    if let Some(summary) = stage.summary() {
        results.assert_counts(&summary);
    }
    let (checked, counts) = stage.check(&results, now());
    checked.assert_as_due();
    checked.assert_counts(&counts);
    checked.assert_same_in(&results);
}

/// As precise as `check` can be told.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// Killed twice in mid-stream, by four workers: the same results, some of them twice.
fn survives_two_kills(preset: &'static Preset) {
    // A static member comes back at once; else the group waits until it gives up the dead one.
    let stage = Stage::set(preset, 9)
        .with("GREENROOM_STATIC_MEMBERSHIP", "true")
        .with("GREENROOM_INSTANCE", "the-one");
    for _ in 0..2 {
        let mut service = stage.start();
        eventually("some results", || has_worked(&service));
        service.kill();
        assert!(stage.is_in_mid_stream(), "killed too late");
    }
    let _service = stage.start();
    stage.wait_for_the_end();
    stage.results().assert_as_due();
}

fn has_worked(service: &Service) -> bool {
    service.number("/records/produced") > 1_000
}

#[test]
fn reference_check_is_as_described() {
    for preset in [
        &insights::PRESET,
        &android::PRESET,
        &projection::PRESET,
        &masked::PRESET,
        &validated::PRESET,
        &logins::PRESET,
        &mobile::PRESET,
    ] {
        let inputs = edges::inputs(7, 2_000);
        let (results, counts) = check(preset, &preset.settings(), inputs, now());
        results.assert_as_due();
        results.assert_no_duplicate();
        results.assert_counts(&counts);
    }
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_insights_is_as_described() {
    is_as_described(&insights::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_android_is_as_described() {
    is_as_described(&android::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_projection_is_as_described() {
    is_as_described(&projection::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_masked_is_as_described() {
    is_as_described(&masked::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_validated_is_as_described() {
    is_as_described(&validated::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_logins_is_as_described() {
    is_as_described(&logins::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_p1_masked_survives_two_kills() {
    survives_two_kills(&masked::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_p1_logins_survives_two_kills() {
    survives_two_kills(&logins::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_p1_insights_survives_two_kills() {
    survives_two_kills(&insights::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_p1_android_survives_two_kills() {
    survives_two_kills(&android::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_p1_projection_survives_two_kills() {
    survives_two_kills(&projection::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_p1_validated_survives_two_kills() {
    survives_two_kills(&validated::PRESET);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn reference_an_own_pipeline_is_as_described() {
    is_as_described(&mobile::PRESET);
}
