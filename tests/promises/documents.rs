//! The documents that are made from the settings table are up to date.

use std::fs;
use std::path::Path;

use greenroom::config::{readme_table, sample_env};

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

#[test]
fn the_readme_shows_the_settings_table() {
    let readme = read("README.md");
    let (before, rest) = readme
        .split_once("<!-- settings -->")
        .expect("the section's begin");
    let (_, after) = rest
        .split_once("<!-- /settings -->")
        .expect("the section's end");
    let table = readme_table();
    let expected = format!("{before}<!-- settings -->\n{table}<!-- /settings -->{after}");
    compare("README.md", &expected);
}

#[test]
fn the_sample_environment_shows_every_setting() {
    compare(".env.example", &sample_env());
}
