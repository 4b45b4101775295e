//! Reads topics and prints what comes.
//!
//! Without a group all partitions are assigned by hand: nobody waits for a group to form, and
//! none is left behind. With one, its members share the partitions, and what was printed is
//! committed.
//!
//! A question that no broker answers is asked again at the next round, so that each round is short
//! and a stop is heard.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use super::printer::Printer;
use crate::cli::setup::Setup;
use crate::cli::{Outcome, running};
use crate::kafka::{
    Admin, Class, ClientError, Code, Consumer, ControlEvent, Error, PartitionError, Settings,
    TopicPartition,
};
use crate::repeats::Repeats;
use crate::supervision::{Clock, Moment, SystemClock};

mod places;

/// For one question to the broker.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two looks at the topics, which find partitions that are new and brokers that are gone.
const LOOK: Duration = Duration::from_secs(10);
/// The same while something is wrong; that is said every [`SAY`].
const RETRY: Duration = Duration::from_secs(1);
const SAY: Duration = Duration::from_secs(10);
/// How long a round waits for records; a stop or a closed pipe is noticed as soon.
const ROUND: Duration = Duration::from_millis(100);
/// Records of a round, at most.
const MOST: usize = 500;
/// Named where there is no group: librdkafka reads for none. Nobody joins it or commits for it.
const NOBODY: &str = "greenroom-view";

/// What to follow.
pub struct Wish {
    /// Each once.
    pub topics: Vec<String>,
    pub from_beginning: bool,
    /// Records to print.
    pub count: u64,
    /// The group to join.
    pub group: Option<String>,
}

/// The reading thread's own.
pub struct Follower {
    wish: Wish,
    consumer: Consumer,
    admin: Admin,
    brokers: String,
    /// The pipeline's topics, which `topics create` makes.
    own_topics: Vec<String>,
    commit_interval: Duration,
    /// Disconnected: stop.
    stopped: Receiver<()>,
    clock: SystemClock,
    troubles: Repeats,
    next_look: Moment,
    next_commit: Moment,
    /// Whether the topics have been there.
    begun: bool,
    /// Partitions to begin with, once a broker says where.
    waiting: Option<Vec<TopicPartition>>,
    /// The next offset of each partition that is read.
    positions: BTreeMap<TopicPartition, i64>,
    /// Partitions whose next records are gone.
    expired: Vec<TopicPartition>,
    /// Whether anything was printed since the last commit.
    fresh: bool,
}

impl Follower {
    /// Makes the clients; they connect in the background.
    ///
    /// # Errors
    /// Where a property is wrong.
    pub fn new(setup: &Setup, wish: Wish, stopped: Receiver<()>) -> Result<Follower, Error> {
        let settings = Settings {
            group: wish.group.clone().unwrap_or_else(|| NOBODY.to_owned()),
            // Partitions are to go to other members at once when this one leaves.
            static_membership: false,
            ..setup.kafka()
        };
        Ok(Follower {
            consumer: Consumer::new(&settings)?,
            admin: Admin::new(&settings)?,
            brokers: settings.brokers,
            own_topics: setup.topics().into_iter().map(str::to_owned).collect(),
            commit_interval: setup.config.flow.commit_interval(),
            wish,
            stopped,
            clock: SystemClock::new(),
            troubles: Repeats::new(SAY),
            next_look: Moment::START,
            next_commit: Moment::START,
            begun: false,
            waiting: None,
            positions: BTreeMap::new(),
            expired: Vec::new(),
            fresh: false,
        })
    }

