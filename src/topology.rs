//! Who is wired to whom: the page to draw the house from.
//!
//! Built sink first, so that whoever is started finds those it sends to; ended source first, so
//! that what is under way is finished (P8). The supervisor keeps the order of building, and ends
//! its actors in reverse.

mod death;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use death::Death;

pub use crate::actors::books::Books;
pub use crate::actors::consumer::Limits;
pub use crate::actors::producer::OutputTopic;
pub use crate::actors::sabotage::{Poison, Sabotage};

use crate::actors::aggregator::{self, PublishLast};
use crate::actors::consumer::{self, Drain, Seat};
use crate::actors::producer::{self, AtLeastOnce, Committer, ExactlyOnce, Flush};
use crate::actors::{
    Aggregator, Consumer, ErrorRouter, Fences, Producer, Reports, Transformer, error_router,
    transformer,
};
use crate::config::{Delivery, WorkerKey};
use crate::flow::intake::Heritage;
use crate::flow::{Bench, Budget, Report, Split};
use crate::kafka;
use crate::pipeline::Compiled;
use crate::status::Board;
use crate::supervision::{
    Ended, Escalation, Escalations, Exit, Handle, Pulse, Remedy, RestartLimits, Restarted, Spec,
    Supervisor, SupervisorConfig, SystemClock,
};
use crate::telemetry::traces::Tracer;

/// How often it is looked how much abandoned threads hold.
const LOOK: Duration = Duration::from_secs(1);

/// What a house is built from.
#[derive(Clone)]
pub struct Plan {
    pub kafka: kafka::Settings,
    pub delivery: Delivery,
    pub pipeline: Compiled,
    /// The pipeline's topics to write to, in its order.
    pub outputs: Vec<OutputTopic>,
    /// What the dead letters' topics take at most, in bytes.
    pub dead_letter_bytes: usize,
    pub transformers: usize,
    pub worker_key: WorkerKey,
    pub in_flight_bytes: usize,
    pub limits: Limits,
    pub restarts: RestartLimits,
    pub hang_after: Duration,
    pub max_attempts: u32,
    pub drain: Duration,
    pub poison: Option<Poison>,
    pub board: Board,
    pub books: Books,
    pub tracer: Tracer,
}

/// The actors, and what outlives any of them.
pub struct House {
    plan: Plan,
    supervisor: Supervisor,
    escalations: Escalations,
    heritage: Heritage,
    budget: Budget,
    reports: Reports,
    fences: Fences,
    seat: Seat,
    consumer: Handle<Consumer>,
    transformers: Vec<Handle<Transformer>>,
    error_router: Handle<ErrorRouter>,
    aggregator: Handle<Aggregator>,
    producer: Handle<Producer>,
}

impl House {
    /// Builds the house and starts it, on the present tokio runtime.
    pub async fn start(plan: Plan) -> House {
        let config = SupervisorConfig {
            // One record that hangs for ever may cost so many threads before it is a dead letter.
            max_abandoned: plan.transformers.max(plan.max_attempts as usize),
            escalation_period: plan.restarts.period,
            stop_grace: Duration::from_secs(5),
            seed: u64::from(std::process::id()),
        };
        let clock = Arc::new(SystemClock::new());
        let (supervisor, escalations) = Supervisor::start(config, clock.clone());
        let transformers = 0..plan.transformers;
        let house = House {
            supervisor,
            escalations,
            heritage: Heritage::default(),
            budget: Budget::new(plan.in_flight_bytes),
            reports: Reports::new(),
            fences: Fences::new(&plan.kafka.instance, plan.restarts.period, clock),
            seat: Seat::default(),
            consumer: Handle::new("consumer"),
            transformers: transformers
                .map(|number| Handle::new(&format!("transformer-{number}")))
                .collect(),
            error_router: Handle::new("error-router"),
            aggregator: Handle::new("aggregator"),
            producer: Handle::new("producer"),
            plan,
        };
        house.plan.board.watch(house.supervisor.clone());
        house.spawn().await;
        house
    }

    async fn spawn(&self) {
        self.supervisor.spawn(self.producer()).await;
        self.supervisor.spawn(self.error_router()).await;
        self.supervisor.spawn(self.aggregator()).await;
        for worker in 0..self.transformers.len() {
            self.supervisor.spawn(self.transformer(worker)).await;
        }
        self.supervisor.spawn(self.consumer()).await;
    }

