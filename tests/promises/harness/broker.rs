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
        let distribution = Distribution::install();
        let slot = Slot::claim(&distribution.clusters());
        let format = |number| {
            let properties = server_properties(&slot, number, nodes, extra);
            Node::format(&distribution, &slot, number, &properties)
        };
        let nodes: Vec<Node> = (1..=nodes).map(format).collect();
        let addresses: Vec<&str> = nodes.iter().map(Node::address).collect();
        let mut broker = Broker {
            bootstrap: addresses.join(","),
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

/// Replication and addresses of a node, the common properties, and what the test asks for: of
/// properties said twice, the last holds.
fn server_properties(slot: &Slot, number: usize, nodes: usize, extra: &[(&str, &str)]) -> String {
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
    let extra = extra
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"));
    own + PROPERTIES + &extra.collect::<String>()
}
