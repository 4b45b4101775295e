//! One trace an event, through all actors, to the record that goes out; and what may not be in it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use greenroom::config::{self, Delivery, WorkerKey};
use greenroom::topology::Sabotage;
use greenroom::trace::{Context, Journey, SpanId, TraceId};
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use rdkafka::producer::BaseRecord;

use crate::harness::{Collector, Lodger, Span, Terms, eventually, header};

const EVENTS: usize = 10_000;

const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;
const INTERNAL: i32 = 1;

pub fn event(user: &str) -> String {
    format!(
        r#"{{"user_id":"{user}","app_version":"2.3.0","ip":"10.0.0.1","locale":"CA","device_id":"d","timestamp":1694479551}}"#
    )
}

pub fn context(number: usize, sampled: bool) -> Context {
    Context {
        trace: TraceId(number as u128 + 1),
        span: SpanId(number as u64 + 1),
        sampled,
    }
}

fn traceparent(context: Context) -> OwnedHeaders {
    OwnedHeaders::new().insert(Header {
        key: "traceparent",
        value: Some(&context.to_header()[..]),
    })
}

/// Writes these values, each with its `traceparent`, into a partition of its own number, under one
/// of several keys.
pub fn write(lodger: &Lodger, partitions: usize, events: &[(String, Context)]) {
    const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];
    let records = events.iter().enumerate().map(|(n, (value, context))| {
        BaseRecord::<[u8], [u8]>::to(&lodger.pipes.input)
            .partition((n % partitions) as i32)
            .key(KEYS[n % KEYS.len()].as_bytes())
            .payload(value.as_bytes())
            .headers(traceparent(*context))
    });
    lodger.topics.produce(records);
}

fn carried(record: &OwnedMessage) -> Context {
    let text = header(record, "traceparent").expect("a traceparent");
    Context::parse(text.as_bytes()).expect("a valid one")
}

/// Each of these values panics once.
fn panic_once(value: &[u8]) -> Option<Sabotage> {
    static PANICKED: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());
    let word = b"\"panic once ";
    let holds = value.windows(word.len()).any(|window| window == word);
    let first = || {
        let mut panicked = PANICKED.lock().expect("nobody panics with it");
        panicked.insert(value.to_vec())
    };
    (holds && first()).then_some(Sabotage::Panic)
}

/// The spans of each trace, by name; the topics' names are cut off.
fn trees(spans: Vec<Span>) -> BTreeMap<String, BTreeMap<String, Vec<Span>>> {
    let mut trees = BTreeMap::<_, BTreeMap<_, Vec<_>>>::new();
    for span in spans {
        let name = span.name.split(' ').next().unwrap_or_default().to_owned();
        let tree = trees.entry(span.trace.clone()).or_default();
        tree.entry(name).or_default().push(span);
    }
    trees
}

#[test]
fn p9_every_event_is_one_whole_tree_and_its_output_carries_it_on() {
    trace_every_event(WorkerKey::Partition);
}

#[test]
fn p9_also_where_workers_share_partitions_by_key() {
    trace_every_event(WorkerKey::Key);
}

fn trace_every_event(worker_key: WorkerKey) {
    let collector = Collector::listen();
    let mut lodger = Lodger::move_in(Terms {
        partitions: 4,
        transformers: 2,
        worker_key,
        poison: Some(panic_once),
        traces: Some(collector.settings("parentbased_always_off")),
        ..Terms::default()
    });
    let user = |number: usize| match number {
        5000 => format!("panic once {worker_key:?}"),
        number => number.to_string(),
    };
    let events = (0..EVENTS).map(|n| (event(&user(n)), context(n, true)));
    write(&lodger, 4, &events.collect::<Vec<_>>());
    eventually("all to be produced", || {
        lodger.records().produced == EVENTS as u64
    });
    let outputs = lodger.topics.drain(&lodger.pipes.output);
    assert_eq!(lodger.spans_dropped(), 0);
    lodger.move_out();

    let mut trees = trees(collector.spans());
    assert_eq!(trees.len(), EVENTS);
    assert_eq!(outputs.len(), EVENTS);
    for output in &outputs {
        let onward = carried(output);
        let tree = trees.remove(&onward.trace.to_string()).expect("its trace");
        is_whole(&tree, onward);
        let failed = tree["transform"].iter().filter(|span| span.failed).count();
        let attempts = tree["transform"].len();
        if onward.trace == context(5000, true).trace {
            assert_eq!((attempts, failed), (2, 1), "both attempts are seen");
            let error = &tree["transform"].iter().find(|span| span.failed);
            let error = error.expect("the first").attributes.get("error.type");
            assert_eq!(error.map(String::as_str), Some("panicked"));
        } else {
            assert_eq!(attempts, failed + 1, "the last attempt succeeded");
        }
    }
}

