//! The house in this process, on an embedded broker: for faults that only a test can order.

use std::collections::HashSet;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use greenroom::config::{self, Delivery, WorkerKey};
use greenroom::counts::Memory;
use greenroom::kafka::{self, EmbeddedBroker};
use greenroom::pipeline::{Compiled, Options, Spec, preset};
use greenroom::status::{Board, Identity, Records};
use greenroom::supervision::{Ended, Escalation, RestartLimits, Status};
use greenroom::telemetry::traces::{Exporter, Names, Service, Tracer};
use greenroom::topology::{Books, House, Limits, OutputTopic, Plan, Poison, Sabotage};
use rdkafka::message::Message;
use rdkafka::producer::BaseRecord;
use tokio::sync::{mpsc as orders, watch};

use super::{Broker, Pipes, Topics};

/// How the house is to be built, where a test cares.
pub struct Terms {
    /// None is an embedded one.
    pub broker: Option<&'static Broker>,
    pub delivery: Delivery,
    pub partitions: i32,
    pub transformers: usize,
    pub worker_key: WorkerKey,
    pub hang_after: Duration,
    pub restarts: RestartLimits,
    pub poison: Option<Poison>,
    pub in_flight_bytes: usize,
    /// Whether spans are sent, and whereto.
    pub traces: Option<config::Traces>,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            broker: None,
            delivery: Delivery::AtLeastOnce,
            partitions: 1,
            transformers: 1,
            worker_key: WorkerKey::Partition,
            hang_after: Duration::from_secs(30),
            restarts: RestartLimits::default(),
            poison: None,
            in_flight_bytes: 64 << 20,
            traces: None,
        }
    }
}

/// A house that somebody lives in: it runs on a thread of its own, and drains when it is told to.
pub struct Lodger {
    pub topics: Topics,
    pub status: watch::Receiver<Status>,
    pub pipes: Pipes,
    board: Board,
    _embedded: Option<EmbeddedBroker>,
    orders: orders::UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Sabotage(String, Sabotage),
    Escalation(mpsc::Sender<Escalation>),
    Drain(mpsc::Sender<Vec<Ended>>),
}

impl Lodger {
    /// Moves in: the pipeline `logins` with these terms.
    pub fn move_in(terms: Terms) -> Lodger {
        trace();
        greenroom::supervision::install_panic_hook();
        let (embedded, bootstrap) = match terms.broker {
            Some(real) => (None, real.bootstrap().to_owned()),
            None => {
                let embedded = EmbeddedBroker::start(1).expect("the embedded broker starts");
                let bootstrap = embedded.bootstrap();
                (Some(embedded), bootstrap)
            }
        };
        let topics = Topics::at(&bootstrap);
        let pipes = match &embedded {
            Some(embedded) => Pipes::embed(embedded, terms.partitions),
            None => Pipes::lay(&topics, terms.partitions),
        };
        let board = board();
        let mut plan = plan(bootstrap, logins(&pipes), &terms, board.clone());
        let exporter = terms.traces.as_ref();
        let exporter = exporter.map_or_else(Exporter::default, |traces| export(traces, &plan));
        plan.tracer = exporter.tracer();
        let (orders, taken) = orders::unbounded_channel();
        let (tell, status) = mpsc::channel();
        let thread = std::thread::spawn(move || live(plan, &exporter, taken, &tell));
        Lodger {
            topics,
            status: status.recv().expect("the house starts"),
            pipes,
            board,
            _embedded: embedded,
            orders,
            thread: Some(thread),
        }
    }

    /// Writes these values into the input's first partition.
    pub fn write(&self, values: &[String]) {
        self.topics.produce(values.iter().map(|value| {
            BaseRecord::<[u8], [u8]>::to(&self.pipes.input)
                .partition(0)
                .payload(value.as_bytes())
        }));
    }

    pub fn sabotage(&self, actor: &str, order: Sabotage) {
        self.order(Order::Sabotage(actor.to_owned(), order));
    }

    /// Restarts of an actor so far.
    pub fn restarts(&self, actor: &str) -> u64 {
        let status = self.status.borrow();
        status.actor(actor).map_or(0, |actor| actor.restarts())
    }

    /// What the service says of its records.
    pub fn records(&self) -> Records {
        self.board.snapshot().records
    }

    /// All that the service says of itself.
    pub fn status_text(&self) -> String {
        format!("{:?} {:?}", self.board.figures(), self.status.borrow())
    }

    /// Spans that were lost on their way to the collector.
    pub fn spans_dropped(&self) -> u64 {
        self.board.figures().spans_dropped
    }

    pub fn committed(&self) -> i64 {
        self.topics.committed(&self.pipes.group, &self.pipes.input)
    }

    /// Waits for the next escalation.
    pub fn escalation(&self) -> Escalation {
        let (tell, told) = mpsc::channel();
        self.order(Order::Escalation(tell));
        told.recv_timeout(super::PATIENCE).expect("an escalation")
    }

