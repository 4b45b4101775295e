use super::*;
use crate::counts::{Accumulator, Counts};
use crate::pipeline::Spec;

const HEAD: &str = r#"
name = "mine"
group = "g"
input = ["in"]
output = "out"

[[count]]
name = "all"

[[count]]
name = "version"
by = "app_version"

[[count]]
name = "device"
by = "device_type"
group = "locale"

[[count]]
name = "version"
by = "app_version"
group = "locale"
"#;

const INSIGHTS: &str = r#"
[[report]]
at_shutdown = true
for_each = "locale"
text = """
Locale: {locale}
Device Type Counts:
  {device}
App Version Counts:
  {version}
"""
"#;

fn layout(reports: &str) -> Layout {
    let spec = Spec::parse(&format!("{HEAD}{reports}"), "mine.toml");
    spec.unwrap_or_else(|errors| panic!("{errors:#?}"))
        .layout()
        .clone()
}

fn text_of(text: &str, counts: &Counts) -> Vec<String> {
    let layout = layout(&format!("[[report]]\ntext = '''{text}'''"));
    layout.reports()[0].render(counts)
}

fn mistakes(report: &str) -> Vec<String> {
    let errors = Spec::parse(&format!("{HEAD}[[report]]\n{report}"), "mine.toml");
    let errors = errors.expect_err("it has mistakes");
    errors.iter().map(ToString::to_string).collect()
}

fn counts(paths: &[&[&str]]) -> Counts {
    let mut accumulator = Accumulator::default();
    paths.iter().for_each(|path| accumulator.add(path));
    let mut counts = Counts::default();
    counts.merge(&accumulator.take());
    counts
}

fn some() -> Counts {
    counts(&[
        &["all"],
        &["all"],
        &["version", "2.3.0"],
        &["version", "2.3.0"],
        &["version", "null"],
        &["locale", "CA", "device", "iOS"],
        &["locale", "CA", "device", "android"],
        &["locale", "CA", "device", "iOS"],
        &["locale", "CA", "version", "2.3.0"],
        &["locale", "NY", "version", "2.3.0"],
    ])
}

#[test]
fn a_count_is_its_number_its_keys_in_a_line_or_a_line_a_key() {
    assert_eq!(
        text_of(
            "seen: {all}, by version: {version}\n\n - \n\t{version}",
            &some()
        ),
        [
            "seen: 2, by version: {\"2.3.0\": 2, \"null\": 1}",
            "",
            " -",
            "\t2.3.0: 2",
            "\tnull: 1"
        ]
    );
    assert_eq!(text_of("{{{all}}} {{}}", &some()), ["{2} {}"]);
}

#[test]
fn what_was_never_counted_is_shown_as_none() {
    assert_eq!(
        text_of("{all} {version}\n{version}", &Counts::default()),
        ["0 {}"]
    );
    assert_eq!(
        layout(INSIGHTS).reports()[0].render(&Counts::default()),
        [""; 0]
    );
}

#[test]
fn a_report_for_each_key_of_a_group_is_written_for_each() {
    let expected = "\
Locale: CA
Device Type Counts:
  android: 1
  iOS: 2
App Version Counts:
  2.3.0: 1
Locale: NY
Device Type Counts:
App Version Counts:
  2.3.0: 1";
    let rendered = layout(INSIGHTS).reports()[0].render(&some());
    assert_eq!(rendered.join("\n"), expected);
}

#[test]
fn what_no_report_shows_follows_in_columns() {
    let all = layout("").render(&some());
    let expected = "\
all: 2
version:
  2.3.0  2
  null   1
locale: CA
  device:
    android  1
    iOS      2
  version:
    2.3.0  1
locale: NY
  device:
  version:
    2.3.0  1";
    assert_eq!(all.join("\n"), expected);

    let rest = layout(INSIGHTS).render(&some());
    assert_eq!(rest[0], "Locale: CA");
    assert_eq!(
        rest[10..].join("\n"),
        "all: 2\nversion:\n  2.3.0  2\n  null   1"
    );
}