/// Names, parents, kinds, times and attributes of an event's tree.
fn is_whole(tree: &BTreeMap<String, Vec<Span>>, onward: Context) {
    let only = |name: &str| match &tree.get(name).map(Vec::as_slice) {
        Some([only]) => only.clone(),
        other => panic!("one {name} in {other:?}"),
    };
    let (process, send, aggregate) = (only("process"), only("send"), only("aggregate"));
    let sender = SpanId(onward.trace.0 as u64);
    assert_eq!(process.parent, sender.to_string());
    assert_eq!(process.kind, CONSUMER);
    assert_eq!(process.name, "process input");
    assert_eq!(send.name, "send output");
    assert_eq!(send.kind, PRODUCER);
    assert_eq!(
        send.id,
        onward.span.to_string(),
        "the output goes on from it"
    );
    assert!(onward.sampled);
    for child in [&send, &aggregate].into_iter().chain(&tree["transform"]) {
        assert_eq!(child.parent, process.id);
        assert!(process.begun <= child.begun && child.begun <= child.ended);
    }
    assert!(process.ended >= send.ended);
    assert_eq!(aggregate.kind, INTERNAL);
    let last = tree["transform"].iter().find(|span| !span.failed);
    assert!(
        last.expect("one that succeeded").events.len() > 3,
        "its steps"
    );
    for (name, value) in [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "input"),
        ("messaging.consumer.group.name", "group"),
        ("messaging.client.id", "test"),
        ("greenroom.actor", "consumer"),
    ] {
        assert_eq!(
            process.attributes.get(name).map(String::as_str),
            Some(value)
        );
    }
    let number = (onward.trace.0 - 1) as usize;
    let at = [
        "messaging.destination.partition.id",
        "messaging.kafka.offset",
    ];
    let at = at.map(|name| process.attributes[name].as_str());
    assert_eq!(at, [&*(number % 4).to_string(), &*(number / 4).to_string()]);
    assert!(process.attributes.contains_key("greenroom.generation"));
    assert_eq!(send.attributes["messaging.destination.name"], "output");
    assert!(!process.failed && !send.failed && !aggregate.failed);
}

#[test]
fn p6_what_is_rejected_is_traced_whatever_the_ratio_but_not_without_end() {
    let collector = Collector::listen();
    let mut lodger = Lodger::move_in(Terms {
        traces: Some(collector.settings("parentbased_always_off")),
        ..Terms::default()
    });
    let good = (0..100).map(|n| (event("good"), context(n, false)));
    let bad = (100..300).map(|n| ("no JSON".to_owned(), context(n, false)));
    write(&lodger, 1, &good.chain(bad).collect::<Vec<_>>());
    eventually("all to be committed", || lodger.committed() == 300);
    let letters = lodger.topics.drain(&lodger.pipes.dead_letters);
    let outputs = lodger.topics.drain(&lodger.pipes.output);
    lodger.move_out();

    for output in &outputs {
        let number = carried(output).trace.0 as usize - 1;
        assert_eq!(carried(output), context(number, false), "untouched");
    }
    let trees = trees(collector.spans());
    assert!(!trees.is_empty());
    let traced = letters.iter().filter(|letter| carried(letter).sampled);
    assert_eq!(traced.clone().count(), trees.len());
    let mut seconds = BTreeMap::<u64, usize>::new();
    for letter in traced {
        let onward = carried(letter);
        let tree = &trees[&onward.trace.to_string()];
        for name in ["process", "transform", "dead-letter"] {
            let [span] = &tree[name][..] else {
                panic!("one {name}");
            };
            assert!(span.failed);
            assert_eq!(span.attributes["error.type"], "invalid_json");
        }
        assert_eq!(tree["send"][0].name, "send dead-letters");
        assert_eq!(tree["send"][0].id, onward.span.to_string());
        let second = tree["transform"][0].ended / 1_000_000_000;
        *seconds.entry(second).or_default() += 1;
    }
    assert!(seconds.values().all(|traced| *traced <= 10), "{seconds:?}");
}