    fn producer(&self) -> Spec<Producer> {
        match self.plan.delivery {
            Delivery::AtLeastOnce => {
                let reports = self.reports.clone();
                let committer = move |_| AtLeastOnce::new(reports.clone());
                let outputs = self.plan.outputs.clone();
                self.producer_with(self.plan.kafka.clone(), outputs, committer)
            }
            Delivery::ExactlyOnce => {
                let kafka = self.plan.kafka.clone().transactional();
                let mut topics = self.plan.outputs.clone();
                let counts = topics.len();
                topics.extend(self.plan.books.topic().map(OutputTopic::log));
                let terms = producer::Terms {
                    inputs: self.plan.pipeline.input_topics().to_vec(),
                    books: self.plan.books.clone(),
                    counts,
                    longest: kafka.longest_transaction().unwrap_or(Duration::MAX),
                    reports: self.reports.clone(),
                    board: self.plan.board.clone(),
                    tracer: self.plan.tracer.clone(),
                };
                let committer = move |pulse| ExactlyOnce::new(pulse, terms.clone());
                self.producer_with(kafka, topics, committer)
            }
        }
    }

    fn producer_with<C: Committer + 'static>(
        &self,
        kafka: kafka::Settings,
        topics: Vec<OutputTopic>,
        committer: impl Fn(Pulse) -> C + Send + Sync + 'static,
    ) -> Spec<Producer> {
        let wiring = producer::Wiring {
            kafka,
            topics,
            reports: self.reports.clone(),
            board: self.plan.board.clone(),
            fences: self.fences.clone(),
            flush: self.plan.drain,
        };
        let make = move |pulse: Pulse| {
            let committer = Box::new(committer(pulse.clone()));
            Producer::new(pulse, wiring.clone(), committer)
        };
        self.spec(&self.producer, "producer", make)
            .on_restart(self.rewind("producer"))
            .drain_by(|producer| {
                let _ = producer.send(Flush);
            })
    }

    fn error_router(&self) -> Spec<ErrorRouter> {
        let wiring = error_router::Wiring {
            producer: self.producer.clone(),
            pipeline: self.plan.pipeline.clone(),
            max_bytes: self.plan.dead_letter_bytes,
        };
        let make = move |pulse| ErrorRouter::new(pulse, wiring.clone());
        self.spec(&self.error_router, "error-router", make)
            .on_restart(self.rewind("error-router"))
    }

    fn aggregator(&self) -> Spec<Aggregator> {
        let wiring = aggregator::Wiring {
            books: self.plan.books.clone(),
            topics: self.plan.pipeline.input_topics().to_vec(),
            // What a commit finds is half an interval old at most.
            every: self.plan.limits.commit_interval / 2,
            pipeline: self.plan.pipeline.clone(),
            producer: self.producer.clone(),
            reports: self.reports.clone(),
        };
        let make = move |pulse| Aggregator::new(pulse, wiring.clone());
        self.spec(&self.aggregator, "aggregator", make)
            .on_restart(self.rewind("aggregator"))
            .drain_by(|aggregator| {
                let _ = aggregator.send(PublishLast);
            })
    }

    fn transformer(&self, worker: usize) -> Spec<Transformer> {
        let wiring = transformer::Wiring {
            pipeline: self.plan.pipeline.clone(),
            producer: self.producer.clone(),
            error_router: self.error_router.clone(),
            aggregator: self.aggregator.clone(),
            board: self.plan.board.clone(),
            tracer: self.plan.tracer.clone(),
            max_attempts: self.plan.max_attempts,
            poison: self.plan.poison,
            bench: Bench::default(),
        };
        let death = Death {
            worker,
            topics: self.plan.pipeline.input_topics().to_vec(),
            bench: wiring.bench.clone(),
            heritage: self.heritage.clone(),
            reports: self.reports.clone(),
            board: self.plan.board.clone(),
            tracer: self.plan.tracer.clone(),
        };
        let make = move |pulse| Transformer::new(pulse, wiring.clone());
        self.spec(&self.transformers[worker], "transformer", make)
            .on_restart(move |restarted| death.mourn(&restarted))
    }

    fn consumer(&self) -> Spec<Consumer> {
        let wiring = consumer::Wiring {
            kafka: self.plan.kafka.clone(),
            topics: self.plan.pipeline.input_topics().to_vec(),
            outputs: self.plan.outputs.clone(),
            transformers: self.transformers.clone(),
            split: match self.plan.worker_key {
                WorkerKey::Partition => Split::Whole,
                WorkerKey::Key => Split::ByKey,
            },
            producer: self.producer.clone(),
            aggregator: self.aggregator.clone(),
            reports: self.reports.clone(),
            budget: self.budget.clone(),
            heritage: self.heritage.clone(),
            board: self.plan.board.clone(),
            tracer: self.plan.tracer.clone(),
            limits: self.plan.limits,
            fences: self.fences.clone(),
            seat: self.seat.clone(),
        };
        let board = self.plan.board.clone();
        let make = move |pulse| Consumer::new(pulse, wiring.clone());
        // An abandoned client would go on heartbeating: no other could take its partitions.
        self.spec(&self.consumer, "consumer", make)
            .irreplaceable_when_hung()
            .on_restart(move |restarted| note(&board, "consumer", &restarted))
            .drain_by(|consumer| {
                let _ = consumer.send(Drain);
            })
    }

    fn spec<A: actix::Actor<Context = actix::Context<A>>>(
        &self,
        handle: &Handle<A>,
        role: &'static str,
        make: impl Fn(Pulse) -> A + Send + Sync + 'static,
    ) -> Spec<A> {
        Spec::new(handle, role, move |birth| Ok(make(birth.pulse)))
            .limits(self.plan.restarts)
            .hang_after(self.plan.hang_after)
    }

    /// What an actor held that died is read again.
    fn rewind(&self, actor: &'static str) -> impl Fn(Restarted) + Send + 'static {
        let (reports, board) = (self.reports.clone(), self.plan.board.clone());
        move |restarted| {
            note(&board, actor, &restarted);
            reports.send(Report::Rewind);
        }
    }
}

