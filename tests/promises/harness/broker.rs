//! A cluster of one or three nodes.

use std::sync::OnceLock;

use super::distribution::Distribution;
use super::in_time;
use super::node::Node;
use super::slot::Slot;

/// What every node is given, besides its addresses and replication. Short timeouts, so that faults
/// are over soon; topics are made on purpose or not at all.
const PROPERTIES: &str = "\
process.roles=broker,controller
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
auto.create.topics.enable=false
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.session.timeout.ms=6000
group.consumer.heartbeat.interval.ms=500
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
controller.quorum.election.timeout.ms=300
controller.quorum.election.backoff.max.ms=150
controller.quorum.fetch.timeout.ms=1500
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
";

/// A running Kafka. Nodes are numbered from 0, and end with this value.
pub struct Broker {
    bootstrap: String,
    /// Where clients must say who they are.
    guarded: Option<String>,
    nodes: Vec<Node>,
    _slot: Option<Slot>,
}

impl Broker {
    /// The broker for all tests of this binary: that of `KAFKA_BROKERS` where it is set, else one
    /// node, started for whoever asks first. Nobody can kill it.
    pub fn shared() -> &'static Broker {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var("KAFKA_BROKERS") {
            Ok(bootstrap) => Broker::elsewhere(bootstrap),
            Err(_) => Broker::start(1),
        })
    }

    /// Starts so many nodes of the caller's own and waits until they know each other.
    pub fn start(nodes: usize) -> Broker {
        Broker::start_with(nodes, &[])
    }

    /// As [`Broker::start`], with server properties that come on top.
    pub fn start_with(nodes: usize, extra: &[(&str, &str)]) -> Broker {
        let extra = extra
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"));
        let extra: String = extra.collect();
        Broker::start_on(nodes, |_| extra.clone())
    }

    /// Starts a node that lets nobody in without a password, nor do anything without the right to,
    /// at [`Broker::guarded`]. Who comes by [`Broker::bootstrap`] may do everything.
    pub fn start_guarded() -> Broker {
        let mut broker = Broker::start_on(1, guarded_properties);
        let slot = broker._slot.as_ref();
        broker.guarded = slot.map(Slot::guarded_address);
        broker
    }

    /// With properties that know the slot, on top.
    fn start_on(nodes: usize, extra: impl Fn(&Slot) -> String) -> Broker {
        let distribution = Distribution::install();
        let slot = Slot::claim(&distribution.clusters());
        let format = |number| {
            let properties = server_properties(&slot, number, nodes) + &extra(&slot);
            Node::format(&distribution, &slot, number, &properties)
        };
        let nodes: Vec<Node> = (1..=nodes).map(format).collect();
        let addresses: Vec<&str> = nodes.iter().map(Node::address).collect();
        let mut broker = Broker {
            bootstrap: addresses.join(","),
            guarded: None,
            nodes,
            _slot: Some(slot),
        };
        broker.nodes.iter_mut().for_each(Node::launch);
        (0..broker.nodes.len()).for_each(|node| broker.wait_until_ready(node));
        broker
    }

    /// What a client's `bootstrap.servers` is set to.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where a client with a password connects; see [`Broker::start_guarded`].
    pub fn guarded(&self) -> &str {
        self.guarded
            .as_deref()
            .expect("the broker is a guarded one")
    }

    /// Kills a node at once, as `kill -9` does. Its data stays.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Starts a killed node again and waits until it is back among the others, which takes as long
    /// as the cluster believes in the old one: `broker.session.timeout.ms`.
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].launch();
        self.wait_until_ready(node);
    }

    /// Stops a node where it stands: its connections live, but nothing answers.
    pub fn freeze(&mut self, node: usize) {
        self.nodes[node].signal("STOP");
    }

    /// Lets a frozen node go on.
    pub fn thaw(&mut self, node: usize) {
        self.nodes[node].signal("CONT");
    }

    /// Whether a node answers, and lists itself and all the others.
    pub fn is_ready(&self, node: usize) -> bool {
        self.nodes[node].answers(self.nodes.len())
    }

    fn elsewhere(bootstrap: String) -> Broker {
        Broker {
            bootstrap,
            guarded: None,
            nodes: Vec::new(),
            _slot: None,
        }
    }

    fn wait_until_ready(&self, node: usize) {
        let ready = in_time(|| self.is_ready(node));
        let log = self.nodes[node].last_words();
        assert!(ready, "node {node} did not start:\n{log}");
    }
}

/// The user whom a guarded broker knows, and the password.
pub const USER: (&str, &str) = ("greenroom", "the-right-password");

/// A second listener beside the open one.
fn guarded_properties(slot: &Slot) -> String {
    let (open, guarded) = (slot.broker_address(1), slot.guarded_address());
    let controller = slot.controller_address(1);
    let (user, password) = USER;
    format!(
        "listeners=PLAINTEXT://{open},CONTROLLER://{controller},GUARDED://{guarded}\n\
         advertised.listeners=PLAINTEXT://{open},GUARDED://{guarded}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT\n\
         listener.name.guarded.sasl.enabled.mechanisms=PLAIN\n\
         listener.name.guarded.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}=\"{password}\";\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS\n"
    )
}

/// Replication and addresses of a node, and the common properties. More may follow: of properties
/// said twice, the last holds.
fn server_properties(slot: &Slot, number: usize, nodes: usize) -> String {
    let voters: Vec<String> = (1..=nodes)
        .map(|number| format!("{number}@{}", slot.controller_address(number)))
        .collect();
    let replicas = nodes.min(3);
    let in_sync = if nodes >= 3 { 2 } else { 1 };
    let listener = format!("PLAINTEXT://{}", slot.broker_address(number));
    let controller = format!("CONTROLLER://{}", slot.controller_address(number));
    let own = format!(
        "node.id={number}\n\
         controller.quorum.voters={}\n\
         listeners={listener},{controller}\n\
         advertised.listeners={listener}\n\
         default.replication.factor={replicas}\n\
         min.insync.replicas={in_sync}\n\
         offsets.topic.replication.factor={replicas}\n\
         transaction.state.log.replication.factor={replicas}\n\
         transaction.state.log.min.isr={in_sync}\n\
         share.coordinator.state.topic.replication.factor={replicas}\n\
         share.coordinator.state.topic.min.isr={in_sync}\n",
        voters.join(",")
    );
    own + PROPERTIES
}
