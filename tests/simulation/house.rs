//! One process: the actors as thin shells around the deciding values, each with a mailbox.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use greenroom::counts::{Change, Memory, PartitionCounts, Saved, Storing, Tally};
use greenroom::flow::generation::Lease;
use greenroom::flow::intake::Heritage;
use greenroom::flow::{Batch, BatchId, Budget, Intake, Outbox, Partition, Report, Split};
use greenroom::record::Outgoing;

use crate::kafka::{Client, Kafka};

mod consumer;
mod keeper;
mod producer;
mod results;
mod transacting;
mod worker;

use transacting::Transacting;
use worker::{Reject, Thread, Worker};

/// A rule broken on purpose, by the shell around the values: the simulation must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    CommitOneTooFar,
    SettleAnOldGeneration,
    SkipAFence,
    LoseAReplay,
    ForgetADeadLetter,
    SettleBeforeItIsStored,
    StoreOverWhatOthersCounted,
    CommitOutsideTheTransaction,
    StraddleTwoTransactions,
    SettleBeforeTheCommit,
    StoreBeyondTheTransaction,
    RestoreBeforeItIsDecided,
    TakeOverWithoutAsking,
    SplitByAnythingButTheKey,
    PartGoesAstray,
    DoneAtItsFirstPart,
    CountItsFirstPartAsAll,
}

impl Mutation {
    /// Whether it is a rule of batches that workers share.
    pub fn is_of_parts(self) -> bool {
        matches!(
            self,
            Mutation::SplitByAnythingButTheKey
                | Mutation::PartGoesAstray
                | Mutation::DoneAtItsFirstPart
                | Mutation::CountItsFirstPartAsAll
        )
    }

    /// Whether it is a rule of exactly-once that is broken.
    pub fn is_of_transactions(self) -> bool {
        matches!(
            self,
            Mutation::CommitOutsideTheTransaction
                | Mutation::StraddleTwoTransactions
                | Mutation::SettleBeforeTheCommit
                | Mutation::TakeOverWithoutAsking
        ) || self.is_of_carried_counts()
    }

    /// Whether it is a rule of counts that are stored with transactions.
    pub fn is_of_carried_counts(self) -> bool {
        matches!(
            self,
            Mutation::StoreBeyondTheTransaction | Mutation::RestoreBeforeItIsDecided
        )
    }
}

/// Actors that are replaced as a whole; workers are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Producer,
    Router,
    Aggregator,
}

pub const ROLES: [Role; 3] = [Role::Producer, Role::Router, Role::Aggregator];

/// A mailbox dies with its actor, and what is sent to the dead is lost.
pub struct Mailbox<M> {
    up: bool,
    queue: VecDeque<M>,
}

impl<M> Mailbox<M> {
    fn new() -> Self {
        Mailbox {
            up: true,
            queue: VecDeque::new(),
        }
    }

    fn send(&mut self, message: M) {
        if self.up {
            self.queue.push_back(message);
        }
    }

    fn kill(&mut self) {
        self.up = false;
        self.queue.clear();
    }

    pub fn is_up(&self) -> bool {
        self.up
    }

    pub fn has_mail(&self) -> bool {
        !self.queue.is_empty()
    }
}

pub enum ToProducer {
    Processed {
        batch: Arc<Batch>,
        outgoing: Outgoing,
        rejected: bool,
    },
    DeadLetters {
        batch: Arc<Batch>,
        outgoing: Outgoing,
    },
    Fence,
    Close,
    Allow {
        transaction: u64,
        /// Of the group, as whose member; none where it is no member.
        generation: Option<u64>,
    },
}

pub enum ToAggregator {
    Fence,
    Restore {
        partition: Partition,
        lease: Lease,
        start: i64,
    },
    Counts(Counts),
    Loaded {
        partition: Partition,
        lease: Lease,
        start: i64,
        stored: Option<PartitionCounts>,
    },
    Stored(Vec<Saved>),
}

/// What the keeper is asked to do, and by which aggregator.
pub struct Job {
    incarnation: u64,
    task: Task,
}

enum Task {
    Load {
        partition: Partition,
        lease: Lease,
        start: i64,
        /// Where the log of counts ended when it was asked.
        end: usize,
    },
    Save(Vec<Change>),
}

pub struct Counts {
    batch: Arc<Batch>,
    offsets: Vec<i64>,
}

/// The actors of a process and what they share.
pub struct House {
    pub life: u32,
    split: Split,
    mutation: Option<Mutation>,
    heritage: Heritage,
    pub budget: Budget,
    storing: Storing,
    tally: Tally,
    /// What outlives the processes.
    store: Memory,
    /// Done one after the other.
    pub keeper: VecDeque<Job>,
    aggregators: u64,
    pub intake: Intake,
    pub reports: VecDeque<Report>,
    /// Delivered, and with [`Mutation::SettleAnOldGeneration`] not forgotten by a rewind.
    late: Option<BatchId>,
    /// What the group has given to this process, as it knows.
    pub owned: BTreeSet<i32>,
    /// What its client fetches, and from where.
    pub fetching: BTreeMap<i32, i64>,
    pub rebalancing: bool,
    pub commit: Option<Vec<(Partition, i64)>>,
    /// The commit under way was asked for before a rebalance: the broker refuses its generation.
    commit_is_late: bool,
    leaving: bool,
    pub drained: bool,
    pub workers: Vec<Worker>,
    pub abandoned: Vec<Thread>,
    pub router: Mailbox<(Arc<Batch>, Vec<Reject>)>,
    pub aggregator: Mailbox<ToAggregator>,
    /// Counts in the hands of abandoned aggregators, and their tallies.
    pub late_counts: Vec<(Counts, Tally)>,
    pub producer: Mailbox<ToProducer>,
    pub outbox: Outbox,
    pub client: Client,
    /// Where the delivery is exactly once.
    pub transacting: Option<Transacting>,
    batches: Vec<(Weak<Batch>, usize)>,
}