    /// Prints until there is enough, nobody reads it, or a stop.
    pub fn follow(mut self, mut printer: Printer) -> Outcome {
        while self.wish.count > 0 && !self.is_stopped() && !printer.is_closed() {
            self.serve()?;
            if self.clock.now() >= self.next_look {
                self.look()?;
            }
            self.begin()?;
            self.skip_expired()?;
            match self.print(&mut printer) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                printed => printed.map_err(running)?,
            }
            if self.clock.now() >= self.next_commit {
                self.commit();
            }
        }
        self.leave();
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stopped.try_recv() == Err(TryRecvError::Disconnected)
    }

    fn serve(&mut self) -> Outcome {
        for event in self.consumer.events() {
            match event {
                ControlEvent::Assign(partitions) => self.waiting = Some(partitions),
                ControlEvent::Revoke(partitions) => self.give_back(&partitions)?,
                ControlEvent::Error(error) => self.client_error(&error)?,
                // Commits here are waited for.
                ControlEvent::Committed(_) => {}
            }
        }
        Ok(())
    }

    /// Transient errors are librdkafka's to mend, and the next look says how that goes.
    fn client_error(&self, error: &ClientError) -> Outcome {
        // It asks for the coordinator of a group that we only name.
        let nobodys = self.wish.group.is_none() && error.code == Code::GroupAuthorizationFailed;
        match error.class() {
            Class::Transient => Ok(()),
            Class::Final(_) if nobodys => Ok(()),
            Class::Final(wrong) => Err(running(format!("{error}: {wrong}"))),
            Class::Fenced | Class::Barred | Class::Fatal => Err(running(error)),
        }
    }

    fn print(&mut self, printer: &mut Printer) -> io::Result<()> {
        let fetch = self.consumer.read(ROUND, MOST);
        for run in fetch.runs() {
            let run = match run {
                Ok(run) => run,
                Err(PartitionError {
                    topic,
                    partition,
                    code,
                    ..
                }) => {
                    // Others are tried again by librdkafka.
                    if code == Code::AutoOffsetReset {
                        let topic = &self.wish.topics[topic];
                        self.expired.push(TopicPartition::new(topic, partition));
                    }
                    continue;
                }
            };
            let topic = &self.wish.topics[run.topic];
            let records = run.records();
            let wanted = usize::try_from(self.wish.count).unwrap_or(usize::MAX);
            let wanted = wanted.min(records.len());
            if wanted == 0 {
                break;
            }
            printer.print(topic, run.partition, records.iter().take(wanted))?;
            self.wish.count -= wanted as u64;
            self.fresh = true;
            let next = records.get(wanted - 1).offset() + 1;
            let partition = TopicPartition::new(topic, run.partition);
            self.positions.insert(partition, next);
        }
        Ok(())
    }

    fn offsets(&self) -> Vec<(TopicPartition, i64)> {
        let positions = self.positions.iter();
        positions
            .map(|(partition, offset)| (partition.clone(), *offset))
            .collect()
    }

    fn give_back(&mut self, partitions: &[TopicPartition]) -> Outcome {
        self.commit();
        self.waiting = None;
        self.positions
            .retain(|partition, _| !partitions.contains(partition));
        self.consumer.unassign(partitions).map_err(running)
    }

    /// Commits what was printed, where there is a group to commit it for.
    fn commit(&mut self) {
        self.next_commit = self.clock.now() + self.commit_interval;
        if self.wish.group.is_none() || !std::mem::take(&mut self.fresh) {
            return;
        }
        if let Err(error) = self.consumer.commit_and_wait(&self.offsets()) {
            tracing::warn!(%error, "what was printed may be printed again");
        }
    }

    /// Commits and leaves the group, so that its other members need not wait for us.
    fn leave(mut self) {
        self.commit();
        if self.wish.group.is_some()
            && let Err(error) = self.consumer.close(ANSWER)
        {
            tracing::warn!(%error, "the group waits for us until the session ends");
        }
    }

    /// A question that got no answer is asked again, unless that cannot help.
    fn trouble(&mut self, error: &Error) -> Outcome {
        if let Class::Final(wrong) = error.class() {
            return Err(running(format!("{error}: {wrong}")));
        }
        let now = self.clock.now().since(Moment::START);
        if self.troubles.admit(now).is_some() {
            tracing::error!("no broker answers at {}: {error}", self.brokers);
        }
        Ok(())
    }
}
