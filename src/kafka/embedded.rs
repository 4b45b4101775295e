//! A broker inside the process: librdkafka's mock cluster, for the demo and the tests.
//!
//! It listens on 127.0.0.1, so other processes reach it too. It keeps 5 MiB of a partition, knows
//! no Admin API and no offsets by time, and gives transactions no meaning. Every rebalance after
//! a group's first takes as long as its members' `session.timeout.ms`, less a second: give
//! consumers a short one, and a `heartbeat.interval.ms` that suits it.

use rdkafka::ClientConfig;
use rdkafka::bindings as ffi;
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::mocking::MockCluster;
use rdkafka::types::RDKafkaType;

use super::{Code, Error};

/// A cluster that lives as long as this value.
pub struct EmbeddedBroker {
    client: Client<DefaultClientContext>,
}

impl EmbeddedBroker {
    /// Starts `brokers` of them.
    pub fn start(brokers: u32) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", brokers.to_string());
        config.set_log_level(RDKafkaLogLevel::Error);
        let failed = |error| Error::from_kafka("starting the embedded broker", error);
        let client = Client::new(
            &config,
            config.create_native_config().map_err(failed)?,
            RDKafkaType::RD_KAFKA_PRODUCER,
            DefaultClientContext,
        );
        let broker = EmbeddedBroker {
            client: client.map_err(failed)?,
        };
        broker.join_at_once();
        Ok(broker)
    }

    /// What clients connect to: `host:port`, comma-separated.
    pub fn bootstrap(&self) -> String {
        self.cluster().bootstrap_servers()
    }

    pub fn create_topic(&self, name: &str, partitions: u32) -> Result<(), Error> {
        let call = "creating a topic";
        let partitions =
            i32::try_from(partitions).map_err(|_| Error::call(call, Code::InvalidPartitions))?;
        self.cluster()
            .create_topic(name, partitions, 1)
            .map_err(|error| Error::from_kafka(call, error))
    }

    /// The means to break things: request errors, latency, brokers and leaders gone.
    pub fn cluster(&self) -> MockCluster<'_, DefaultClientContext> {
        self.client
            .mock_cluster()
            .expect("the client was made with a mock cluster")
    }

    /// A real coordinator waits 3 s for more members to come before the first assignment, and so
    /// does this one by default; here everybody is in one process.
    fn join_at_once(&self) {
        // SAFETY: the client is alive and was made with a mock cluster, which lives as long.
        unsafe {
            let cluster = ffi::rd_kafka_handle_mock_cluster(self.client.native_ptr());
            ffi::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
    }
}
