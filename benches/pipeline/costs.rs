//! CPU, speed and memory: subjects carry the same records one after the other, in rounds.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use greenroom::supervision::{Clock, Moment, SystemClock};
use serde::Serialize;

use crate::collector::Collector;
use crate::feed::Feeder;
use crate::ground::{Ground, PATIENCE};
use crate::progress::Progress;
use crate::rows::{Course, Row};
use crate::subject::{Pipes, Subject};

/// How often it is looked how far a subject is.
const LOOK: Duration = Duration::from_millis(10);

/// What carrying took.
#[derive(Clone, Copy, Serialize)]
pub struct Cost {
    /// Of all threads, user and system, in nanoseconds.
    pub cpu_per_record: f64,
    pub records_per_second: f64,
    /// The most memory that was resident.
    pub peak_bytes: u64,
}

/// The broker, and what lies ready on it.
pub struct Track {
    ground: Ground,
    collector: Collector,
    backlogs: HashMap<(Course, usize), String>,
}

/// A moment of a subject's life.
#[derive(Clone, Copy)]
struct Mark {
    records: usize,
    cpu: Duration,
    at: Moment,
}

impl Track {
    pub fn new(ground: Ground) -> Track {
        Track {
            ground,
            collector: Collector::listen(),
            backlogs: HashMap::new(),
        }
    }

    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    pub fn collector(&self) -> &str {
        self.collector.endpoint()
    }

    /// The rows' costs in each of these rounds, by row.
    pub fn run(&mut self, rows: &[Row], records: usize, rounds: usize) -> Vec<Vec<Cost>> {
        let mut costs = vec![Vec::new(); rows.len()];
        for round in 1..=rounds {
            for (row, costs) in rows.iter().zip(&mut costs) {
                let cost = self.carry(row, row.course.records.unwrap_or(records));
                eprintln!("{round}. {}: {:.0} ns", row.name, cost.cpu_per_record);
                costs.push(cost);
            }
        }
        costs
    }

    /// From the last look at which nothing had come through, so that starting and joining are not
    /// in it, to the last record; the CPU of its orderly end is. Where more records come before or
    /// behind, from look to look between those: there is as much under way at either.
    fn carry(&mut self, row: &Row, records: usize) -> Cost {
        let Course { before, behind, .. } = row.course;
        let (from, to) = (records * before, records * (before + 1));
        let total = to + records * behind;
        let (input, mut feeder) = self.input(&row.course, total);
        let pipes = Pipes::lay(&self.ground, row, input, &[]);
        let (appended, settled) = self.progress(row, &pipes);
        let spans = self.collector.requests();
        let clock = SystemClock::new();
        let mut subject = Subject::start(&self.ground, row, &pipes, self.collector());
        let mut begin = Mark::of(&subject, &clock, 0);
        let (mut end, mut last) = (begin, begin);
        while settled.as_ref().unwrap_or(&appended).total() < total {
            let through = appended.look();
            if let Some(feeder) = &mut feeder {
                feeder.keep_ahead(&through);
            }
            let now = Mark::of(&subject, &clock, through.iter().sum());
            if now.records <= from {
                begin = now;
            }
            if now.records <= to {
                end = now;
            }
            if now.records > last.records {
                last = now;
            }
            let stalled = now.at.since(last.at) > PATIENCE;
            assert!(subject.lives() && !stalled, "{} stands still", row.name);
            thread::sleep(LOOK);
        }
        let finished = Mark::of(&subject, &clock, total);
        let peak_bytes = subject.peak();
        let cpu = subject.end();
        if behind == 0 {
            end = Mark { cpu, ..finished };
        }
        if settled.is_none() {
            assert_eq!(appended.total(), total, "{}: each once", row.name);
        }
        let traced = row.traced.is_some_and(|ratio| ratio != "0");
        assert_eq!(self.collector.requests() > spans, traced, "{}", row.name);
        pipes.remove(&self.ground);
        let carried = (end.records - begin.records) as f64;
        Cost {
            cpu_per_record: (end.cpu - begin.cpu).as_nanos() as f64 / carried,
            records_per_second: carried / end.at.since(begin.at).as_secs_f64(),
            peak_bytes,
        }
    }

    /// A topic that holds all of it; on the embedded broker a new one, and who feeds it.
    fn input(&mut self, course: &Course, records: usize) -> (String, Option<Feeder>) {
        let make = || self.ground.topic("in", course.partitions as i32, &[]);
        let feeder = |topic: &str| Feeder::new(&self.ground, topic, course, records);
        if !self.ground.is_real() {
            let topic = make();
            let feeder = feeder(&topic);
            return (topic, Some(feeder));
        }
        let backlog = self.backlogs.entry((course.clone(), records));
        let topic = backlog.or_insert_with(|| {
            let topic = make();
            feeder(&topic).fill();
            topic
        });
        (topic.clone(), None)
    }

    /// What has come out; and what is committed, where only that tells the end.
    fn progress(&self, row: &Row, pipes: &Pipes) -> (Progress, Option<Progress>) {
        let mut settings = self.ground.settings();
        settings.group.clone_from(&pipes.group);
        let appended = Progress::appended(&settings, &[&pipes.output, &pipes.errors]);
        let settled = row
            .is_exactly_once()
            .then(|| Progress::committed(&settings, &pipes.input));
        (appended, settled)
    }
}

impl Mark {
    fn of(subject: &Subject, clock: &SystemClock, records: usize) -> Mark {
        Mark {
            records,
            cpu: subject.cpu(),
            at: clock.now(),
        }
    }
}

impl Cost {
    /// The one in the middle by CPU.
    pub fn median(mut costs: Vec<Cost>) -> Cost {
        costs.sort_by(|a, b| a.cpu_per_record.total_cmp(&b.cpu_per_record));
        costs[costs.len() / 2]
    }
}
