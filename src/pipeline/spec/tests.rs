use super::*;

const GOOD: &str = r#"
name = "mine"
group = "g"
input = ["in"]
output = "out"

[[step]]
do = "require"
fields = ["a"]

[[step]]
do = "require"
fields = ["b"]

[[step]]
do = "require"
name = "third"
fields = ["c"]
"#;

fn mistakes(text: &str) -> Vec<String> {
    let errors = Spec::parse(text, "mine.toml").expect_err("it has mistakes");
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn steps_are_called_by_their_kind_or_as_they_are_named() {
    let spec = Spec::parse(GOOD, "mine.toml").unwrap();
    let names: Vec<_> = spec.stages.iter().map(|stage| &*stage.name).collect();
    assert_eq!(names, ["require", "require-2", "third"]);
    assert_eq!((spec.name(), spec.description()), ("mine", ""));
}

#[test]
fn all_mistakes_are_named_at_once_with_line_and_nearest_name() {
    let text = r#"
name = 7
gruop = "g"
input = "in"
output = "out"
tombstones = "keep"

[summary]
topic = "s"
every_record = 0

[[step]]
do = "requrie"

[[step]]
do = "require"
feilds = ["a"]
missing = "nul"

[[step]]
do = "keep-if"
field = "a"
values = ["x", "x"]

[[step]]
fields = ["a"]

[[step]]
do = "categorise"
field = "a"
into = "b"
otherwise = "x"
categories = { A = "a" }

[[count]]
name = "n"
of = "rejected"
by = "a"
"#;
    let steps = "require, type, ip, time, keep-if, default, set, hash, key-id, categorise, flag, \
                 format-time, stamp, select";
    let tops = "name, description, group, input, output, dead_letters, tombstones, others, \
                filtered, errors, summary, step, count, report, settings";
    let expected = [
        "1: the pipeline: `group` is missing".to_owned(),
        "2: the pipeline: `name` must be a text, not integer".to_owned(),
        format!("3: the pipeline: unknown key `gruop`; did you mean `group`? (allowed: {tops})"),
        "4: the pipeline: `input` must be a list of texts, not string".to_owned(),
        "6: the pipeline: unknown `tombstones` `keep` (allowed: pass, reject)".to_owned(),
        "8: summary: `every_records`, `every_seconds` or both are needed".to_owned(),
        "10: summary: unknown key `every_record`; did you mean `every_records`? (allowed: topic, \
         every_records, of, every_seconds)"
            .to_owned(),
        format!("13: step 1: unknown `do` `requrie`; did you mean `require`? (allowed: {steps})"),
        "15: step 2: `fields` is missing".to_owned(),
        "17: step 2: unknown key `feilds`; did you mean `fields`? (allowed: do, name, reason, \
         given, fields, missing)"
            .to_owned(),
        "18: step 2: unknown `missing` `nul`; did you mean `null`? (allowed: absent, null, falsy, \
         not-text)"
            .to_owned(),
        "23: step 3: `values` holds `x` twice".to_owned(),
        "25: step 4: `do` is missing".to_owned(),
        "33: step 5: `A` must be a list of texts, not string".to_owned(),
        "35: count 1: `by` and `where` are only for what is emitted".to_owned(),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|mistake| format!("mine.toml:{mistake}"))
        .collect();
    assert_eq!(mistakes(text), expected);
}

#[test]
fn what_is_no_toml_is_named_by_line() {
    let found = mistakes("name = \"x\"\ninput = [\n");
    assert!(found[0].starts_with("mine.toml:"), "{found:?}");
    let found = mistakes(&GOOD.replace("group = ", "group "));
    assert!(found[0].starts_with("mine.toml:3: "), "{found:?}");
}

#[test]
fn counts_do_not_share_a_name() {
    let counts = |counts: &str| format!("{GOOD}\n{counts}");
    let twice = "[[count]]\nname = \"a\"\n[[count]]\nname = \"a\"\nby = \"b\"";
    assert_eq!(
        mistakes(&counts(twice)),
        ["mine.toml:22: count 2: the name `a` is taken"]
    );
    let group = "[[count]]\nname = \"l\"\n[[count]]\nname = \"a\"\nby = \"b\"\ngroup = \"l\"";
    assert_eq!(
        mistakes(&counts(group)),
        ["mine.toml:22: count 2: the name `a` is taken"]
    );
    let fine = "[[count]]\nname = \"a\"\nby = \"a\"\ngroup = \"l\"\n\
                [[count]]\nname = \"b\"\nby = \"b\"\ngroup = \"l\"";
    assert!(Spec::parse(&counts(fine), "mine.toml").is_ok());
    let no_by = "[[count]]\nname = \"a\"\ngroup = \"l\"";
    assert_eq!(
        mistakes(&counts(no_by)),
        ["mine.toml:20: count 1: `group` and `as` need `by`"]
    );
}

#[test]
fn what_belongs_together_is_named() {
    let text = r#"
name = "mine"
group = "g"
input = ["in"]
output = "out"

[errors]
topic = "e"
invalid_json = "{what}"
record = [
    { name = "a", field = "a", otherwise = "x" },
    { name = "b", holds = "now" },
    { name = "c", holds = "event", field = "c" },
    { holds = "reason" },
]

[summary]
topic = "s"
every_seconds = 1
of = "emitted"

[[count]]
name = "n"
where = "a"

[[count]]
name = "m"
without = ["x"]
"#;
    let member = "needed is a `field`, with or without `otherwise`, or what it `holds`: `event`, \
                  `reason`, or `now` with a `format`";
    let only = "`where` goes with `contains`, and `without` with both";
    assert_eq!(
        mistakes(text),
        [
            "mine.toml:7: errors: `invalid_json` may hold {detail}, {missing} and no other brace"
                .to_owned(),
            format!("mine.toml:12: errors member 2: {member}"),
            format!("mine.toml:13: errors member 3: {member}"),
            "mine.toml:14: errors member 4: `name` is missing".to_owned(),
            "mine.toml:17: summary: `of` needs `every_records`".to_owned(),
            format!("mine.toml:22: count 1: {only}"),
            format!("mine.toml:26: count 2: {only}"),
        ]
    );
    let formless = format!("{GOOD}\n[filtered]\ntopic = \"f\"");
    assert_eq!(
        mistakes(&formless),
        ["mine.toml:20: filtered: `record` is missing"]
    );
}

#[test]
fn a_reason_that_nobody_would_hear_is_a_mistake() {
    let told = GOOD.replace("name = \"third\"", "reason = \"why\"");
    assert_eq!(
        mistakes(&told),
        ["mine.toml:15: step 3: `reason` is for the records of [errors] and [filtered]"]
    );
    let heard = "[errors]\ntopic = \"e\"\nrecord = [{ name = \"why\", holds = \"reason\" }]";
    assert!(Spec::parse(&format!("{told}\n{heard}"), "mine.toml").is_ok());
}

#[test]
fn sections_have_their_shape() {
    assert_eq!(
        mistakes(&format!(
            "step = 1\n{}",
            &GOOD[..GOOD.find("[[step]]").unwrap()]
        )),
        ["mine.toml:1: the pipeline: `step` must be [[step]], not integer"]
    );
}

#[test]
fn p11_only_totals_are_named_in_redis() {
    let counts = |counts: &str| format!("{GOOD}\n[[count]]\n{counts}");
    let good = counts(
        "name = 'all'\n[[count]]\nname = 'ios'\nwhere = 'device_type'\ncontains = ['ios']\n\
         redis_key = 'ios_count'",
    );
    let spec = Spec::parse(&good, "mine.toml").unwrap();
    let keys: Vec<_> = spec.counts.iter().filter_map(Count::redis_key).collect();
    assert_eq!(keys, [([Box::from("ios")].into(), "ios_count".to_owned())]);
    for (wrong, why) in [
        ("name = 'a'\nby = 'a'\nredis_key = 'k'", "only for a total"),
        (
            "name = 'a'\nof = 'rejected'\nredis_key = 'k'",
            "only for a total",
        ),
        (
            "name = 'a'\nredis_key = 'greenroom:x'",
            "must not be empty nor begin",
        ),
        (
            "name = 'a'\nredis_key = 'k'\n[[count]]\nname = 'b'\nredis_key = 'k'",
            "the Redis key `k` is taken",
        ),
    ] {
        let found = mistakes(&counts(wrong));
        assert!(
            found.len() == 1 && found[0].contains(why),
            "{wrong}: {found:?}"
        );
    }
}
