use std::fmt::Debug;

use chrono_tz::Tz;
use secrecy::SecretSlice;
use toml::Table;

use super::page::{HASH_KEY, NOW};
use super::*;
use crate::counts::{Accumulator, Counts};
use crate::pipeline::count::COUNT;
use crate::pipeline::report::REPORT;
use crate::pipeline::side_topic::{ERRORS, FILTERED, MEMBER};
use crate::pipeline::spec::{FILE, STEP, SUMMARY};
use crate::pipeline::steps::STEPS;
use crate::pipeline::{Compiled, ErrorRecord, Options, Outcome, Spec};
use crate::record::{Outgoing, Records};

const HEAD: &str = "name = \"t\"\ngroup = \"g\"\ninput = [\"in\"]\noutput = \"out\"\n";

fn parse(toml: &str) -> Spec {
    Spec::parse(toml, "t.toml").unwrap_or_else(|errors| panic!("{toml}\n{errors:#?}"))
}

fn compile(toml: &str) -> Compiled {
    let options = Options {
        hash_key: Some(SecretSlice::from(HASH_KEY.as_bytes().to_vec())),
        hash_key_id: None,
        timezone: Tz::UTC,
    };
    let spec = parse(&format!("{HEAD}{toml}"));
    spec.compile(&options).expect("the key is there")
}

/// What becomes of a value, as the guide says it, and the counts of it alone.
fn work(pipeline: &Compiled, value: &str) -> (String, Counts) {
    let mut records = Records::default();
    records.push(0, None, None, Some(value.as_bytes()));
    let (mut out, mut counted) = (Outgoing::default(), Accumulator::default());
    let mut worker = pipeline.worker();
    let outcome = worker.process(records.get(0), 0, NOW, &mut out, Some(&mut counted));
    let becomes = match outcome {
        Outcome::Emitted => {
            let value = out.get(0, &records).value().expect("an event has a value");
            String::from_utf8(value.to_vec()).expect("JSON is UTF-8")
        }
        Outcome::Filtered(_) => "filtered".to_owned(),
        Outcome::Rejected(rejection) => {
            let (error_type, detail) = (rejection.error_type.as_str(), rejection.detail);
            format!("rejected as {error_type}: {detail}")
        }
    };
    let mut counts = Counts::default();
    counts.merge(&counted.take());
    (becomes, counts)
}

#[test]
fn every_steps_examples_are_true() {
    for step in STEPS {
        assert!(!step.examples.is_empty(), "{} has no example", step.name);
        for example in step.examples {
            let begin = format!("[[step]]\ndo = \"{}\"\n", step.name);
            assert!(example.toml.starts_with(&begin), "{}", example.toml);
            let pipeline = compile(example.toml);
            assert!(!example.runs.is_empty(), "{}", step.name);
            for (value, becomes) in example.runs {
                assert_eq!(work(&pipeline, value).0, *becomes, "{}", example.toml);
            }
        }
    }
}

#[test]
fn every_side_topics_example_is_true() {
    let examples = ERRORS.examples.iter().chain(FILTERED.examples);
    for example in examples {
        let pipeline = compile(example.toml);
        for (value, expected) in example.runs {
            let mut records = Records::default();
            records.push(0, None, None, Some(value.as_bytes()));
            let mut out = Outgoing::default();
            let mut worker = pipeline.worker();
            let record = match worker.process(records.get(0), 0, NOW, &mut out, None) {
                Outcome::Rejected(rejection) => rejection.record.map(|ErrorRecord(record)| record),
                Outcome::Filtered(_) => out.get(0, &records).value().map(<[u8]>::to_vec),
                Outcome::Emitted => None,
            };
            let record = record.expect("it has a record");
            assert_eq!(str::from_utf8(&record), Ok(*expected), "{}", example.toml);
        }
    }
}