    /// The `user_id`s of the outputs, in order, each once.
    pub fn users(&self) -> Vec<String> {
        let mut users = Vec::new();
        let mut seen = HashSet::new();
        for record in self.topics.drain(&self.pipes.output) {
            let value = record.payload().expect("a value");
            let value: serde_json::Value = serde_json::from_slice(value).expect("JSON");
            let user = value["user_id"].as_str().expect("a user").to_owned();
            if seen.insert(user.clone()) {
                users.push(user);
            }
        }
        users
    }

    /// Drains and moves out.
    pub fn move_out(&mut self) -> Vec<Ended> {
        let (tell, told) = mpsc::channel();
        self.order(Order::Drain(tell));
        let ended = told
            .recv_timeout(super::PATIENCE)
            .expect("the house drains");
        let thread = self.thread.take().expect("nobody moves out twice");
        thread.join().expect("the house's thread ends");
        ended
    }

    fn order(&self, order: Order) {
        assert!(self.orders.send(order).is_ok(), "the house stands");
    }
}

/// The service's own log, shown with a failed test.
fn trace() {
    let log = tracing_subscriber::fmt().with_test_writer();
    // Fails where another test of this process was first.
    let _ = log.try_init();
}

/// The spans of a house with this plan, sent where these settings say.
fn export(traces: &config::Traces, plan: &Plan) -> Exporter {
    let shared = |names: &[String]| names.iter().map(|name| (&**name).into()).collect();
    let names = Names {
        inputs: shared(plan.pipeline.input_topics()),
        outputs: shared(plan.pipeline.topics()),
        steps: plan.pipeline.steps().map(Into::into).collect(),
        group: plan.pipeline.group().into(),
        client_id: "test".into(),
    };
    let service = Service {
        name: None,
        instance: "test".to_owned(),
    };
    let board = plan.board.clone();
    let loss = Arc::new(move |spans| board.spans_dropped(spans));
    Exporter::start(traces, &service, names, loss).expect("an exporter")
}

fn live(
    plan: Plan,
    exporter: &Exporter,
    mut taken: orders::UnboundedReceiver<Order>,
    tell: &mpsc::Sender<watch::Receiver<Status>>,
) {
    actix::System::new().block_on(async move {
        let mut house = House::start(plan).await;
        let _ = tell.send(house.supervisor().status());
        while let Some(order) = taken.recv().await {
            match order {
                Order::Sabotage(actor, order) => drop(house.saboteur().strike(&actor, order)),
                Order::Escalation(tell) => drop(tell.send(house.escalation().await)),
                Order::Drain(tell) => {
                    let ended = house.drain().await;
                    exporter.flush(super::PATIENCE).await;
                    let _ = tell.send(ended);
                    return;
                }
            }
        }
    });
}

fn board() -> Board {
    let identity = Identity {
        pipeline: "logins".to_owned(),
        group: "greenroom-logins".to_owned(),
        delivery: "at-least-once".to_owned(),
    };
    Board::new(identity, || Duration::ZERO)
}

fn logins(pipes: &Pipes) -> Compiled {
    let preset = preset("logins").expect("it is shipped");
    let options = Options {
        hash_key: Some(vec![7; 32].into()),
        hash_key_id: None,
        timezone: chrono_tz::UTC,
    };
    let mut spec = Spec::parse(preset.toml, "logins.toml").expect("it is right");
    spec.override_group(&*pipes.group);
    spec.override_input(vec![pipes.input.clone()]);
    spec.override_output(&*pipes.output);
    spec.override_dead_letters(&*pipes.dead_letters);
    spec.override_summary(&*pipes.summaries);
    spec.compile(&options).expect("it is complete")
}

fn plan(bootstrap: String, pipeline: Compiled, terms: &Terms, board: Board) -> Plan {
    let output = |name: &String| OutputTopic {
        name: name.clone(),
        partitions: terms.partitions,
    };
    Plan {
        kafka: kafka::Settings {
            brokers: bootstrap,
            group: pipeline.group().to_owned(),
            instance: "test".to_owned(),
            budget: terms.in_flight_bytes,
            ..kafka::Settings::default()
        },
        delivery: terms.delivery,
        outputs: pipeline.topics().iter().map(output).collect(),
        dead_letter_bytes: 1_048_588,
        transformers: terms.transformers,
        worker_key: terms.worker_key,
        in_flight_bytes: terms.in_flight_bytes,
        limits: Limits {
            batch_records: 1000,
            batch_wait: Duration::ZERO,
            commit_interval: Duration::from_millis(50),
            drain: Duration::from_secs(20),
            stall: Duration::from_secs(120),
        },
        restarts: terms.restarts,
        hang_after: terms.hang_after,
        max_attempts: 3,
        drain: Duration::from_secs(20),
        poison: terms.poison,
        books: Books::open(Box::new(Memory::default()), pipeline.input_topics(), &board)
            .expect("a thread can be had"),
        pipeline,
        board,
        tracer: Tracer::default(),
    }
}
