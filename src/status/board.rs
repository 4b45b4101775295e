//! Where every actor publishes and every watcher reads.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{ActorStatus, Histogram, Latch, PartitionStatus, State};

mod store;
mod watching;

pub use watching::Figures;

/// What is published of the service. Clones are the same board.
///
/// Actors add to it once a batch, so that a record costs nothing here.
#[derive(Clone)]
pub struct Board(Arc<Inner>);

/// What never changes while the service runs.
#[derive(Clone, Debug)]
pub struct Identity {
    pub pipeline: String,
    /// The consumer group.
    pub group: String,
    /// How often a record's result is written, as the setting names it.
    pub delivery: String,
}

/// What a Kafka client does for us, as OpenTelemetry names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A read that brought records.
    Poll,
    /// A batch's outputs or dead letters, from the first that is handed over to the last
    /// acknowledgement.
    Send,
    /// A commit of input offsets, to its answer.
    Commit,
}

impl Operation {
    pub const ALL: [Operation; 3] = [Operation::Poll, Operation::Send, Operation::Commit];

    pub fn name(self) -> &'static str {
        match self {
            Operation::Poll => "poll",
            Operation::Send => "send",
            Operation::Commit => "commit",
        }
    }
}

/// What [`ActorSource`]'s questions return.
pub type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Whoever watches over the actors, as the board asks it.
pub trait ActorSource: Send + Sync {
    /// The actors as they stand.
    fn actors(&self) -> Vec<ActorStatus>;

    /// Resolves to whether the supervisor is alive; may stay pending where it hangs.
    fn answers(&self) -> Answer;

    /// Asks for an actor's restart. Resolves to false where no actor of that name can be restarted.
    fn restart(&self, actor: &str) -> Answer;
}

struct Inner {
    identity: Identity,
    uptime: Box<dyn Fn() -> Duration + Send + Sync>,
    counters: Counters,
    process_duration: Histogram,
    operations: [Histogram; Operation::ALL.len()],
    end_to_end: Histogram,
    transaction_duration: Histogram,
    /// Here, for it outlives every actor: no restart and no rebalance ends a pause.
    paused: AtomicBool,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Counters {
    consumed: AtomicU64,
    produced: AtomicU64,
    in_flight: AtomicU64,
    in_flight_bytes: AtomicU64,
    in_flight_bytes_limit: AtomicU64,
    commits_succeeded: AtomicU64,
    commits_failed: AtomicU64,
    rebalances: AtomicU64,
    escalations: AtomicU64,
    expired: AtomicU64,
    spans_dropped: AtomicU64,
}

/// What changes seldom enough for a lock.
struct Notes {
    state: State,
    last_error: Option<String>,
    escalation: Option<String>,
    /// The closed latches, and why they are.
    closed: BTreeMap<Latch, String>,
    filtered: BTreeMap<String, u64>,
    rejected: BTreeMap<String, u64>,
    /// Transactions that ended, by outcome.
    transactions: BTreeMap<String, u64>,
    /// The uptime at which the open transaction began.
    transaction_opened: Option<Duration>,
    store: store::Told,
    partitions: Vec<PartitionStatus>,
    actors: Option<Arc<dyn ActorSource>>,
}

impl Default for Notes {
    fn default() -> Self {
        let closed = Latch::ALL.map(|latch| (latch, latch.at_first().to_owned()));
        Notes {
            state: State::Starting,
            last_error: None,
            escalation: None,
            closed: closed.into(),
            filtered: BTreeMap::new(),
            rejected: BTreeMap::new(),
            transactions: BTreeMap::new(),
            transaction_opened: None,
            store: store::Told::default(),
            partitions: Vec::new(),
            actors: None,
        }
    }
}

/// For actors.
impl Board {
    /// A board of a service that starts. `uptime` tells the time since then.
    pub fn new(identity: Identity, uptime: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Board(Arc::new(Inner {
            identity,
            uptime: Box::new(uptime),
            counters: Counters::default(),
            process_duration: Histogram::default(),
            operations: Default::default(),
            end_to_end: Histogram::default(),
            transaction_duration: Histogram::default(),
            paused: AtomicBool::new(false),
            notes: Mutex::default(),
        }))
    }

    /// So many records were read, none of them for a second time.
    pub fn consumed(&self, records: u64) {
        add(&self.0.counters.consumed, records);
    }

    /// So many records are settled whose outputs were acknowledged.
    pub fn produced(&self, records: u64) {
        add(&self.0.counters.produced, records);
    }

    /// So many settled records were filtered. The reason is a pipeline's word, never a record's (P10).
    pub fn filtered(&self, reason: &str, records: u64) {
        add_named(&mut self.notes().filtered, reason, records);
    }

    /// So many settled records became dead letters.
    pub fn rejected(&self, error_type: &str, records: u64) {
        add_named(&mut self.notes().rejected, error_type, records);
    }

    /// So many records were deleted by retention before they were read (P6).
    pub fn expired(&self, records: u64) {
        add(&self.0.counters.expired, records);
    }

    /// So many spans were lost on their way to the collector (P6).
    pub fn spans_dropped(&self, spans: u64) {
        add(&self.0.counters.spans_dropped, spans);
    }

