//! The hot path's promise: in steady state a record costs no allocation. A target of its own,
//! because it counts every allocation.

mod counting;

use std::alloc::System;
use std::sync::Arc;

use counting::{Counting, allocations};
use greenroom::config::{Config, Sources};
use greenroom::counts::Accumulator;
use greenroom::flow::batch::{Part, Places, Range};
use greenroom::flow::generation::Tenure;
use greenroom::flow::{Batch, BatchId, Budget, Generations, Partition};
use greenroom::pipeline::{Now, Options, Outcome, Spec, preset};
use greenroom::record::{Outgoing, Records, TRACEPARENT};
use greenroom::telemetry::traces::{Exporter, Names, Service};

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

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
        let spent = allocations(|| {
            for (index, record) in records.iter().enumerate() {
                let now = Now::from_unix_nanos(1_704_164_645_678_901_234);
                match worker.process(record, index, now, &mut out, Some(&mut counts)) {
                    Outcome::Emitted => written += 1,
                    Outcome::Filtered(_) => {}
                    Outcome::Rejected(rejection) => panic!("{name}: {rejection:?}"),
                }
            }
        });
        counts.take();
        spent
    };
    assert!(work() > 0, "{name}: the buffers grow once");
    assert_eq!(work(), 0, "{name}");
    written
}

#[test]
fn a_record_that_is_not_traced_costs_no_allocation_though_others_are() {
    let unsampled = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let sampled = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let exporter = exporter("parentbased_traceidratio", "0");
    let tracer = exporter.tracer();
    // The thread's random numbers are seeded once.
    tracer.begin(&batch(&[None]));
    for header in [None, Some(&unsampled[..])] {
        let batch = batch(&[header; 1000]);
        assert_eq!(allocations(|| tracer.begin(&batch)), 0);
        assert!(batch.log().is_empty());
    }
    let batch = batch(&[Some(&sampled[..])]);
    assert!(allocations(|| tracer.begin(&batch)) > 0);
    assert!(!batch.log().is_empty());
}

/// Sends to where nobody listens.
fn exporter(sampler: &str, ratio: &str) -> Exporter {
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_TRACES_SAMPLER", sampler),
        ("OTEL_TRACES_SAMPLER_ARG", ratio),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.into()));
    let sources = Sources {
        env: env.into(),
        ..Sources::default()
    };
    let traces = Config::load(&sources).expect("right settings").traces;
    let service = Service {
        name: None,
        instance: "test".to_owned(),
    };
    let names = Names {
        inputs: vec!["input".into()],
        ..Names::default()
    };
    Exporter::start(&traces, &service, names, Arc::new(|_| ())).expect("an exporter")
}

/// A batch of records with these `traceparent`s.
fn batch(traceparents: &[Option<&[u8]>]) -> Batch {
    let mut records = Records::default();
    for (offset, header) in traceparents.iter().enumerate() {
        records.push(offset as i64, None, None, Some(b"{}"));
        if let Some(value) = header {
            records.push_header(TRACEPARENT, Some(value));
        }
    }
    let tenure = Tenure::begin(&Generations::default());
    let id = BatchId {
        partition: Partition { topic: 0, id: 0 },
        generation: tenure.generation(),
        sequence: 0,
    };
    let range = Range {
        base: 0,
        next: traceparents.len() as i64,
        count_from: 0,
        told_from: 0,
    };
    let permit = Budget::new(1).take(1).expect("an empty budget grants");
    let parts = vec![Part::new(0, 1, Places::All)];
    Batch::new(id, tenure.lease(), range, (records, permit), parts, 0)
}
