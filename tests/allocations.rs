//! The hot path's promise: in steady state a record costs no allocation. A target of its own,
//! because it counts the whole process's allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use greenroom::counts::Accumulator;
use greenroom::pipeline::{Now, Options, Outcome, Spec, preset};
use greenroom::record::{Outgoing, Records};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed on as it came to the system's allocator, which keeps the contract.
#[allow(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_record_costs_no_allocation_in_steady_state() {
    // A tombstone and a member without a value now and then are steady state too.
    let hostile = records(["\"iOS\"", "null"], |n| n % 100 != 0);
    assert_eq!(work_on("logins", &hostile), 1000);
    let usual = records(["\"iOS\"", "\"android\""], |_| true);
    for (name, written) in [
        ("insights", 1000),
        ("android", 500),
        ("projection", 1000),
        // The others are written to a topic of their own.
        ("masked", 334),
        ("validated", 1000),
    ] {
        assert_eq!(work_on(name, &usual), written, "{name}");
    }
}

fn records(device_types: [&str; 2], has_value: impl Fn(i64) -> bool) -> Records {
    let mut records = Records::default();
    for n in 0..1000 {
        // So are escapes.
        let user = if n % 7 == 0 { r"\u0041\n" } else { "A" };
        let value = format!(
            r#"{{"user_id":"{user}{n}","app_version":"2.3.{}","ip":"10.0.0.{}","locale":"CA","device_id":"d{n}","timestamp":{n},"device_type":{},"other":[{n}]}}"#,
            n % 3,
            n % 256,
            device_types[n as usize % 2],
        );
        let value = has_value(n).then_some(value.as_bytes());
        records.push(n, None, None, value);
    }
    records
}

/// Says how many of the records were written to the output.
fn work_on(name: &str, records: &Records) -> usize {
    let preset = preset(name).expect("a preset");
    let options = Options {
        hash_key: Some(vec![7; 32].into()),
        hash_key_id: None,
        timezone: chrono_tz::Tz::UTC,
    };
    let spec = Spec::parse(preset.toml, preset.name).expect("it is right");
    let mut worker = spec.compile(&options).expect("its key is there").worker();
    let mut out = Outgoing::default();
    let mut counts = Accumulator::default();
    let mut written = 0;
    let mut work = || {
        out.clear();
        written = 0;
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for (index, record) in records.iter().enumerate() {
            let now = Now::from_unix_nanos(1_704_164_645_678_901_234);
            match worker.process(record, index, now, &mut out, Some(&mut counts)) {
                Outcome::Emitted => written += 1,
                Outcome::Filtered(_) => {}
                Outcome::Rejected(rejection) => panic!("{name}: {rejection:?}"),
            }
        }
        let spent = ALLOCATIONS.load(Ordering::Relaxed) - before;
        counts.take();
        spent
    };
    assert!(work() > 0, "{name}: the buffers grow once");
    assert_eq!(work(), 0, "{name}");
    written
}
