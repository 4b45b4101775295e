use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::status::sample;

fn rendered(board: &Board) -> String {
    Metrics::new(board.clone()).render().unwrap()
}

/// The labels of each exported metric, by its name; a histogram's three samples are one.
fn exported(exposition: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics = BTreeMap::<_, BTreeSet<_>>::new();
    for sample in exposition.lines().filter(|line| !line.starts_with('#')) {
        let end = sample.find(['{', ' ']).expect("a name ends somewhere");
        let name = &sample[..end];
        let suffixes = ["_bucket", "_sum", "_count"];
        let histogram = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        let labels = sample[end..]
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels).split(',');
        let names = labels.filter_map(|label| label.split_once('=').map(|(name, _)| name));
        let known = metrics
            .entry(histogram.unwrap_or(name).to_owned())
            .or_default();
        known.extend(names.filter(|name| *name != "le").map(str::to_owned));
    }
    metrics
}

#[test]
fn what_is_documented_is_exported_and_nothing_else_is() {
    let labels = |metric: &Metric| metric.labels.iter().map(ToString::to_string).collect();
    let documented: BTreeMap<_, _> = METRICS
        .iter()
        .map(|metric| (metric.name.to_owned(), labels(metric)))
        .collect();
    assert_eq!(exported(&rendered(&sample::at_work())), documented);
    assert_eq!(documented.len(), METRICS.len(), "a name stands twice");
}

#[test]
fn figures_of_the_board_arrive() {
    let exposition = rendered(&sample::at_work());
    for sample in [
        r#"messaging_client_consumed_messages_total{messaging_system="kafka",messaging_operation_name="poll"} 1000"#,
        r#"messaging_client_sent_messages_total{messaging_system="kafka",messaging_operation_name="send"} 900"#,
        r#"greenroom_records_filtered_total{reason="skipped"} 30"#,
        r#"greenroom_records_rejected_total{error_type="invalid_json"} 40"#,
        "greenroom_records_expired_total 7",
        r#"messaging_client_operation_duration_seconds_count{messaging_system="kafka",messaging_operation_name="send"} 1"#,
        r#"messaging_client_operation_duration_seconds_count{messaging_system="kafka",messaging_operation_name="commit"} 0"#,
        "greenroom_end_to_end_seconds_count 3",
        r#"greenroom_end_to_end_seconds_bucket{le="0.005"} 1"#,
        r#"greenroom_end_to_end_seconds_bucket{le="+Inf"} 3"#,
        "greenroom_in_flight_bytes 5600",
        "greenroom_in_flight_bytes_limit 67108864",
        r#"greenroom_consumer_lag_records{topic="user-login",partition="1"} 20"#,
        r#"greenroom_consumer_lag_seconds{topic="user-login",partition="1"} 0.25"#,
        r#"greenroom_commits_total{outcome="success"} 1"#,
        r#"greenroom_commits_total{outcome="failure"} 1"#,
        r#"greenroom_transactions_total{outcome="committed"} 1"#,
        "greenroom_transaction_duration_seconds_count 1",
        "greenroom_store_writes_total 1",
        "greenroom_store_failures_total 1",
        "greenroom_store_restored_ratio 0.25",
        "greenroom_rebalances_total 1",
        "greenroom_spans_dropped_total 5",
        r#"greenroom_actor_up{actor="transformer-0"} 1"#,
        r#"greenroom_actor_up{actor="producer"} 0"#,
        r#"greenroom_actor_restarts_total{actor="transformer-0",exit="panicked"} 2"#,
        "greenroom_escalations_total 1",
        r#"greenroom_ready{latch="store"} 1"#,
        concat!(
            "greenroom_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\",pipeline=\"logins\",group=\"greenroom-logins\"} 1"
        ),
    ] {
        assert!(
            exposition.lines().any(|line| line == sample),
            "{sample}\n{exposition}"
        );
    }
}

#[test]
fn units_and_types_are_told_to_the_scraper() {
    let exposition = rendered(&sample::at_work());
    for line in [
        "# TYPE greenroom_in_flight_bytes gauge",
        "# UNIT greenroom_in_flight_bytes bytes",
        "# TYPE greenroom_in_flight_bytes_limit gauge",
        "# UNIT greenroom_end_to_end_seconds seconds",
        "# TYPE greenroom_commits counter",
        "# TYPE greenroom_build info",
        "# EOF",
    ] {
        assert!(
            exposition.lines().any(|told| told == line),
            "{line}\n{exposition}"
        );
    }
}

#[test]
fn every_metric_has_a_help_text_and_its_unit_in_its_name() {
    for Metric {
        name, unit, help, ..
    } in METRICS
    {
        assert!(help.ends_with('.'), "{name}");
        assert!(unit.is_none_or(|unit| name.contains(unit)), "{name}");
    }
}

#[test]
fn partitions_that_were_revoked_disappear() {
    let board = sample::at_work();
    let metrics = Metrics::new(board.clone());
    assert!(metrics.render().unwrap().contains(r#"partition="0""#));

    board.set_partitions(vec![sample::partition(1)]);
    let exposition = metrics.render().unwrap();
    assert!(!exposition.contains(r#"partition="0""#), "{exposition}");
    assert!(exposition.contains(r#"partition="1""#), "{exposition}");
}

/// Whatever the alert rules and the dashboard ask for.
#[test]
fn what_the_alerts_and_the_dashboard_ask_for_is_exported() {
    let asked = [
        include_str!("../../../otel/alerts.yml"),
        include_str!("../../../otel/grafana/dashboards/greenroom.json"),
    ];
    let words = asked.iter().flat_map(|text| {
        text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
    });
    let prefixes = ["greenroom_", "messaging_", "process_"];
    let names = words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    let names: BTreeSet<_> = names.map(|name| name.trim_end_matches("_bucket")).collect();
    let is_of = |metric: &Metric, word: &str| metric.name == word || metric.labels.contains(&word);
    let known = |word: &str| METRICS.iter().any(|metric| is_of(metric, word));
    let unknown: Vec<_> = names.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(names.len() > 10, "{names:?}");
}