fn poison(value: &[u8]) -> Option<Sabotage> {
    let holds = |word: &[u8]| value.windows(word.len()).any(|window| window == word);
    if holds(b"\"panic\"") {
        Some(Sabotage::Panic)
    } else if holds(b"\"hang\"") {
        // Longer than the test: the thread keeps its share of the batch to the end.
        Some(Sabotage::Hang(Duration::from_secs(60)))
    } else {
        None
    }
}

#[test]
fn p5_p6_a_record_that_kills_its_workers_is_traced_whatever_the_ratio() {
    let collector = Collector::listen();
    let mut lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_secs(1),
        poison: Some(poison),
        traces: Some(collector.settings("parentbased_always_off")),
        ..Terms::default()
    });
    let users = ["a", "panic", "b", "hang", "c"].into_iter().enumerate();
    let events = users.map(|(n, user)| (event(user), context(n, false)));
    write(&lodger, 1, &events.collect::<Vec<_>>());
    eventually("all to be committed", || lodger.committed() == 5);
    lodger.move_out();

    let trees = trees(collector.spans());
    assert_eq!(trees.len(), 2, "its neighbours are not: {trees:?}");
    let panicked = ["panicked"; 3];
    let hung = ["hung"; 3];
    for (number, failures) in [
        // It was judged already, each time in vain, when its neighbour took the worker down.
        (1, [&panicked[..], &hung].concat()),
        (3, hung.to_vec()),
    ] {
        let tree = &trees[&context(number, false).trace.to_string()];
        let errors = |name: &str| -> Vec<&str> {
            let spans = tree[name].iter();
            spans
                .map(|span| span.attributes["error.type"].as_str())
                .collect()
        };
        assert_eq!(errors("transform"), [&failures[..], &["poison"]].concat());
        assert_eq!(errors("process"), ["poison"]);
        assert_eq!(errors("dead-letter"), ["poison"]);
        assert_eq!(tree["send"][0].name, "send dead-letters");
    }
}

#[test]
fn p10_no_span_holds_anything_of_a_record() {
    let collector = Collector::listen();
    let mut lodger = Lodger::move_in(Terms {
        poison: Some(|value| value.ends_with(b"S3CRET-poison").then_some(Sabotage::Panic)),
        traces: Some(collector.settings("always_on")),
        ..Terms::default()
    });
    let values = [
        event("S3CRET-user"),
        event("S3CRET-ip").replace("10.0.0.1", "S3CRET-address"),
        event("S3CRET-time").replace("1694479551", "\"S3CRET-timestamp\""),
        r#"{"S3CRET-name":"S3CRET-value"}"#.to_owned(),
        "S3CRET-no-json".to_owned(),
        "S3CRET-poison".to_owned(),
    ];
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "S3CRET-header",
            value: Some("S3CRET-header-value"),
        })
        .insert(Header {
            key: "tracestate",
            value: Some("vendor=S3CRET-state"),
        })
        .insert(Header {
            key: "baggage",
            value: Some("user=S3CRET-baggage"),
        });
    lodger.topics.produce(values.iter().map(|value| {
        BaseRecord::to(&lodger.pipes.input)
            .partition(0)
            .key(b"S3CRET-key".as_slice())
            .payload(value.as_bytes())
            .headers(headers.clone())
    }));
    eventually("all to be committed", || lodger.committed() == 6);
    let outputs = lodger.topics.drain(&lodger.pipes.output);
    lodger.move_out();

    assert_eq!(
        header(&outputs[0], "tracestate"),
        Some("vendor=S3CRET-state"),
        "it goes on with the record"
    );
    let everything = collector.everything();
    assert!(everything.contains("poison") && everything.contains("invalid_ip"));
    assert!(!everything.contains("S3CRET"), "{everything}");
}

#[test]
fn polls_and_commits_are_traced_as_calls_of_the_client() {
    let collector = Collector::listen();
    let mut lodger = Lodger::move_in(Terms {
        traces: Some(collector.settings("parentbased_always_on")),
        ..Terms::default()
    });
    write(&lodger, 1, &[(event("one"), context(0, true))]);
    eventually("it to be committed", || lodger.committed() == 1);
    lodger.move_out();

    let spans = collector.spans();
    let poll = spans.iter().find(|span| span.name == "poll input");
    let poll = poll.expect("a poll");
    assert_eq!((poll.kind, poll.links), (CLIENT, 1), "it brought the event");
    assert_eq!(poll.attributes["messaging.operation.type"], "receive");
    let commit = spans.iter().find(|span| span.name == "commit");
    let commit = commit.expect("a commit");
    assert_eq!((commit.kind, commit.links), (CLIENT, 1), "it settled it");
    assert_eq!(commit.attributes["messaging.operation.type"], "settle");
}

