//! The documented metrics.

use std::collections::BTreeMap;
use std::fmt::Result;

use prometheus_client::metrics::MetricType::{Counter, Gauge, Histogram, Info};

use super::Metric;
use super::samples::Samples;
use crate::status::{ActorState, Figures, PartitionStatus};
use crate::telemetry::process;

/// What OpenTelemetry requires of each messaging metric.
const MESSAGING: &[&str] = &["messaging_system", "messaging_operation_name"];

/// Each metric that is exported, and no other is. Names are a contract: OpenTelemetry's for
/// messaging where there are such, else ours.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "messaging_client_consumed_messages_total",
        kind: Counter,
        unit: None,
        labels: MESSAGING,
        help: "Records read from the input topics.",
        write: |f, s| s.counter(&operation("poll"), f.status.records.consumed),
    },
    Metric {
        name: "messaging_client_sent_messages_total",
        kind: Counter,
        unit: None,
        labels: MESSAGING,
        help: "Outputs that the broker has acknowledged.",
        write: |f, s| s.counter(&operation("send"), f.status.records.produced),
    },
    Metric {
        name: "messaging_client_operation_duration_seconds",
        kind: Histogram,
        unit: Some("seconds"),
        labels: MESSAGING,
        help: "Time of a poll that brings records, of a batch's sending until all is acknowledged, and of a commit.",
        write: operations,
    },
    Metric {
        name: "messaging_process_duration_seconds",
        kind: Histogram,
        unit: Some("seconds"),
        labels: MESSAGING,
        help: "Time that a worker takes for a batch.",
        write: |f, s| s.histogram(&operation("process"), &f.process_duration),
    },
    Metric {
        name: "greenroom_records_filtered_total",
        kind: Counter,
        unit: None,
        labels: &["reason"],
        help: "Records that the pipeline dropped on purpose.",
        write: |f, s| counted("reason", &f.filtered, s),
    },
    Metric {
        name: "greenroom_records_rejected_total",
        kind: Counter,
        unit: None,
        labels: &["error_type"],
        help: "Records that became dead letters.",
        write: |f, s| counted("error_type", &f.status.rejections, s),
    },
    Metric {
        name: "greenroom_records_expired_total",
        kind: Counter,
        unit: None,
        labels: &[],
        help: "Records that retention deleted before they were read.",
        write: |f, s| s.counter(&[], f.expired),
    },
    Metric {
        name: "greenroom_end_to_end_seconds",
        kind: Histogram,
        unit: Some("seconds"),
        labels: &[],
        help: "From a record's timestamp to its output's acknowledgement.",
        write: |f, s| s.histogram(&[], &f.end_to_end),
    },
    Metric {
        name: "greenroom_in_flight_bytes",
        kind: Gauge,
        unit: Some("bytes"),
        labels: &[],
        help: "Records between poll and settlement.",
        write: |f, s| s.gauge(&[], f.status.records.in_flight_bytes),
    },
    Metric {
        name: "greenroom_in_flight_bytes_limit",
        kind: Gauge,
        unit: Some("bytes"),
        labels: &[],
        help: "The budget for records between poll and settlement, in bytes.",
        write: |f, s| s.gauge(&[], f.in_flight_bytes_limit),
    },
    Metric {
        name: "greenroom_consumer_lag_records",
        kind: Gauge,
        unit: Some("records"),
        labels: &["topic", "partition"],
        help: "Records of an owned partition that are not settled.",
        write: |f, s| {
            each_partition(f, |labels, partition| {
                s.gauge(labels, partition.lag_records)
            })
        },
    },
    Metric {
        name: "greenroom_consumer_lag_seconds",
        kind: Gauge,
        unit: Some("seconds"),
        labels: &["topic", "partition"],
        help: "Age of an owned partition's oldest record that is not settled.",
        write: |f, s| {
            each_partition(f, |labels, partition| {
                s.gauge(labels, partition.lag_seconds)
            })
        },
    },
    Metric {
        name: "greenroom_commits_total",
        kind: Counter,
        unit: None,
        labels: &["outcome"],
        help: "Commits of input offsets.",
        write: commits,
    },
    Metric {
        name: "greenroom_transactions_total",
        kind: Counter,
        unit: None,
        labels: &["outcome"],
        help: "Transactions that were committed, or aborted because fenced, late or refused.",
        write: |f, s| counted("outcome", &f.status.transactions.ended, s),
    },
    Metric {
        name: "greenroom_transaction_duration_seconds",
        kind: Histogram,
        unit: Some("seconds"),
        labels: &[],
        help: "From a transaction's first record to its end.",
        write: |f, s| s.histogram(&[], &f.transaction_duration),
    },
    Metric {
        name: "greenroom_transaction_open_seconds",
        kind: Gauge,
        unit: Some("seconds"),
        labels: &[],
        help: "Age of the transaction that is open, 0 where none is.",
        write: |f, s| s.gauge(&[], f.status.transactions.open_seconds),
    },
    Metric {
        name: "greenroom_store_writes_total",
        kind: Counter,
        unit: None,
        labels: &[],
        help: "Times that counts were stored, by transactions too.",
        write: |f, s| s.counter(&[], f.status.store.writes),
    },
    Metric {
        name: "greenroom_store_failures_total",
        kind: Counter,
        unit: None,
        labels: &[],
        help: "Times that the counts' store did not do what it was asked.",
        write: |f, s| s.counter(&[], f.status.store.failures),
    },
    Metric {
        name: "greenroom_store_away_seconds",
        kind: Gauge,
        unit: Some("seconds"),
        labels: &[],
        help: "For how long the counts' store has not answered, 0 where it does.",
        write: |f, s| s.gauge(&[], f.status.store.away_seconds),
    },
    Metric {
        name: "greenroom_store_restored_ratio",
        kind: Gauge,
        unit: Some("ratio"),
        labels: &[],
        help: "How much is read of the stored counts that are being loaded, 1 where none are.",
        write: |f, s| s.gauge(&[], f.status.store.restored.unwrap_or(1.0)),
    },
    Metric {
        name: "greenroom_rebalances_total",
        kind: Counter,
        unit: None,
        labels: &[],
        help: "Assignments and revocations of partitions.",
        write: |f, s| s.counter(&[], f.rebalances),
    },
    Metric {
        name: "greenroom_ready",
        kind: Gauge,
        unit: None,
        labels: &["latch"],
        help: "1 where what the latch stands for is there, else 0: the group, the topics, the producer's broker, the counts' store.",
        write: latches,
    },
    Metric {
        name: "greenroom_escalations_total",
        kind: Counter,
        unit: None,
        labels: &[],
        help: "Restarts of the pipeline as a whole, because an actor failed too often.",
        write: |f, s| s.counter(&[], f.escalations),
    },
    Metric {
        name: "greenroom_actor_up",
        kind: Gauge,
        unit: None,
        labels: &["actor"],
        help: "1 where the actor runs, else 0.",
        write: up,
    },
    Metric {
        name: "greenroom_actor_restarts_total",
        kind: Counter,
        unit: None,
        labels: &["actor", "exit"],
        help: "Restarts of an actor, by the kind of exit that each followed.",
        write: restarts,
    },
    Metric {
        name: "greenroom_spans_dropped_total",
        kind: Counter,
        unit: None,
        labels: &[],
        help: "Spans that were lost: the collector was away, refused them, or was slower than they came.",
        write: |f, s| s.counter(&[], f.spans_dropped),
    },
    Metric {
        name: "greenroom_build_info",
        kind: Info,
        unit: None,
        labels: &["version", "pipeline", "group"],
        help: "What is running.",
        write: |f, s| {
            s.info(&[
                ("version", f.status.version),
                ("pipeline", &f.status.pipeline),
                ("group", &f.group),
            ])
        },
    },
    Metric {
        name: "process_cpu_seconds_total",
        kind: Counter,
        unit: Some("seconds"),
        labels: &[],
        help: "CPU time of all threads.",
        write: |_, s| s.counter(&[], process::cpu_time().as_secs_f64()),
    },
    Metric {
        name: "process_resident_memory_bytes",
        kind: Gauge,
        unit: Some("bytes"),
        labels: &[],
        help: "Memory that is resident.",
        write: |_, s| process::resident_bytes().map_or(Ok(()), |bytes| s.gauge(&[], bytes)),
    },
];

