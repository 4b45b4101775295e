//! Any bytes as a record's value. `cargo +nightly fuzz run record` in the repository's root.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use pipelines::Pipelines;

#[path = "../pipelines.rs"]
mod pipelines;

thread_local! {
    static PIPELINES: RefCell<Pipelines> = RefCell::new(Pipelines::new());
}

fuzz_target!(|value: &[u8]| PIPELINES.with_borrow_mut(|pipelines| pipelines.work(Some(value))));