/// The input's name.
pub const TOPIC: &str = "input";

/// What all houses of a schedule have in common.
#[derive(Clone, Copy)]
pub struct Terms {
    pub workers: usize,
    pub split: Split,
    pub exactly_once: bool,
    pub storing: Storing,
}

/// What a revocation may take.
const DRAIN: Duration = Duration::from_secs(3);
/// Bytes. Some records are larger.
const BUDGET: usize = 200;

fn tally(storing: Storing) -> Tally {
    Tally::new(&[TOPIC.to_owned()], storing)
}

impl House {
    /// `instance` is its place in the group, and stays through its lives; a transactional id is
    /// made of it where the delivery is exactly once.
    pub fn new(
        life: u32,
        instance: usize,
        terms: Terms,
        mutation: Option<Mutation>,
        store: Memory,
    ) -> Self {
        let workers = terms.workers;
        let heritage = Heritage::default();
        let intake = Intake::new(vec![1; workers], terms.split, DRAIN, heritage.clone());
        House {
            life,
            split: terms.split,
            mutation,
            heritage,
            budget: Budget::new(BUDGET),
            storing: terms.storing,
            tally: tally(terms.storing),
            store,
            keeper: VecDeque::new(),
            aggregators: 1,
            intake,
            reports: VecDeque::new(),
            late: None,
            owned: BTreeSet::new(),
            fetching: BTreeMap::new(),
            rebalancing: false,
            commit: None,
            commit_is_late: false,
            leaving: false,
            drained: false,
            workers: (0..workers).map(|_| Worker::new()).collect(),
            abandoned: Vec::new(),
            router: Mailbox::new(),
            aggregator: Mailbox::new(),
            late_counts: Vec::new(),
            producer: Mailbox::new(),
            outbox: Outbox::default(),
            client: Client::default(),
            transacting: terms.exactly_once.then(|| Transacting::new(instance)),
            batches: Vec::new(),
        }
    }

    /// Whether nothing is left to be done or told.
    pub fn is_at_rest(&self) -> bool {
        self.intake.ledger().in_flight() == 0 && self.remains().is_empty()
    }

    /// Names what is not at rest.
    pub fn remains(&self) -> Vec<&'static str> {
        let idle = |worker: &Worker| worker.up && worker.thread.is_none();
        let mail = self.workers.iter().any(|worker| !worker.mailbox.is_empty())
            || self.router.has_mail()
            || self.aggregator.has_mail()
            || self.producer.has_mail();
        let busy = [
            ("batches in flight", self.intake.ledger().in_flight() > 0),
            ("workers", !self.workers.iter().all(idle)),
            ("abandoned workers", !self.abandoned.is_empty()),
            ("the keeper", !self.keeper.is_empty()),
            ("abandoned aggregators", !self.late_counts.is_empty()),
            (
                "actors that are down",
                !ROLES.into_iter().all(|role| self.is_up(role)),
            ),
            ("pieces", self.outbox.open() > 0),
            ("mail", mail),
            ("reports", !self.reports.is_empty()),
        ];
        busy.into_iter()
            .filter(|(_, is)| *is)
            .map(|(what, _)| what)
            .collect()
    }

    pub fn is_up(&self, role: Role) -> bool {
        match role {
            Role::Producer => self.producer.up,
            Role::Router => self.router.up,
            Role::Aggregator => self.aggregator.up,
        }
    }

    pub fn kill(&mut self, role: Role, kafka: &mut Kafka) {
        match role {
            Role::Router => self.router.kill(),
            Role::Aggregator => self.aggregator.kill(),
            Role::Producer => {
                self.producer.kill();
                self.outbox = Outbox::default();
                kafka
                    .ghosts
                    .extend(std::mem::take(&mut self.client).purge());
            }
        }
    }

    /// The new actor takes messages before the consumer hears of it: the other way round, what is
    /// sent after the rewind could still go to the dead.
    pub fn restart(&mut self, role: Role) {
        match role {
            Role::Producer => {
                let asks = self.mutation != Some(Mutation::TakeOverWithoutAsking);
                let transacting = self.transacting.as_ref();
                self.transacting = transacting.map(|before| before.renewed(asks));
                self.producer.up = true;
            }
            Role::Router => self.router.up = true,
            Role::Aggregator => {
                self.aggregator.up = true;
                self.aggregators += 1;
                self.tally = tally(self.storing);
            }
        }
        self.reports.push_back(Report::Rewind);
    }
}
