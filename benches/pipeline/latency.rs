//! How long a record takes at a steady rate: until its output is appended, and until a reader of
//! what is committed has it.
//!
//! Every usual login event has one output, in the same partition and order (P2), so the nth of a
//! partition's inputs belongs to the nth of its outputs. Appended by whose clock: a real broker
//! stamps inputs and outputs (`message.timestamp.type=LogAppendTime`), in whole milliseconds. The
//! embedded one stamps nothing: there an output has the time at which its input was sent (P9), and
//! nobody knows when it was appended. Read by whose clock: this process's, which is the broker's
//! where both are on one machine. What is not visible before its transaction is committed is not
//! read before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use greenroom::generator::Pace;
use greenroom::supervision::{Clock, Moment, SystemClock};
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::BorrowedMessage;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::costs::Track;
use crate::feed::Events;
use crate::forwarders::{Sink, reader};
use crate::ground::{Ground, PATIENCE};
use crate::rows::{Paced, Row};
use crate::subject::{Pipes, Subject};

/// Records that go ahead, so that connections and buffers are there: nobody asks how long they
/// take.
const AHEAD: usize = 1_000;
const APPEND_TIME: [(&str, &str); 1] = [("message.timestamp.type", "LogAppendTime")];
const TICK: Duration = Duration::from_millis(1);

/// In milliseconds.
#[derive(Serialize)]
pub struct Latency {
    /// From the input's append to the output's. None where the broker does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appended: Option<Percentiles>,
    /// From the input's append to a reader's having the output.
    pub read: Percentiles,
}

#[derive(Clone, Copy, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

/// An output, in Unix milliseconds.
struct Seen {
    stamped: f64,
    read: f64,
}

pub fn measure(track: &Track, paced: &Paced, seconds: usize) -> Latency {
    let (ground, row) = (track.ground(), &paced.row);
    let partitions = row.course.partitions;
    let records = AHEAD + paced.rate * seconds;
    let input = ground.topic("paced", partitions as i32, &APPEND_TIME);
    let pipes = Pipes::lay(ground, row, input, &APPEND_TIME);
    let subject = Subject::start(ground, row, &pipes, track.collector());
    let through = AtomicUsize::new(0);
    let outputs = thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let reader = reader(&ground.settings(), &pipes.output);
            follow(&reader, partitions, records, &through)
        });
        feed(ground, row, &pipes.input, (paced.rate, records), &through);
        follower.join().expect("it reads to the end")
    });
    subject.end();
    let latency = if ground.is_real() {
        let reader = reader(&ground.settings(), &pipes.input);
        let inputs = follow(&reader, partitions, records, &AtomicUsize::new(0));
        Latency {
            appended: Some(percentiles(&inputs, &outputs, |output| output.stamped)),
            read: percentiles(&inputs, &outputs, |output| output.read),
        }
    } else {
        Latency {
            appended: None,
            read: percentiles(&outputs, &outputs, |output| output.read),
        }
    };
    ground.delete(&[&pipes.input]);
    pipes.remove(ground);
    latency
}

/// Those that go ahead, and once they are through the others at their rate.
fn feed(
    ground: &Ground,
    row: &Row,
    topic: &str,
    (rate, records): (usize, usize),
    through: &AtomicUsize,
) {
    let mut events = Events::new(&row.course);
    let mut sink = Sink::new(&ground.settings(), topic);
    let mut sent = 0;
    let mut send = |count: usize| {
        for record in events.batch(count).iter() {
            sink.send((sent % row.course.partitions) as i32, record);
            sent += 1;
        }
        sent
    };
    send(AHEAD);
    while through.load(Ordering::Relaxed) < AHEAD {
        thread::sleep(TICK);
    }
    let mut pace = Pace::new(rate as f64).expect("a rate above zero");
    let clock = SystemClock::new();
    let mut left = records - AHEAD;
    while left > 0 {
        let due = pace.due(clock.now().since(Moment::START)) as usize;
        let due = due.min(left);
        send(due);
        left -= due;
        thread::sleep(TICK);
    }
    sink.finish();
}

/// Of each partition's records, in order.
fn follow(
    reader: &BaseConsumer,
    partitions: usize,
    records: usize,
    through: &AtomicUsize,
) -> Vec<Vec<Seen>> {
    let mut seen: Vec<Vec<Seen>> = Vec::new();
    seen.resize_with(partitions, Vec::new);
    for number in 1..=records {
        let message = next(reader);
        seen[message.partition() as usize].push(Seen {
            stamped: message.timestamp().to_millis().expect("a time") as f64,
            read: unix_millis(),
        });
        through.store(number, Ordering::Relaxed);
    }
    seen
}

/// There must be one.
fn next(reader: &BaseConsumer) -> BorrowedMessage<'_> {
    let message = reader.poll(PATIENCE).expect("a record");
    message.expect("a message")
}

fn unix_millis() -> f64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

fn percentiles(
    inputs: &[Vec<Seen>],
    outputs: &[Vec<Seen>],
    time: impl Fn(&Seen) -> f64,
) -> Percentiles {
    let ahead = AHEAD / inputs.len();
    let pairs = inputs.iter().zip(outputs);
    let pairs = pairs.flat_map(|(inputs, outputs)| inputs.iter().zip(outputs).skip(ahead));
    let took = pairs.map(|(input, output)| time(output) - input.stamped);
    let mut took: Vec<f64> = took.collect();
    took.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| took[(took.len() as f64 * share) as usize];
    Percentiles {
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
    }
}
