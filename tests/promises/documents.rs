//! The documents that are made from tables in the code are up to date.

use std::fs;
use std::path::Path;

use greenroom::config::{readme_table, sample_env};
use greenroom::pipeline::{Now, Options, Outcome, Spec, guide};
use greenroom::record::{Outgoing, Records};
use greenroom::telemetry::metrics;

const HOW: &str = "run the tests with UPDATE_DOCUMENTS=1 to write it anew";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("the document is in the repository")
}

fn compare(name: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        fs::write(path, expected).expect("the document can be written");
    }
    assert_eq!(read(name), expected, "{name} is out of date: {HOW}");
}

/// The document with what stands between the marks of this name replaced.
fn between(document: &str, mark: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let (before, rest) = document.split_once(&begin).expect("the section's begin");
    let (_, after) = rest.split_once(&end).expect("the section's end");
    format!("{before}{begin}\n{text}{end}{after}")
}

#[test]
fn the_readme_shows_the_settings_table() {
    let expected = between(&read("README.md"), "settings", &readme_table());
    compare("README.md", &expected);
}

#[test]
fn the_list_of_metrics_is_what_is_exported() {
    let page = "docs/metrics.md";
    let expected = between(&read(page), "metrics", &metrics::reference());
    compare(page, &expected);
}

#[test]
fn the_guide_tells_of_every_step_and_section() {
    let page = "docs/pipelines.md";
    let expected = between(&read(page), "reference", &guide());
    compare(page, &expected);
}

/// The `n`th block of code after the mark.
fn block(document: &str, mark: &str, n: usize) -> String {
    let (_, rest) = document.split_once(mark).expect("the mark");
    let mut fences = rest.split("```").skip(1).step_by(2);
    let block = fences.nth(n).expect("so many blocks");
    let (_language, text) = block.split_once('\n').expect("a block has lines");
    text.to_owned()
}

#[test]
fn the_guides_whole_example_does_what_is_said() {
    let page = read("docs/pipelines.md");
    let [toml, events, written] = [0, 1, 2].map(|n| block(&page, "<!-- example -->", n));
    let options = Options {
        hash_key: None,
        hash_key_id: None,
        timezone: chrono_tz::Tz::UTC,
    };
    let spec = Spec::parse(&toml, "visits.toml").unwrap();
    let mut worker = spec.compile(&options).unwrap().worker();
    let mut out = Outgoing::default();
    let now = Now::from_unix_nanos(1_704_164_645_000_000_000);
    let mut records = Records::default();
    for (offset, event) in (0..).zip(events.lines()) {
        records.push(offset, None, None, Some(event.as_bytes()));
    }
    let outcomes: Vec<_> = records
        .iter()
        .enumerate()
        .map(|(index, record)| worker.process(record, index, now, &mut out, None))
        .collect();
    assert!(
        matches!(
            &outcomes[..],
            [Outcome::Emitted, Outcome::Filtered(_), Outcome::Rejected(_)]
        ),
        "{outcomes:?}"
    );
    let value = out.get(0, &records).value().map(<[u8]>::to_vec);
    let value = String::from_utf8(value.unwrap()).unwrap();
    assert_eq!(format!("{value}\n"), written);
}

#[test]
fn the_sample_environment_shows_every_setting() {
    compare(".env.example", &sample_env());
}
