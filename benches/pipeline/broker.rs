//! The embedded broker in a process of its own, so that its work is in nobody's figures.
//!
//! It prints its address, makes a topic for each line `NAME PARTITIONS` of its stdin, answers each
//! with a line, and ends with its stdin.

use std::io::{self, BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use greenroom::kafka::EmbeddedBroker;

/// What the bench's own program is told to be one.
pub const ROLE: &str = "embedded-broker";

/// A broker that ends with this value.
pub struct Embedded {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pub bootstrap: String,
}

impl Embedded {
    pub fn start() -> Embedded {
        let program = std::env::current_exe().expect("a program knows where it is");
        let mut process = Command::new(program)
            .arg(ROLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let orders = process.stdin.take().expect("it is piped");
        let stdout = process.stdout.take().expect("it is piped");
        let mut answers = BufReader::new(stdout).lines();
        Embedded {
            bootstrap: answer(&mut answers),
            process,
            orders,
            answers,
        }
    }

    pub fn create_topic(&mut self, name: &str, partitions: i32) {
        writeln!(self.orders, "{name} {partitions}").expect("the broker listens");
        answer(&mut self.answers);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // It has nothing to save, and may be gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn answer(answers: &mut Lines<BufReader<ChildStdout>>) -> String {
    let answer = answers.next().expect("the broker lives");
    answer.expect("the broker speaks text")
}

/// Is one, until nobody wants it any more.
pub fn serve() {
    let broker = EmbeddedBroker::start(1).expect("an embedded broker");
    println!("{}", broker.bootstrap());
    for order in io::stdin().lines() {
        let order = order.expect("an order is text");
        let (name, partitions) = order.split_once(' ').expect("a name and a number");
        let partitions = partitions.parse().expect("a number");
        broker.create_topic(name, partitions).expect("a topic");
        println!("made");
    }
}
