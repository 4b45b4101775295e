//! The reading thread: polls librdkafka, feeds the intake, and has its actions carried out.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use super::waiting::Waiting;
use super::{Drain, Wiring};
use crate::actors::Complaints;
use crate::actors::messages::{Close, Hurry};
use crate::failpoint::{self, Stage};
use crate::flow::{Intake, Partition, Report, Stalls};
use crate::kafka;
use crate::status::{Latch, Operation};
use crate::supervision::{Clock, Moment, Pulse, SystemClock, unix_nanos};

/// How long the thread rests where nothing is to be read: reports, orders and rebalances are
/// looked at that often. A record that arrives wakes it at once.
const REST: Duration = Duration::from_millis(25);
const STATUS_INTERVAL: Duration = Duration::from_millis(500);
/// For leaving the group: a broker that does not answer must not hold up the end.
const CLOSE: Duration = Duration::from_secs(5);

/// The thread's state; [`Reading::run`] is its life.
pub struct Reading {
    pub(super) wiring: Wiring,
    pub(super) client: kafka::Consumer,
    pub(super) intake: Intake,
    pub(super) waiting: Waiting,
    pub(super) drained: bool,
    pub(super) pulse: Pulse,
    pub(super) draining: bool,
    pub(super) stalls: Stalls,
    pub(super) complaints: Complaints,
    /// When the commit under way was asked for, in Unix nanoseconds.
    pub(super) committing_since: u64,
    reports: Receiver<Report>,
    orders: Receiver<Drain>,
    clock: SystemClock,
    committed_at: Duration,
    status_due: Duration,
    abandoned: bool,
    /// When a new client asks the group to be taken, since it has barred this one.
    pub(super) knocks_at: Option<Duration>,
}

impl Reading {
    /// Joins the group. An error says what librdkafka refused.
    pub fn begin(wiring: Wiring, pulse: Pulse, orders: Receiver<Drain>) -> Result<Self, String> {
        let reports = wiring.reports.open();
        let client = join(&wiring)?;
        let workers = &wiring.transformers;
        let incarnations = workers.iter().map(|worker| worker.incarnation().number());
        let intake = Intake::new(
            incarnations.collect(),
            wiring.split,
            wiring.limits.drain,
            wiring.heritage.clone(),
        );
        let joining = "the consumer group is not joined yet";
        wiring.board.not_ready(Latch::Group, joining);
        // What the consumer of before has left is void.
        wiring.fence();
        Ok(Reading {
            client,
            intake,
            waiting: Waiting::default(),
            drained: false,
            pulse,
            reports,
            orders,
            clock: SystemClock::new(),
            committed_at: Duration::ZERO,
            status_due: Duration::ZERO,
            draining: false,
            stalls: Stalls::new(wiring.limits.stall),
            complaints: Complaints::default(),
            committing_since: 0,
            abandoned: false,
            knocks_at: None,
            wiring,
        })
    }

    /// Reads until all is drained, the actor is gone, or something final happens.
    pub fn run(mut self) -> Result<(), String> {
        let end = self.read_on();
        self.tell_outcomes();
        if self.drained {
            self.wiring.board.set_partitions(Vec::new());
        } else {
            self.publish();
        }
        // Fence first: leaving the group gives our partitions to others (P3).
        drop(self.intake);
        leave(self.client);
        end
    }

