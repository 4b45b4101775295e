//! How long after its input was appended an output is appended, at a steady rate.
//!
//! Both times are the broker's own (`message.timestamp.type=LogAppendTime`), so that neither the
//! feeding nor the reading client is in them: one clock, in milliseconds. Every usual login event
//! has one output, in the same partition and order (P2), so the nth of a partition's inputs
//! belongs to the nth of its outputs.

use std::fmt;
use std::thread;
use std::time::Duration;

use greenroom::generator::Pace;
use greenroom::status::Board;
use greenroom::supervision::{Clock, Moment, SystemClock};
use rdkafka::Message;

use crate::forwarders::{Sink, next, reader};
use crate::ground::{Events, Ground, PARTITIONS};
use crate::house;

const RATE: usize = 5_000;
const SECONDS: usize = 10;
const RECORDS: usize = RATE * SECONDS;
const APPEND_TIME: [(&str, &str); 1] = [("message.timestamp.type", "LogAppendTime")];
const TICK: Duration = Duration::from_millis(1);

/// Milliseconds, sorted.
pub struct Latencies(Vec<i64>);

pub fn measure(ground: &Ground) -> Latencies {
    let input = ground.topic("paced", &APPEND_TIME);
    let output = ground.topic("timed", &APPEND_TIME);
    let board = house::board();
    thread::scope(|scope| {
        scope.spawn(|| feed(ground, &input, &board));
        house::serve(ground, &input, &output, &board, RECORDS);
    });
    let inputs = append_times(ground, &input);
    let outputs = append_times(ground, &output);
    let pairs = inputs.iter().flatten().zip(outputs.iter().flatten());
    let mut latencies: Vec<i64> = pairs.map(|(input, output)| output - input).collect();
    latencies.sort_unstable();
    Latencies(latencies)
}

/// Begins once the house has its partitions: what it costs to join is not asked here.
fn feed(ground: &Ground, input: &str, board: &Board) {
    let mut events = Events::new();
    let mut sink = Sink::new(&ground.settings(), input);
    while board.snapshot().partitions.is_empty() {
        thread::sleep(TICK);
    }
    let mut pace = Pace::new(RATE as f64).expect("a rate above zero");
    let clock = SystemClock::new();
    let mut sent = 0;
    while sent < RECORDS {
        let due = pace.due(clock.now().since(Moment::START)) as usize;
        for record in events.batch(due.min(RECORDS - sent)).iter() {
            sink.send(sent as i32 % PARTITIONS, record);
            sent += 1;
        }
        thread::sleep(TICK);
    }
    sink.finish();
}

/// Of each partition's records, in order.
fn append_times(ground: &Ground, topic: &str) -> Vec<Vec<i64>> {
    let consumer = reader(&ground.settings(), topic);
    let mut times = vec![Vec::new(); PARTITIONS as usize];
    for _ in 0..RECORDS {
        let message = next(&consumer);
        let time = message.timestamp().to_millis().expect("an append time");
        times[message.partition() as usize].push(time);
    }
    times
}

impl Latencies {
    fn percentile(&self, percent: usize) -> i64 {
        self.0[self.0.len() * percent / 100]
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99) = (self.percentile(50), self.percentile(99));
        let longest = self.0[self.0.len() - 1];
        write!(
            f,
            "at {RATE} records/s, input append to output append: p50 {p50} ms, p99 {p99} ms, longest {longest} ms"
        )
    }
}
