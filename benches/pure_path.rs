//! What the pipeline itself costs a record, without Kafka and actors: `cargo bench --bench
//! pure_path`. Prints nanoseconds a record for `logins` on one thread.

use std::time::Instant;

use chrono_tz::Tz;
use greenroom::counts::Accumulator;
use greenroom::pipeline::{Now, Options, Outcome, Spec, Worker, preset};
use greenroom::record::{Outgoing, Records};

const BATCH: usize = 1000;
const BATCHES: usize = 100;
const ROUNDS: usize = 20;

#[allow(clippy::disallowed_methods, reason = "a bench reads the clock itself")]
fn main() {
    let batches: Vec<Records> = (0..BATCHES).map(batch).collect();
    let bytes: usize = batches.iter().flat_map(Records::iter).map(len).sum();
    let mut worker = worker();
    let mut out = Outgoing::default();
    let mut counts = Accumulator::default();
    // A batch is short: its best of many rounds leaves out what others did on the machine.
    let mut best = [f64::INFINITY; BATCHES];
    for _ in 0..ROUNDS {
        for (records, best) in batches.iter().zip(&mut best) {
            let start = Instant::now();
            run(&mut worker, records, &mut out, &mut counts);
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    let best: f64 = best.iter().sum();
    let records = (BATCH * BATCHES) as f64;
    println!(
        "logins: {:.0} ns a record of {} B, {:.2} million records a second (each batch's best of {ROUNDS})",
        best * 1e9 / records,
        bytes / (BATCH * BATCHES),
        records / best / 1e6,
    );
}

fn run(worker: &mut Worker, records: &Records, out: &mut Outgoing, counts: &mut Accumulator) {
    let now = Now::from_unix_nanos(1_704_164_645_678_901_234);
    out.clear();
    for (index, record) in records.iter().enumerate() {
        let outcome = worker.process(record, index, now, out, Some(counts));
        assert_eq!(outcome, Outcome::Emitted);
    }
    assert!(!counts.take().added.is_empty());
}

fn worker() -> Worker {
    let preset = preset("logins").expect("logins ships");
    let spec = Spec::parse(preset.toml, preset.name).expect("presets are without mistakes");
    let options = Options {
        hash_key: Some(b"0123456789abcdef0123456789abcdef".to_vec().into()),
        hash_key_id: None,
        timezone: Tz::UTC,
    };
    let compiled = spec.compile(&options).expect("logins has its key");
    compiled.worker()
}

fn len(record: greenroom::record::Record<'_>) -> usize {
    record.value().map_or(0, <[u8]>::len)
}

/// Records as the usual generator makes them: 50 locales, device types in its proportions.
fn batch(n: usize) -> Records {
    let mut records = Records::default();
    for i in n * BATCH..(n + 1) * BATCH {
        // Scattered, so that no branch is foretold by the record before.
        let random = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        let value = event(random);
        records.push(i as i64, None, None, Some(value.as_bytes()));
    }
    records
}

fn event(random: u64) -> String {
    let [a, b, c, d, ..] = random.to_be_bytes().map(|byte| byte ^ 0x5a);
    let locale = [b'A' + (random % 10) as u8, b'A' + (random / 10 % 5) as u8];
    let locale = String::from_utf8_lossy(&locale);
    let device = match random % 100 {
        0..32 => r#", "device_type": "android""#,
        32..84 => r#", "device_type": "iOS""#,
        _ => "",
    };
    let time = 1_694_479_551 + random % 86_400;
    format!(
        r#"{{"user_id": "424cdd21-063a-43a7-b91b-{random:012x}", "app_version": "2.3.0", "ip": "{a}.{b}.{c}.{d}", "locale": "{locale}", "device_id": "7b91b063-a43a-4cdd-8214-{random:012x}", "timestamp": {time}{device}}}"#
    )
}
