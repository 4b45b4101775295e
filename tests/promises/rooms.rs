//! The rooms of ARCHITECTURE.md: arrows go down only.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. A room may name rooms below it, never above.
const FLOORS: &[&[&str]] = &[
    &["record", "repeats", "trace", "failpoint"],
    &["flow", "supervision", "config", "generator", "status"],
    &["kafka"],
    &["counts"],
    &["pipeline", "telemetry"],
    &["actors", "web"],
    &["topology"],
    &["cli"],
];

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("the room {room} has no floor"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a line of code names, be it in a `use` or in passing.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[test]
fn arrows_between_rooms_go_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut arrows = 0;
    for file in files {
        let inside = file.strip_prefix(&root).expect("below the root");
        let first = inside
            .iter()
            .next()
            .and_then(|part| part.to_str())
            .expect("a name");
        let room = first.trim_end_matches(".rs");
        if ["main", "lib"].contains(&room) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for target in code.flat_map(named).filter(|target| *target != room) {
            arrows += 1;
            assert!(
                floor(target) < floor(room),
                "{} names the room {target}, which lies not below {room}",
                inside.display()
            );
        }
    }
    assert!(
        arrows > 20,
        "only {arrows} arrows were found: does the test still read the code?"
    );
}
