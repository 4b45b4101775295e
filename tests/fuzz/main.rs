//! Records at random and with flaws through every pipeline: no panic, and whatever comes out is in
//! order. What `cargo fuzz` finds more cleverly, found without a nightly compiler.
//!
//! `RECORDS=n` says how many to try, `SEED=n` tries one again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flaws::Flaws;
use pipelines::Pipelines;

mod flaws;
#[path = "../../fuzz/pipelines.rs"]
mod pipelines;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

#[test]
fn no_record_breaks_a_pipeline() {
    let flaws = Flaws::new();
    let seeds = match setting("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("RECORDS").unwrap_or(5_000),
    };
    let records = seeds.end - seeds.start;
    let mut pipelines = Pipelines::new();
    for seed in seeds {
        let value = flaws.value(seed);
        let work = || pipelines.work(value.as_deref());
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            let value = value.unwrap_or_default();
            panic!(
                "{}\ntry it again with: SEED={seed} cargo test --test fuzz",
                value.escape_ascii()
            );
        }
    }
    println!("{records} records went through");
}
