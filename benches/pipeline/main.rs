//! What it costs to carry a login event through the house, beside what it costs to carry it from
//! Kafka to Kafka and do nothing with it.
//!
//! ```text
//!                      ┌── broker: a real one, or the embedded one in a process of its own
//!   this process ──────┤
//!   feeds, looks on    └── subject: a process a row and round; what it takes is the figure
//! ```
//! Subjects take turns, several rounds of them. Each is the program that people run, set by the
//! variables that they set: `greenroom run`, or a forwarder (S by rdkafka's safe calls, F by this
//! crate's batch calls). `cargo bench --bench pipeline -- --help` says what can be asked for.

#[path = "../../src/allocator.rs"]
mod allocator;
mod broker;
mod collector;
mod costs;
mod feed;
mod forwarders;
mod ground;
mod latency;
mod progress;
mod report;
mod rows;
mod subject;
mod wish;

use costs::{Cost, Track};
use ground::Ground;
use report::{Line, Report};
use rows::{Paced, REFERENCE, Row};
use wish::Wish;

fn main() {
    allocator::settle();
    // The forwarders and the embedded broker are this program in another role.
    match std::env::args().nth(1).as_deref() {
        Some(broker::ROLE) => broker::serve(),
        Some(forwarders::SAFE) => forwarders::carry_safely(),
        Some(forwarders::FAST) => forwarders::carry_fast(),
        _ => bench(&Wish::read()),
    }
}

fn bench(wish: &Wish) {
    let ground = Ground::find();
    let fits = |row: &Row| ground.is_real() || !row.needs_real_broker();
    let is_wanted = |row: &Row| row.is_wanted(&wish.only) && fits(row);
    let mut costs = rows::costs();
    costs.retain(is_wanted);
    let mut latencies = rows::latencies();
    latencies.retain(|paced| is_wanted(&paced.row));
    if wish.list {
        list(&costs, &latencies);
        return;
    }
    if !costs.is_empty() && costs.iter().all(|row| row.name != REFERENCE) {
        let reference = rows::costs().into_iter().take(1);
        costs.splice(0..0, reference);
    }
    let report = run(wish, ground, &costs, &latencies);
    if wish.json {
        let json = serde_json::to_string(&report);
        println!("{}", json.expect("texts and numbers"));
    } else {
        print!("{report}");
    }
}

fn list(costs: &[Row], latencies: &[Paced]) {
    let latencies = latencies.iter().map(|paced| &paced.row);
    for row in costs.iter().chain(latencies) {
        println!("{}", row.name);
    }
}

fn run(wish: &Wish, ground: Ground, costs: &[Row], latencies: &[Paced]) -> Report {
    let real_broker = ground.is_real();
    let mut track = Track::new(ground);
    let found = track.run(costs, wish.records, wish.rounds);
    let found = costs.iter().zip(found);
    let line = |(row, costs): (&Row, Vec<Cost>)| Line {
        name: row.name.clone(),
        found: Cost::median(costs),
    };
    let costs = found.map(line).collect();
    let line = |paced: &Paced| Line {
        name: paced.row.name.clone(),
        found: latency::measure(&track, paced, wish.seconds),
    };
    Report {
        real_broker,
        records: wish.records,
        rounds: wish.rounds,
        costs,
        latencies: latencies.iter().map(line).collect(),
    }
}
