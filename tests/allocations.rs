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
    let preset = preset("logins").unwrap();
    let options = Options {
        hash_key: Some(vec![7; 32].into()),
        hash_key_id: None,
        timezone: chrono_tz::Tz::UTC,
    };
    let spec = Spec::parse(preset.toml, preset.name).unwrap();
    let mut worker = spec.compile(&options).unwrap().worker();
    let mut records = Records::default();
    for n in 0..1000 {
        // Escapes and a tombstone now and then are steady state too.
        let user = if n % 7 == 0 { r"\u0041\n" } else { "A" };
        let value = format!(
            r#"{{"user_id":"{user}{n}","app_version":"2.3.{}","ip":"10.0.0.{}","locale":"CA","device_id":"d{n}","timestamp":{n},"other":[{n}]}}"#,
            n % 3,
            n % 256,
        );
        let value = (n % 100 != 0).then_some(value.as_bytes());
        records.push(n, None, None, value);
    }
    let mut out = Outgoing::default();
    let mut counts = Accumulator::default();
    let mut work = || {
        out.clear();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for (index, record) in records.iter().enumerate() {
            let now = Now::from_unix_nanos(1_704_164_645_678_901_234);
            let outcome = worker.process(record, index, now, &mut out, Some(&mut counts));
            assert_eq!(outcome, Outcome::Emitted);
        }
        let spent = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert!(!counts.take().added.is_empty());
        spent
    };
    assert!(work() > 0, "the buffers grow once");
    assert_eq!(work(), 0);
}