    /// A commit was confirmed, or refused.
    pub fn commit(&self, confirmed: bool) {
        let counters = &self.0.counters;
        let outcome = if confirmed {
            &counters.commits_succeeded
        } else {
            &counters.commits_failed
        };
        add(outcome, 1);
    }

    /// A transaction is open; told again, the same one is.
    pub fn transaction_opened(&self) {
        let now = (self.0.uptime)();
        self.notes().transaction_opened.get_or_insert(now);
    }

    /// The transaction was `committed`, or aborted for a reason of that name.
    pub fn transaction_ended(&self, outcome: &str) {
        let mut notes = self.notes();
        add_named(&mut notes.transactions, outcome, 1);
        let opened = notes.transaction_opened.take();
        let lasted = opened.map(|opened| (self.0.uptime)().saturating_sub(opened));
        self.0.transaction_duration.observe(lasted);
    }

    /// The group has shared its partitions out anew.
    pub fn rebalanced(&self) {
        add(&self.0.counters.rebalances, 1);
    }

    /// A worker took so long for a batch.
    pub fn processed(&self, took: Duration) {
        self.0.process_duration.observe([took]);
    }

    /// A client took so long for an operation.
    pub fn operated(&self, operation: Operation, took: Duration) {
        self.0.operations[operation as usize].observe([took]);
    }

    /// From the timestamps of records to the acknowledgement of their outputs; all of a batch at
    /// once.
    pub fn end_to_end(&self, latencies: impl IntoIterator<Item = Duration>) {
        self.0.end_to_end.observe(latencies);
    }

    /// The partitions that this instance owns now; others are gone from status and metrics.
    pub fn set_partitions(&self, partitions: Vec<PartitionStatus>) {
        self.notes().partitions = partitions;
    }

    /// What lies between poll and settlement, and the budget for it in bytes (P4).
    pub fn set_in_flight(&self, records: u64, bytes: u64, limit: u64) {
        let counters = &self.0.counters;
        counters.in_flight.store(records, Ordering::Relaxed);
        counters.in_flight_bytes.store(bytes, Ordering::Relaxed);
        counters
            .in_flight_bytes_limit
            .store(limit, Ordering::Relaxed);
    }
}

/// For whoever owns the actors.
impl Board {
    /// Whom to ask about the actors from now on.
    pub fn watch(&self, actors: impl ActorSource + 'static) {
        self.notes().actors = Some(Arc::new(actors));
    }

    /// Where the service stands. [`State::Failed`] is final: see [`Board::fail`].
    /// [`State::Paused`] is none to be set: it is [`State::Running`] after [`Board::pause`].
    pub fn set_state(&self, state: State) {
        let mut notes = self.notes();
        if notes.state != State::Failed {
            notes.state = state;
        }
    }

    /// It gives up, for this reason.
    pub fn fail(&self, reason: impl Into<String>) {
        let mut notes = self.notes();
        notes.state = State::Failed;
        notes.last_error = Some(reason.into());
    }

    /// Something failed that is being mended.
    pub fn note_error(&self, reason: impl Into<String>) {
        self.notes().last_error = Some(reason.into());
    }

    /// What the latch stands for is there. That is logged where it was not; whoever misses it says
    /// so in words of their own.
    pub fn ready(&self, latch: Latch) {
        let missed = self.notes().closed.remove(&latch);
        if missed.is_some() {
            tracing::info!(latch = latch.name(), "ready");
        }
    }

    /// What the latch stands for is not there, for this reason.
    pub fn not_ready(&self, latch: Latch, reason: impl Into<String>) {
        self.notes().closed.insert(latch, reason.into());
    }

    /// Whether what the latch stands for is not there.
    pub fn is_closed(&self, latch: Latch) -> bool {
        self.notes().closed.contains_key(&latch)
    }

    /// The actors are being restarted as a whole, for this reason; until [`Board::recovered`].
    pub fn escalating(&self, reason: impl Into<String>) {
        add(&self.0.counters.escalations, 1);
        self.notes().escalation = Some(reason.into());
    }

    /// The restart as a whole is done.
    pub fn recovered(&self) {
        self.notes().escalation = None;
    }
}

/// For whoever operates the service.
impl Board {
    /// Nothing more is to be read until [`Board::resume`]; what was read goes its way, and the
    /// group's membership is kept.
    pub fn pause(&self) {
        self.0.paused.store(true, Ordering::Relaxed);
    }

    /// Reading is to go on where it was paused.
    pub fn resume(&self) {
        self.0.paused.store(false, Ordering::Relaxed);
    }

    /// Whether nothing is to be read now.
    pub fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::Relaxed)
    }

    /// Asks for an actor's restart, which loses nothing and counts against no limit (P7). False
    /// where no actor of that name can be restarted: there is none, or it has ended for good.
    pub async fn restart(&self, actor: &str) -> bool {
        match self.actors() {
            Some(source) => source.restart(actor).await,
            None => false,
        }
    }
}

impl Board {
    /// Cloned, so that nobody is asked anything while the notes are locked.
    fn actors(&self) -> Option<Arc<dyn ActorSource>> {
        self.notes().actors.clone()
    }

    /// Each change is whole in itself, so one that panicked leaves nothing half done.
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Board").field(&self.0.identity).finish()
    }
}

/// Counters stand alone: no reader concludes from one to another.
fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn add_named(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => drop(counts.insert(name.to_owned(), more)),
    }
}