/// Without an aggregator nothing is counted, so the transaction stays open until that is replaced,
/// and what it held is read again.
#[test]
fn p6_p12_transactions_are_traced_with_what_became_of_them() {
    let collector = Collector::listen();
    let mut lodger = Lodger::move_in(Terms {
        delivery: Delivery::ExactlyOnce,
        hang_after: Duration::from_secs(1),
        traces: Some(collector.settings("parentbased_always_on")),
        ..Terms::default()
    });
    write(&lodger, 1, &[(event("one"), context(0, true))]);
    eventually("one to be produced", || lodger.records().produced == 1);
    lodger.sabotage("aggregator", Sabotage::Hang(Duration::from_secs(60)));
    write(&lodger, 1, &[(event("two"), context(1, true))]);
    let transactions = || {
        let spans = collector.spans().into_iter();
        let mut spans: Vec<_> = spans.filter(|span| span.name == "transaction").collect();
        spans.sort_by_key(|span| span.ended);
        spans
    };
    eventually("one to be aborted, and another committed", || {
        let transactions = transactions();
        let last = transactions.last();
        transactions.iter().any(|span| span.failed) && last.is_some_and(|last| !last.failed)
    });
    lodger.move_out();

    let transactions = transactions();
    let aborted = transactions.iter().position(|span| span.failed);
    let aborted = aborted.expect("it was there");
    let (aborted, next) = (&transactions[aborted], &transactions[aborted + 1]);
    assert_eq!(aborted.kind, CLIENT);
    assert_eq!(aborted.attributes["error.type"], "fenced");
    assert_eq!(aborted.attributes["greenroom.actor"], "producer");
    assert!(aborted.begun < aborted.ended && aborted.ended <= next.begun);
    assert!(next.links > 0, "it made visible what was read again");
}

/// What a small record pays while it is in flight, in bytes. A worker that hangs is as good as an
/// output that is away: what was read waits.
fn bytes_in_flight(traces: Option<config::Traces>) -> u64 {
    const BUDGET: u64 = 8 << 20;
    let lodger = Lodger::move_in(Terms {
        hang_after: Duration::from_secs(3600),
        in_flight_bytes: BUDGET as usize,
        poison: Some(|_| Some(Sabotage::Hang(Duration::from_secs(3600)))),
        traces,
        ..Terms::default()
    });
    lodger.write(&vec!["{}".to_owned(); 40_000]);
    eventually("the budget to be spent", || {
        lodger.records().in_flight_bytes > BUDGET / 4 * 3
    });
    let records = lodger.records();
    records.in_flight_bytes / records.in_flight
}

#[test]
fn p4_what_is_noted_of_traced_records_is_paid_from_the_budget() {
    let collector = Collector::listen();
    let traced = bytes_in_flight(Some(collector.settings("always_on")));
    let untraced = bytes_in_flight(None);
    let noted = Journey::bytes(0) as u64;
    assert!(traced >= untraced + noted, "{traced} with {untraced}");
}

#[test]
fn the_demos_events_are_traced_from_its_generator_on() {
    let collector = Collector::listen();
    let output = Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(["demo", "--seconds", "2", "--rate", "200", "--json"])
        .env_clear()
        .envs(collector.environment("parentbased_always_on"))
        .env("GREENROOM_HTTP_ADDR", "off")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{output:?}");

    let spans = collector.spans();
    let sent = spans.iter().filter(|span| span.name == "send user-login");
    let sent: Vec<_> = sent.collect();
    assert!(sent.len() > 100, "{}", sent.len());
    for root in sent {
        assert_eq!((root.kind, &*root.parent), (PRODUCER, ""));
        let mut children = spans.iter().filter(|span| span.parent == root.id);
        let child = children.next().expect("it was processed");
        assert_eq!(child.name, "process user-login");
        assert!(root.begun <= child.begun);
        assert_eq!(children.next(), None);
    }
}