fn operation(name: &'static str) -> [(&'static str, &'static str); 2] {
    [
        ("messaging_system", "kafka"),
        ("messaging_operation_name", name),
    ]
}

fn operations(figures: &Figures, samples: &mut Samples<'_>) -> Result {
    let mut operations = figures.operations.iter();
    operations.try_for_each(|(of, took)| samples.histogram(&operation(of.name()), took))
}

fn counted(label: &str, counts: &BTreeMap<String, u64>, samples: &mut Samples<'_>) -> Result {
    let mut counts = counts.iter();
    counts.try_for_each(|(name, count)| samples.counter(&[(label, name)], *count))
}

fn each_partition(
    figures: &Figures,
    mut sample: impl FnMut(&[(&str, &str)], &PartitionStatus) -> Result,
) -> Result {
    let mut partitions = figures.status.partitions.iter();
    partitions.try_for_each(|partition| {
        let number = partition.partition.to_string();
        sample(
            &[("topic", &partition.topic), ("partition", &number)],
            partition,
        )
    })
}

fn commits(figures: &Figures, samples: &mut Samples<'_>) -> Result {
    samples.counter(&[("outcome", "success")], figures.commits_succeeded)?;
    samples.counter(&[("outcome", "failure")], figures.commits_failed)
}

fn latches(figures: &Figures, samples: &mut Samples<'_>) -> Result {
    let mut latches = figures.latches.iter();
    latches
        .try_for_each(|(latch, open)| samples.gauge(&[("latch", latch.name())], u64::from(*open)))
}

fn up(figures: &Figures, samples: &mut Samples<'_>) -> Result {
    figures.status.actors.iter().try_for_each(|actor| {
        let up = u64::from(actor.state == ActorState::Running);
        samples.gauge(&[("actor", &actor.name)], up)
    })
}

fn restarts(figures: &Figures, samples: &mut Samples<'_>) -> Result {
    figures.status.actors.iter().try_for_each(|actor| {
        let mut restarts = actor.restarts.iter();
        restarts.try_for_each(|(exit, count)| {
            samples.counter(&[("actor", &actor.name), ("exit", exit)], *count)
        })
    })
}
