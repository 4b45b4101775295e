//! One service that is fed steadily while things go wrong around it.

use super::{PARTITIONS, settings};
use crate::harness::{Broker, Evidence, Feeder, Pipes, Service, Settings, Topics, eventually};
use crate::p04_bounded_memory::assert_bounded;
use crate::p11_exact_counts::assert_exact;

/// So many more records are committed before anybody believes that work goes on.
const SOME: i64 = 1_000;

/// In one delivery, between topics of its own.
pub struct Steady {
    delivery: &'static str,
    topics: Topics,
    pub pipes: Pipes,
    settings: Settings,
    service: Service,
    feeder: Feeder,
}

impl Steady {
    /// With what is `more` in its settings.
    pub fn start(
        broker: &Broker,
        delivery: &'static str,
        more: impl FnOnce(Settings) -> Settings,
    ) -> Steady {
        let topics = Topics::of(broker);
        let pipes = Pipes::lay(&topics, PARTITIONS);
        let settings = more(settings(broker, &pipes, delivery));
        let steady = Steady {
            delivery,
            service: Service::start(&settings),
            feeder: Feeder::start(broker, &pipes),
            topics,
            pipes,
            settings,
        };
        steady.goes_on("at first");
        steady
    }

    /// Waits until more is committed, without anybody's doing.
    pub fn goes_on(&self, when: &str) {
        let before = self.committed();
        eventually(&format!("{} to go on {when}", self.delivery), || {
            self.committed() > before + SOME
        });
    }

    /// Waits until readiness says that this is missing.
    pub fn misses(&self, what: &str) {
        eventually(&format!("{} to miss {what}", self.delivery), || {
            let (code, reasons) = self.service.get("/readyz");
            code == 503 && reasons.contains(what)
        });
    }

    /// P7: what goes wrong elsewhere is no failure of an actor.
    pub fn has_restarted_nothing(&self) {
        let actors = self.service.status()["actors"].clone();
        for actor in actors.as_array().expect("actors") {
            assert_eq!(actor["restarts"], 0, "{actor}");
        }
    }

    /// All that was fed has come out, and was counted.
    pub fn end(mut self) {
        self.feeder.stop();
        self.topics.wait_for_all(&self.pipes);
        assert_bounded(&self.service);
        assert_eq!(self.service.terminate().code(), Some(0), "drained");
        assert_exact(&self.topics, &self.pipes, &self.settings);
        if self.delivery == "exactly-once" {
            Evidence::assert_exactly_once(&self.topics, &self.pipes);
        } else {
            let evidence = Evidence::gather(&self.topics, &self.pipes);
            evidence.assert_nothing_lost();
            evidence.assert_in_order();
        }
    }

    fn committed(&self) -> i64 {
        self.topics.committed(&self.pipes.group, &self.pipes.input)
    }
}
