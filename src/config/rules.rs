//! What Greenroom itself decides about librdkafka's properties, because a promise depends on it.

/// What Greenroom itself decides about some properties.
pub(super) struct Rule {
    pub(super) properties: &'static [&'static str],
    /// The values that keep the promise; none where another setting decides.
    pub(super) allowed: &'static [&'static str],
    pub(super) why: &'static str,
}

/// Every property that could break a promise.
pub(super) static RULES: &[Rule] = &[
    Rule {
        properties: &["bootstrap.servers", "metadata.broker.list"],
        allowed: &[],
        why: "`KAFKA_BROKERS` sets it",
    },
    Rule {
        properties: &["group.id"],
        allowed: &[],
        why: "`GREENROOM_GROUP_ID` sets it",
    },
    Rule {
        properties: &["client.id", "transactional.id"],
        allowed: &[],
        why: "`GREENROOM_INSTANCE` sets it: two of one name fence each other (P12)",
    },
    Rule {
        properties: &["group.instance.id"],
        allowed: &[],
        why: "`GREENROOM_STATIC_MEMBERSHIP` and `GREENROOM_INSTANCE` set it",
    },
    Rule {
        properties: &[
            "enable.auto.commit",
            "auto.commit.enable",
            "enable.auto.offset.store",
        ],
        allowed: &["false"],
        why: "an offset is committed only when every record up to it is settled (P1)",
    },
    Rule {
        properties: &["auto.commit.interval.ms"],
        allowed: &[],
        why: "`GREENROOM_COMMIT_INTERVAL` says when what is settled is committed (P1)",
    },
    Rule {
        properties: &["offset.store.method"],
        allowed: &["broker"],
        why: "offsets live in the group, where the next owner of a partition finds them (P1)",
    },
    Rule {
        properties: &["auto.offset.reset"],
        allowed: &[],
        why: "a new group starts at the earliest record, and records that expired unread are \
              counted, not skipped in silence (P6)",
    },
    Rule {
        properties: &["isolation.level"],
        allowed: &["read_committed"],
        why: "records of an aborted transaction never happened (P12)",
    },
    Rule {
        properties: &["enable.partition.eof"],
        allowed: &["false"],
        why: "an end of a partition is no record, but would stand among them",
    },
    Rule {
        properties: &["acks", "request.required.acks"],
        allowed: &["all", "-1"],
        why: "fewer acknowledgements lose records with a broker (P1)",
    },
    Rule {
        properties: &["enable.idempotence"],
        allowed: &["true"],
        why: "without it a retry doubles records and changes their order (P2)",
    },
    Rule {
        properties: &["enable.gapless.guarantee"],
        allowed: &["false"],
        why: "one record that a broker refuses would be fatal to all others (P5)",
    },
    Rule {
        properties: &["max.in.flight", "max.in.flight.requests.per.connection"],
        allowed: &["1", "2", "3", "4", "5"],
        why: "order is kept over at most 5 requests at a time (P2)",
    },
    Rule {
        properties: &["partitioner"],
        allowed: &["murmur2"],
        why: "one key must reach one partition, the same as from Java (P2)",
    },
    Rule {
        properties: &["queuing.strategy"],
        allowed: &["fifo"],
        why: "outputs keep their input's order (P2)",
    },
    Rule {
        properties: &["message.timeout.ms", "delivery.timeout.ms"],
        allowed: &["0"],
        why: "an outage longer than it would fail records, and deliver later ones first (P2, P4)",
    },
    Rule {
        properties: &["retries", "message.send.max.retries"],
        allowed: &[],
        why: "a record is tried until it is delivered, however long an outage is (P1, P4)",
    },
    Rule {
        properties: &["delivery.report.only.error"],
        allowed: &["false"],
        why: "a batch is delivered when each of its records is acknowledged (P1)",
    },
    Rule {
        properties: &[
            "fetch.max.bytes",
            "queued.max.messages.kbytes",
            "queue.buffering.max.kbytes",
            "queue.buffering.max.messages",
        ],
        allowed: &[],
        why: "it is derived from `GREENROOM_IN_FLIGHT_BYTES`, so that memory stays bounded (P4)",
    },
    Rule {
        properties: &["log.queue"],
        allowed: &["false"],
        why: "nobody would read that queue, and failures would be silent (P6)",
    },
    Rule {
        properties: &["debug", "log_level"],
        allowed: &[],
        why: "`RUST_LOG` says what is logged, and librdkafka's debug output may quote records (P10)",
    },
];