    fn read_on(&mut self) -> Result<(), String> {
        while !self.drained && !self.abandoned {
            self.turn()?;
            self.rest()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), String> {
        let _busy = self.pulse.clone().busy();
        self.serve_client()?;
        self.take_orders();
        while let Ok(report) = self.reports.try_recv() {
            self.hear(report)?;
        }
        self.tell_outcomes();
        self.keep_time()?;
        // Before anything is admitted: what waits of a partition that is to be read again is void.
        self.act()?;
        self.admit();
        self.act()
    }

    fn admit(&mut self) {
        let (intake, budget) = (&mut self.intake, &self.wiring.budget);
        let new = self.waiting.admit(intake, budget, unix_nanos());
        if new > 0 {
            self.wiring.board.consumed(new as u64);
        }
    }

    /// Waits for records where they may be read, else for reports.
    fn rest(&mut self) -> Result<(), String> {
        if self.may_read() {
            return self.read();
        }
        match self.reports.recv_timeout(REST) {
            Ok(report) => self.hear(report),
            Err(_) => Ok(()),
        }
    }

    fn hear(&mut self, report: Report) -> Result<(), String> {
        match report {
            Report::Undecided => self.rewind_to_committed(),
            report => {
                self.intake.report(report, self.now());
                Ok(())
            }
        }
    }

    fn may_read(&self) -> bool {
        !self.wiring.board.is_paused()
            && !self.draining
            && self.waiting.is_empty()
            && self.wiring.budget.available() > 0
    }

    fn read(&mut self) -> Result<(), String> {
        let mut broken = Vec::new();
        let (limits, tracer) = (&self.wiring.limits, &self.wiring.tracer);
        failpoint::before(Stage::Poll);
        let begun = unix_nanos();
        let fetch = self
            .client
            .gather(REST, limits.batch_wait, limits.batch_records);
        let ended = unix_nanos();
        for run in fetch.runs() {
            match run {
                Ok(run) => {
                    let partition = partition(run.topic, run.partition);
                    let records = run.records();
                    tracer.polled(partition, &records, (begun, ended));
                    self.waiting.push(partition, records);
                }
                Err(error) => broken.push(error),
            }
        }
        drop(fetch);
        // Nothing waited before: nothing more is read then.
        if !self.waiting.is_empty() {
            failpoint::after(Stage::Poll);
            let took = Duration::from_nanos(ended.saturating_sub(begun));
            self.wiring.board.operated(Operation::Poll, took);
        }
        broken
            .into_iter()
            .try_for_each(|error| self.partition_error(error))
    }

    fn take_orders(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(Drain) => {
                    self.draining = true;
                    self.intake.drain(self.now());
                    let _ = self.wiring.aggregator.send(Hurry);
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.abandoned = true;
                    return;
                }
            }
        }
    }

    fn keep_time(&mut self) -> Result<(), String> {
        let now = self.now();
        let mut interval = self.wiring.limits.commit_interval;
        if self.intake.is_leaving() {
            // Somebody waits for what is in flight.
            interval = interval.min(REST);
        }
        if now >= self.committed_at + interval {
            self.committed_at = now;
            let _ = self.wiring.producer.send(Close);
            self.intake.commit();
        }
        if now >= self.status_due {
            self.status_due = now + STATUS_INTERVAL;
            self.publish();
            self.find_stall()?;
        }
        if self.knocks_at.is_some_and(|at| now >= at) {
            self.knocks_at = None;
            leave(std::mem::replace(&mut self.client, join(&self.wiring)?));
        }
        self.intake.progress(now);
        Ok(())
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now().since(Moment::START)
    }
}

fn join(wiring: &Wiring) -> Result<kafka::Consumer, String> {
    let topics: Vec<&str> = wiring.topics.iter().map(String::as_str).collect();
    let mut client = kafka::Consumer::new(&wiring.kafka).map_err(reason)?;
    client.subscribe(&topics).map_err(reason)?;
    Ok(client)
}

/// Who cannot say goodbye is missed by the group in time.
fn leave(client: kafka::Consumer) {
    if let Err(error) = client.close(CLOSE) {
        tracing::warn!(%error, "the group was not left in order");
    }
}

pub(super) fn reason(error: kafka::Error) -> String {
    error.to_string()
}

/// The pipeline's inputs are few.
pub(super) fn partition(topic: usize, id: i32) -> Partition {
    Partition {
        topic: u16::try_from(topic).unwrap_or(u16::MAX),
        id,
    }
}
