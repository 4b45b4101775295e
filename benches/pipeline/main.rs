//! What it costs to carry a login event through the house, beside what it costs to carry it from
//! Kafka to Kafka and do nothing with it. All three run in turn, several rounds, in one process.
//!
//! - S: rdkafka's safe calls, `BaseConsumer::poll` to `BaseProducer::send`, on one thread.
//! - F: this crate's `Consumer::read` to `Producer::send`, through the batch's arena.
//! - logins: the whole house with the pipeline of that name, from its start to its drain.
//!
//! `KAFKA_BROKERS=host:port cargo bench --bench pipeline` uses a real broker (the figures that
//! count); else the embedded one, whose own work is part of the process and of the figures, and
//! which knows no append times: there is no row of latencies then.

mod forwarders;
mod ground;
mod house;
mod latency;
mod meter;

use clap::{Arg, ArgAction, Command, value_parser};
use ground::Ground;
use meter::Cost;

/// The allocator that the service has; librdkafka uses it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SUBJECTS: [&str; 3] = ["S", "F", "logins"];

/// How much is asked for.
struct Wish {
    records: Option<usize>,
    rounds: usize,
}

impl Wish {
    fn read() -> Wish {
        let number = |name: &'static str, help: &'static str| {
            let arg = Arg::new(name).long(name).value_name("N").help(help);
            arg.value_parser(value_parser!(u32).range(1..))
        };
        let args = Command::new("pipeline")
            .arg(number(
                "records",
                "To carry [default: 300000; embedded: 80000]",
            ))
            .arg(number("rounds", "Of S, F and logins").default_value("3"))
            // Cargo gives it to every bench.
            .arg(
                Arg::new("bench")
                    .long("bench")
                    .hide(true)
                    .action(ArgAction::SetTrue),
            )
            .get_matches();
        let read = |name| args.get_one::<u32>(name).map(|number| *number as usize);
        Wish {
            records: read("records"),
            rounds: read("rounds").expect("it has a default"),
        }
    }
}

fn main() {
    // As the service does.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let wish = Wish::read();
    let ground = Ground::find();
    // The embedded broker keeps 5 MiB a partition.
    let usual = if ground.is_real() { 300_000 } else { 80_000 };
    // Whole batches, so that all partitions get the same.
    let records = wish
        .records
        .unwrap_or(usual)
        .next_multiple_of(ground::BATCH);
    compare(&ground, records, wish.rounds);
    if ground.is_real() {
        println!("\n{}", latency::measure(&ground));
    }
}

fn compare(ground: &Ground, records: usize, rounds: usize) {
    let input = ground.topic("in", &[]);
    ground.fill(&input, records);
    println!("{records} login events a row; CPU is that of all threads of this process");
    println!("         CPU ns/record     / S   records/s   peak RSS MB");
    let mut costs: [Vec<Cost>; 3] = Default::default();
    for _ in 0..rounds {
        let outputs = SUBJECTS.map(|name| ground.topic(&name.to_lowercase(), &[]));
        let carry: [&dyn Fn(); 3] = [
            &|| forwarders::carry_safely(ground, &input, &outputs[0], records),
            &|| forwarders::carry_fast(ground, &input, &outputs[1], records),
            &|| house::carry(ground, &input, &outputs[2], records),
        ];
        for (costs, carry) in costs.iter_mut().zip(carry) {
            costs.push(meter::measure(carry));
        }
        let last = costs.each_ref().map(|costs| costs[costs.len() - 1]);
        print(&last, records);
    }
    println!("medians");
    print(&costs.map(|mut costs| median(&mut costs)), records);
}

/// By CPU.
fn median(costs: &mut [Cost]) -> Cost {
    costs.sort_by_key(|cost| cost.cpu);
    costs[costs.len() / 2]
}

fn print(costs: &[Cost; 3], records: usize) {
    for (name, cost) in SUBJECTS.iter().zip(costs) {
        println!(
            "{name:8} {:13.0} {:7.2} {:11.0} {:13.0}",
            cost.cpu.as_nanos() as f64 / records as f64,
            cost.cpu.as_secs_f64() / costs[0].cpu.as_secs_f64(),
            records as f64 / cost.wall.as_secs_f64(),
            cost.peak_bytes as f64 / 1e6,
        );
    }
}