#[test]
fn p10_a_key_can_neither_forge_a_line_nor_drive_a_terminal_nor_fill_the_log() {
    let long = "x".repeat(10_000);
    let hostile = counts(&[
        &["version", "1\nERROR the broker is gone"],
        &["version", "2\u{1b}[2J\u{9b}31m\r"],
        &["version", "3\u{202e}\u{2028}\u{7f}"],
        &["version", "4\\n\"'é"],
        &["version", &long],
    ]);
    let cut = format!("{}…", "x".repeat(100));
    let keys = [
        r"1\nERROR the broker is gone",
        r"2\u{1b}[2J\u{9b}31m\r",
        r"3\u{202e}\u{2028}\u{7f}",
        r#"4\\n"'é"#,
        &cut,
    ];
    let lines: Vec<_> = keys.iter().map(|key| format!("{key}: 1")).collect();
    assert_eq!(text_of("{version}", &hostile), lines);

    let [line] = &text_of("seen {version}", &hostile)[..] else {
        panic!("one line");
    };
    let object = line.strip_prefix("seen ").expect("the text before");
    let object: BTreeMap<String, u64> = serde_json::from_str(object).expect("it is JSON");
    assert!(object.keys().eq(keys), "{object:?}");
}

#[test]
fn a_hundred_thousand_keys_are_shown_but_neither_in_one_line_nor_in_the_log() {
    let mut accumulator = Accumulator::default();
    for n in 0..100_000 {
        accumulator.add(&["version", &format!("{n:06}")]);
    }
    let mut many = Counts::default();
    many.merge(&accumulator.take());
    let layout = layout("[[report]]\ntext = '''seen {version}\n\n{version}'''");
    let report = &layout.reports()[0];
    let lines = report.render(&many);
    assert_eq!(lines.len(), 100_002);
    assert_eq!(lines[100_001], "099999: 1");
    assert!(
        lines[0].ends_with(r#""000999": 1, … 99000 more}"#),
        "{}",
        lines[0].len()
    );

    let logged = report.render_for_log(&many);
    assert_eq!(logged.len(), 10_001);
    assert_eq!(logged[1], "000000: 1");
    assert_eq!(
        logged[10_000],
        "… 90001 more lines: `greenroom counts` prints them"
    );
}

#[test]
fn a_report_says_when_it_is_logged() {
    let layout = layout(&format!(
        "{INSIGHTS}\n[[report]]\nevery_seconds = 60\ntext = '{{all}} {{version}}'\n\
         [[report]]\ntext = '{{all}}'"
    ));
    let [insights, minutely, asked] = layout.reports() else {
        panic!("three reports");
    };
    assert_eq!(
        (insights.every_seconds(), insights.at_shutdown()),
        (None, true)
    );
    assert_eq!(
        (minutely.every_seconds(), minutely.at_shutdown()),
        (Some(60), false)
    );
    assert_eq!(
        insights.explain(),
        "log device, version for each locale at shutdown"
    );
    assert_eq!(minutely.explain(), "log all, version every 60 s");
    assert_eq!(asked.explain(), "show all in `greenroom counts`");
}

#[test]
fn every_mistake_is_named_with_its_line_and_what_is_allowed() {
    let top = "mine.toml:23: report 1: ";
    assert_eq!(
        mistakes("evry_seconds = 5\ntext = '{all}'"),
        [
            "mine.toml:24: report 1: unknown key `evry_seconds`; did you mean `every_seconds`? \
          (allowed: every_seconds, at_shutdown, for_each, text)"
        ]
    );
    assert_eq!(
        mistakes("every_seconds = 5"),
        [format!("{top}`text` is missing")]
    );
    assert_eq!(
        mistakes("every_seconds = 0\nat_shutdown = 'yes'\ntext = 7"),
        [
            "mine.toml:24: report 1: `every_seconds` must be a whole number above 0",
            "mine.toml:25: report 1: `at_shutdown` must be true or false, not string",
            "mine.toml:26: report 1: `text` must be a text, not integer",
        ]
    );
    assert_eq!(
        mistakes("text = '''\n{versions} {device}'''"),
        [
            "mine.toml:24: report 1: `text`: unknown count `versions`; did you mean `version`? \
          (allowed: all, version)"
        ]
    );
    assert_eq!(
        mistakes("for_each = 'locale'\ntext = '{all}'"),
        ["mine.toml:25: report 1: `text`: unknown count `all` (allowed: locale, device, version)"]
    );
    assert_eq!(
        mistakes("for_each = 'locales'\ntext = '{device}'"),
        [
            "mine.toml:24: report 1: `for_each`: unknown group `locales`; did you mean `locale`? \
          (allowed: locale)"
        ]
    );
    for stray in ["{all", "all}", "{all} }", "{{all}"] {
        let found = mistakes(&format!("text = '{stray}'"));
        assert!(
            found[0].contains("belongs to no name"),
            "{stray}: {found:?}"
        );
    }
}

#[test]
fn a_text_that_shows_nothing_is_a_mistake() {
    for text in ["", "all", "{{all}}"] {
        assert_eq!(
            mistakes(&format!("text = '{text}'")),
            ["mine.toml:24: report 1: `text`: no count is named: write `{NAME}`"]
        );
    }
}