/// The status tells the last failure, though it was overcome.
fn note(board: &Board, actor: &str, restarted: &Restarted) {
    if restarted.exit != Exit::Asked {
        board.note_error(format!("{actor}: {}", restarted.exit));
    }
}

impl House {
    /// Waits until an actor cannot be helped by restarting it alone, or abandoned threads hold too
    /// much for the others to work with.
    pub async fn escalation(&mut self) -> Escalation {
        let mut too_much = false;
        loop {
            tokio::select! {
                escalation = self.escalations.next() => return escalation,
                () = tokio::time::sleep(LOOK) => {
                    let held = self.held_by_the_hung();
                    // What others had when it was rewound, they have put down by the next look.
                    if let (true, Some(reason)) = (too_much, &held) {
                        let supervisor = &self.supervisor;
                        supervisor.escalate("supervisor", reason.as_str(), Remedy::GiveUp);
                    }
                    too_much = held.is_some();
                }
            }
        }
    }

    /// An abandoned thread keeps its credit, for its memory is in use; only the end of the process
    /// gives it back (P4). Says so where it is too much.
    fn held_by_the_hung(&self) -> Option<String> {
        let (held, budget) = (self.heritage.abandoned.bytes(), self.budget.limit());
        let too_much = self.supervisor.abandoned() > 0 && held >= budget.div_ceil(2);
        too_much.then(|| format!("hung threads hold {held} bytes of a budget of {budget}"))
    }

    /// Ends all actors at once and builds them anew; counts, suspicions and generations go on.
    pub async fn rebuild(&self) {
        self.supervisor.shutdown(Duration::ZERO).await;
        self.spawn().await;
    }

    /// Stops reading, settles, commits, publishes the last summary, and ends (P8). Says how each
    /// actor ended.
    pub async fn drain(&self) -> Vec<Ended> {
        self.supervisor.shutdown(self.plan.drain).await
    }

    /// How long a drain may take.
    pub fn patience(&self) -> Duration {
        self.plan.drain
    }

    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Who makes actors fail on purpose.
    pub fn saboteur(&self) -> Saboteur {
        Saboteur {
            consumer: self.consumer.clone(),
            transformers: self.transformers.clone(),
            error_router: self.error_router.clone(),
            aggregator: self.aggregator.clone(),
            producer: self.producer.clone(),
        }
    }
}

/// Makes actors fail on purpose, for the demo and the tests.
pub struct Saboteur {
    consumer: Handle<Consumer>,
    transformers: Vec<Handle<Transformer>>,
    error_router: Handle<ErrorRouter>,
    aggregator: Handle<Aggregator>,
    producer: Handle<Producer>,
}

impl Saboteur {
    pub fn transformers(&self) -> usize {
        self.transformers.len()
    }

    /// Orders an actor, by its name, to fail. False where there is none of that name, or it is
    /// down already.
    pub fn strike(&self, actor: &str, order: Sabotage) -> bool {
        let mut workers = self.transformers.iter();
        match actor {
            "consumer" => self.consumer.send(order).is_ok(),
            "producer" => self.producer.send(order).is_ok(),
            "error-router" => self.error_router.send(order).is_ok(),
            "aggregator" => self.aggregator.send(order).is_ok(),
            _ => workers
                .find(|handle| &**handle.name() == actor)
                .is_some_and(|handle| handle.send(order).is_ok()),
        }
    }
}
