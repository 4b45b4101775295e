//! What the pipelines themselves cost a record, without Kafka and actors: `cargo bench --bench
//! pure_path`. Prints nanoseconds a record, allocations and what more threads bring for each
//! preset, and what each of its steps adds.

#[path = "../../tests/allocations/counting.rs"]
mod counting;
mod path;

use std::thread;
use std::time::Duration;

use clap::{Arg, ArgAction, Command, value_parser};
use counting::{Counting, allocations};
use greenroom::pipeline::{Compiled, PRESETS, Preset};
use greenroom::record::Records;
use greenroom::supervision::{Clock, Moment, SystemClock};
use mimalloc::MiMalloc;
use path::{Path, compile, events, growing};

/// What the service has, counting.
#[global_allocator]
static ALLOCATOR: Counting<MiMalloc> = Counting(MiMalloc);

const BATCHES: usize = 100;
const THREADS: usize = 4;

/// What a preset costs as a whole.
struct Cost {
    /// A record.
    nanos: f64,
    /// A record, once the buffers have grown.
    allocations: f64,
    /// How many times as many records four threads get done.
    gain: f64,
}

fn main() {
    let number = Arg::new("rounds").long("rounds").value_name("N");
    let number = number.value_parser(value_parser!(u32).range(1..));
    // Cargo gives it to every bench.
    let bench = Arg::new("bench").long("bench").hide(true);
    let args = Command::new("pure_path")
        .about("What a pipeline costs a record without Kafka and actors")
        .arg(number.default_value("20").help("Of which the best counts"))
        .arg(bench.action(ArgAction::SetTrue))
        .get_matches();
    let rounds = *args.get_one::<u32>("rounds").expect("it has a default");
    let batches = events(BATCHES);
    print_presets(&batches, rounds);
    print_steps(&batches, rounds);
}

fn print_presets(batches: &[Records], rounds: u32) {
    println!("| preset | ns/record | million records/s | allocations/record | {THREADS} threads |");
    println!("|---|--:|--:|--:|--:|");
    for preset in PRESETS {
        let Cost {
            nanos,
            allocations,
            gain,
        } = cost(preset, batches, rounds);
        let millions = 1e3 / nanos;
        println!(
            "| {} | {nanos:.0} | {millions:.2} | {allocations} | × {gain:.2} |",
            preset.name
        );
    }
}

fn print_steps(batches: &[Records], rounds: u32) {
    println!("\n| step | adds ns/record |\n|---|--:|");
    for preset in PRESETS {
        let (names, pipelines): (Vec<_>, Vec<_>) = growing(preset).into_iter().unzip();
        let mut before = 0.0;
        for (step, nanos) in names.iter().zip(nanos(&pipelines, batches, rounds)) {
            println!("| {}: {step} | {:.0} |", preset.name, nanos - before);
            before = nanos;
        }
    }
}

fn cost(preset: &Preset, batches: &[Records], rounds: u32) -> Cost {
    let pipeline = compile(preset.toml, preset.name);
    let alone = together(&pipeline, batches, 1, rounds);
    let all = together(&pipeline, batches, THREADS, rounds);
    Cost {
        nanos: nanos(std::slice::from_ref(&pipeline), batches, rounds)[0],
        allocations: steady_allocations(&pipeline, batches) as f64 / count(batches),
        gain: THREADS as f64 * alone.as_secs_f64() / all.as_secs_f64(),
    }
}

/// A record's by pipeline, which take turns. A batch is short: its best of many rounds leaves out
/// what others did on the machine.
fn nanos(pipelines: &[Compiled], batches: &[Records], rounds: u32) -> Vec<f64> {
    let mut paths: Vec<Path> = pipelines.iter().map(Path::new).collect();
    let mut best = vec![vec![Duration::MAX; batches.len()]; paths.len()];
    for _ in 0..rounds {
        // Each comes to records that no other has just pulled into the caches.
        for (path, best) in paths.iter_mut().zip(&mut best) {
            for (records, best) in batches.iter().zip(best) {
                *best = time(path, records).min(*best);
            }
        }
    }
    let sums = best.iter().map(|best| best.iter().sum());
    sums.map(|sum: Duration| sum.as_nanos() as f64 / count(batches))
        .collect()
}

fn time(path: &mut Path, records: &Records) -> Duration {
    let clock = SystemClock::new();
    let emitted = path.work(records);
    path.finish_batch();
    let took = clock.now().since(Moment::START);
    assert!(emitted > 0);
    took
}

/// How long so many threads take, each of which works on all batches.
fn together(pipeline: &Compiled, batches: &[Records], threads: usize, rounds: u32) -> Duration {
    let round = || {
        let clock = SystemClock::new();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut path = Path::new(pipeline);
                    batches.iter().for_each(|records| {
                        time(&mut path, records);
                    });
                });
            }
        });
        clock.now().since(Moment::START)
    };
    let best = (0..rounds).map(|_| round()).min();
    best.expect("there is a round")
}

fn steady_allocations(pipeline: &Compiled, batches: &[Records]) -> u64 {
    let mut path = Path::new(pipeline);
    let mut work = || {
        let spent = batches.iter().map(|records| {
            let spent = allocations(|| {
                path.work(records);
            });
            path.finish_batch();
            spent
        });
        spent.sum()
    };
    let growing: u64 = work();
    assert!(growing > 0, "the buffers grow once");
    work()
}

fn count(batches: &[Records]) -> f64 {
    batches.iter().map(Records::len).sum::<usize>() as f64
}
