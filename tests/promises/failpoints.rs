//! P1, P2, P11 and P12 where a process dies at the worst of moments: at each failpoint once.

use std::os::unix::process::ExitStatusExt;

use clap::ValueEnum;
use greenroom::failpoint::{Moment, Stage};

use crate::harness::{
    Broker, Evidence, Pipes, Redis, Service, Settings, Topics, eventually, feed_mixed,
};
use crate::p11_exact_counts::assert_exact;

const KILLED: Option<i32> = Some(9);

/// When a running service comes to a stage.
#[derive(PartialEq)]
enum Passage {
    WhileItWorks,
    AtItsEnd,
    Never,
}

fn passage(delivery: &str, stage: Stage) -> Passage {
    match (delivery, stage) {
        ("at-least-once", Stage::SendOffsets) => Passage::Never,
        // Acknowledgements are taken as they come; nobody waits for all of them but at the end.
        ("at-least-once", Stage::Flush) => Passage::AtItsEnd,
        _ => Passage::WhileItWorks,
    }
}

/// One service after the other works on the same input and dies, each at another failpoint.
struct Walk<'a> {
    delivery: &'a str,
    settings: Settings,
    topics: Topics,
    pipes: Pipes,
}

impl<'a> Walk<'a> {
    fn begin(delivery: &'a str, counts: impl FnOnce(Settings) -> Settings) -> Self {
        let broker = Broker::shared();
        let topics = Topics::of(broker);
        let pipes = Pipes::lay(&topics, 4);
        let settings = Settings::logins(broker, &pipes)
            .with("GREENROOM_DELIVERY", delivery)
            .with("GREENROOM_COMMIT_INTERVAL", "100ms")
            .with("GREENROOM_BATCH_RECORDS", "20")
            // Who comes back under its name takes its partitions up at once.
            .with("GREENROOM_INSTANCE", "the-one")
            .with("GREENROOM_STATIC_MEMBERSHIP", "true");
        Walk {
            delivery,
            settings: counts(settings),
            topics,
            pipes,
        }
    }

    fn die_at_each(&self) {
        for stage in Stage::value_variants() {
            for moment in Moment::value_variants() {
                match passage(self.delivery, *stage) {
                    Passage::WhileItWorks => self.die_at_work(*stage, *moment),
                    Passage::AtItsEnd => self.die_at_the_end(*stage, *moment),
                    Passage::Never => {}
                }
            }
        }
    }

    fn die_at_work(&self, stage: Stage, moment: Moment) {
        let number = match (stage, moment) {
            // Until it has partitions it polls for nothing, every 25 ms.
            (Stage::Poll, Moment::Before) => 100,
            _ => 3,
        };
        let mut service = self.start_armed(stage, moment, number);
        let mut ended = None;
        eventually("the service to die at work", || {
            self.feed();
            ended = service.ended();
            ended.is_some()
        });
        assert_eq!(ended.and_then(|status| status.signal()), KILLED);
    }

    fn die_at_the_end(&self, stage: Stage, moment: Moment) {
        self.feed();
        let mut service = self.start_armed(stage, moment, 1);
        self.topics.wait_for_all(&self.pipes);
        assert_eq!(service.terminate().signal(), KILLED);
    }

    fn start_armed(&self, stage: Stage, moment: Moment, number: u32) -> Service {
        let failpoint = format!("{}:{}:{number}", name(stage), name(moment));
        eprintln!("{failpoint} from {:?}", self.topics.ends(&self.pipes.input));
        Service::start(&self.settings.clone().with("FAILPOINT", &failpoint))
    }

    fn feed(&self) {
        feed_mixed(&self.topics, &self.pipes, 40);
    }

    /// The last one lives, and finishes what the others have left.
    fn end(self) -> Evidence {
        let mut service = Service::start(&self.settings);
        self.feed();
        self.topics.wait_for_all(&self.pipes);
        assert_eq!(service.terminate().code(), Some(0));
        assert_exact(&self.topics, &self.pipes, &self.settings);
        let evidence = Evidence::gather(&self.topics, &self.pipes);
        evidence.assert_nothing_lost();
        evidence.assert_in_order();
        evidence
    }
}

fn name(value: impl ValueEnum) -> String {
    let named = value.to_possible_value().expect("none is hidden");
    named.get_name().to_owned()
}

fn walk(delivery: &str) -> Evidence {
    let walk = Walk::begin(delivery, |settings| settings);
    walk.die_at_each();
    walk.end()
}

fn walk_with_redis(delivery: &str) -> Evidence {
    let redis = Redis::start();
    let walk = Walk::begin(delivery, |settings| settings.with_counts_in(&redis));
    walk.die_at_each();
    walk.end()
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p1_p11_at_least_once_survives_every_failpoint_with_counts_in_kafka() {
    walk("at-least-once");
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn p1_p11_at_least_once_survives_every_failpoint_with_counts_in_redis() {
    walk_with_redis("at-least-once");
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p11_p12_exactly_once_survives_every_failpoint_with_counts_in_kafka() {
    walk("exactly-once").assert_no_duplicate();
}

#[test]
#[ignore = "needs Java, Maven and redis-server; run: cargo test --test promises -- --ignored"]
fn p11_p12_exactly_once_survives_every_failpoint_with_counts_in_redis() {
    walk_with_redis("exactly-once").assert_no_duplicate();
}