#[test]
fn every_counts_example_is_true() {
    for example in COUNT.examples {
        let pipeline = compile(example.toml);
        for (value, expected) in example.runs {
            let counts = work(&pipeline, value).1;
            let counts = serde_json::to_string(&counts).expect("counts are texts and numbers");
            assert_eq!(counts, *expected, "{}", example.toml);
        }
    }
}

#[test]
fn the_summarys_example_is_true() {
    for example in SUMMARY.examples {
        let pipeline = compile(example.toml);
        for (value, expected) in example.runs {
            let counts = work(&pipeline, value).1;
            assert_eq!(pipeline.summarise(&counts), *expected, "{}", example.toml);
        }
    }
}

#[test]
fn every_reports_example_is_true() {
    for example in REPORT.examples {
        let pipeline = compile(example.toml);
        for (value, expected) in example.runs {
            let lines = pipeline.layout().reports()[0].render(&work(&pipeline, value).1);
            assert_eq!(lines.join("\n"), *expected, "{}", example.toml);
        }
    }
}

/// What is said of the keys is what the reader asks for, in its order, and needed is what it needs.
fn says_what_it_asks<T>(chapter: &Chapter<T>) {
    let asked = chapter.asked().into_iter();
    let asked: Vec<_> = asked.map(|asked| (asked.key, asked.needed)).collect();
    let keys = chapter.keys.iter();
    let said: Vec<_> = keys
        .map(|key| (key.name, key.fallback == Fallback::Needed))
        .collect();
    assert_eq!(said, asked, "{}", chapter.name);
    assert!(chapter.keys.iter().all(|key| !key.meaning.is_empty()));
}

#[test]
fn the_keys_that_are_told_of_are_those_that_are_read() {
    says_what_it_asks(&FILE);
    says_what_it_asks(&ERRORS);
    says_what_it_asks(&FILTERED);
    says_what_it_asks(&MEMBER);
    says_what_it_asks(&SUMMARY);
    says_what_it_asks(&STEP);
    says_what_it_asks(&COUNT);
    says_what_it_asks(&REPORT);
    STEPS.iter().for_each(says_what_it_asks);
}

/// A file with a key left out reads as one in which the key has its default. `place` finds the
/// key's section in the file.
fn defaults_hold<T: Debug>(
    chapter: &Chapter<T>,
    file: &str,
    place: fn(&mut Table) -> &mut Table,
) -> usize {
    let with = |key: &str, value: Option<toml::Value>| {
        let mut file: Table = file.parse().expect("it is TOML");
        let section = place(&mut file);
        match value {
            Some(value) => section.insert(key.to_owned(), value),
            None => section.remove(key),
        };
        format!("{:?}", parse(&file.to_string()))
    };
    let mut checked = 0;
    for key in chapter.keys {
        if let Fallback::Value(value) = key.fallback {
            let value: Table = format!("v = {value}").parse().expect("a default is TOML");
            let without = with(key.name, None);
            let (name, value) = (key.name, value["v"].clone());
            assert_eq!(with(name, Some(value)), without, "{} {name}", chapter.name);
            checked += 1;
        }
    }
    checked
}

fn first<'t>(file: &'t mut Table, sections: &str) -> &'t mut Table {
    let section = file.get_mut(sections).and_then(|all| all.get_mut(0));
    let section = section.and_then(toml::Value::as_table_mut);
    section.expect("the example has such a section")
}

#[test]
fn the_defaults_that_are_told_of_are_those_that_hold() {
    let counted = format!("{HEAD}[[count]]\nname = \"n\"\nby = \"a\"\n");
    let mut checked = defaults_hold(&FILE, HEAD, |file| file);
    checked += defaults_hold(&COUNT, &counted, |file| first(file, "count"));
    let reported = format!("{HEAD}{}", REPORT.examples[1].toml);
    checked += defaults_hold(&REPORT, &reported, |file| first(file, "report"));
    for step in STEPS {
        let file = format!("{HEAD}{}", step.examples[0].toml);
        checked += defaults_hold(step, &file, |file| first(file, "step"));
    }
    assert!(checked >= 10, "{checked}");
}
