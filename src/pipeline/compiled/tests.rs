use super::*;
use crate::counts::Accumulator;
use crate::pipeline::preset;

fn options(key: Option<&[u8]>) -> Options {
    Options {
        hash_key: key.map(|key| key.to_vec().into()),
        hash_key_id: None,
        timezone: Tz::UTC,
    }
}

fn spec(text: &str) -> Spec {
    let head = "name = \"mine\"\ndescription = \"for tests\"\ngroup = \"g\"\n";
    Spec::parse(&format!("{head}{text}"), "mine.toml").unwrap_or_else(|e| panic!("{e:#?}"))
}

fn compile(text: &str) -> Compiled {
    spec(text).compile(&options(None)).expect("it needs no key")
}

fn refused(spec: Spec) -> Vec<String> {
    let errors = spec.compile(&options(None)).expect_err("it is refused");
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn topics_are_numbered_and_each_input_has_its_dead_letters() {
    let compiled = compile(
        "input = [\"a\", \"b\"]\noutput = \"out\"\n[summary]\ntopic = \"sums\"\nevery_seconds = 5",
    );
    assert_eq!(
        compiled.topics(),
        ["out", "a-dead-letters", "b-dead-letters", "sums"]
    );
    assert_eq!((compiled.dead_letters(0), compiled.dead_letters(1)), (1, 2));
    let summary = Summary {
        topic: 3,
        every_records: None,
        of: Counted::Read,
        every_seconds: Some(5),
    };
    assert_eq!(compiled.summary(), Some(summary));
}

/// Topics of an own form.
const SIDES: &str = "[errors]\ntopic = \"wrong\"\nmask = [\"x\"]\n\
    record = [{ name = \"why\", holds = \"reason\" }, { name = \"it\", holds = \"event\" }]\n\
    [filtered]\ntopic = \"dropped\"\nrecord = [{ name = \"it\", holds = \"event\" }]\n";

#[test]
fn side_topics_are_topics_like_the_others() {
    let text = format!("input = [\"a\"]\noutput = \"out\"\n{SIDES}");
    let compiled = compile(&text);
    assert_eq!(
        compiled.topics(),
        ["out", "a-dead-letters", "wrong", "dropped"]
    );
    assert_eq!(compiled.errors(), Some(2));
    assert_eq!(compiled.0.filtered().map(|(_, topic)| topic), Some(3));
    let mut spec = spec(&text);
    spec.override_errors("a");
    spec.override_filtered("a b");
    let refused = refused(spec);
    assert!(refused[0].contains("`a b` is no name for a topic"));
    assert!(refused[1].contains("topic `a` is read and written"));
}

#[test]
fn names_may_be_overridden() {
    let mut spec = spec("input = [\"a\"]\noutput = \"out\"");
    spec.override_group("other");
    spec.override_input(vec!["x".into(), "y".into()]);
    spec.override_output("z");
    spec.override_dead_letters("dead");
    // There are no such topics.
    spec.override_errors("e");
    spec.override_filtered("f");
    let compiled = spec.compile(&options(None)).unwrap();
    assert_eq!(compiled.group(), "other");
    assert_eq!(compiled.input_topics(), ["x", "y"]);
    assert_eq!(compiled.topics(), ["z", "dead"]);
    assert_eq!((compiled.dead_letters(0), compiled.dead_letters(1)), (1, 1));
}

#[test]
fn what_would_go_wrong_is_refused_all_at_once() {
    let text = "input = [\"a\"]\noutput = \"a\"\ndead_letters = \"a b\"\n\
                step = [{ do = \"key-id\", into = \"k\" }, { do = \"hash\", fields = [\"x\"], \
                method = \"keyed\" }]";
    let allowed = "(allowed: 1 to 249 letters, digits, dots, dashes and underscores)";
    assert_eq!(
        refused(spec(text)),
        [
            format!("mine.toml: `a b` is no name for a topic {allowed}"),
            "mine.toml: topic `a` is read and written: the pipeline would read what it writes, \
             for ever"
                .to_owned(),
            "mine.toml: a hash key is needed (by key-id, hash): set GREENROOM_HASH_KEY, for \
             example to what `openssl rand -hex 32` prints, and keep it: another key makes other \
             hashes"
                .to_owned(),
        ]
    );
}

#[test]
fn input_topics_are_some_and_distinct() {
    let mut spec = spec("input = [\"a\"]\noutput = \"out\"");
    spec.override_input(vec!["a".into(), "b".into(), "a".into()]);
    assert_eq!(
        refused(spec.clone()),
        ["mine.toml: topic `a` is read twice"]
    );
    let few = "mine.toml: between 1 and 1000 input topics are needed";
    spec.override_input(Vec::new());
    assert_eq!(refused(spec.clone()), [few]);
    spec.override_input((0..1001).map(|n| n.to_string()).collect());
    assert_eq!(refused(spec), [few]);
}

#[test]
fn p10_the_hash_key_is_never_printed() {
    let key = b"0123456789abcdef0123456789abcdef";
    let spec = Spec::parse(preset("logins").unwrap().toml, "logins").unwrap();
    let options = options(Some(key));
    let compiled = spec.compile(&options).unwrap();
    let printed = format!("{options:?} {compiled:?} {:?}", compiled.worker());
    assert!(!printed.contains("0123456789"), "{printed}");
    assert!(!printed.contains("48, 49, 50"), "{printed}");
}

#[test]
fn a_summary_has_every_count_in_the_files_order() {
    let compiled = compile(
        "input = [\"a\"]\noutput = \"out\"\n\
         [[count]]\nname = \"total\"\n\
         [[count]]\nname = \"by_b\"\nby = \"b\"\n\
         [[count]]\nname = \"c\"\nby = \"c\"\ngroup = \"b\"\n\
         [[count]]\nname = \"dropped\"\nof = \"filtered\"\n\
         [[count]]\nname = \"d\"\nby = \"d\"\ngroup = \"b\"\n",
    );
    let mut counts = Counts::default();
    assert_eq!(
        compiled.summarise(&counts),
        r#"{"total":0,"by_b":{},"b":{},"dropped":0}"#
    );
    let mut accumulator = Accumulator::default();
    accumulator.add(&["total"]);
    accumulator.add(&["by_b", "\"x\""]);
    accumulator.add(&["b", "x", "d", "7"]);
    counts.merge(&accumulator.take());
    assert_eq!(
        compiled.summarise(&counts),
        r#"{"total":1,"by_b":{"\"x\"":1},"b":{"x":{"d":{"7":1}}},"dropped":0}"#
    );
}

#[test]
fn a_pipeline_explains_itself() {
    let compiled = compile(&format!(
        "input = [\"a\"]\noutput = \"out\"\nothers = \"filter\"\n{SIDES}\
         [summary]\ntopic = \"sums\"\nevery_seconds = 60\nevery_records = 10\nof = \"emitted\"\n\
         [[step]]\ndo = \"require\"\nfields = [\"x\", \"y\"]\nreason = \"no {{missing}}\"\n\
         given = \"z\"\n\
         [[step]]\ndo = \"stamp\"\nname = \"now\"\ninto = \"at\"\nformat = \"unix\"\n\
         [[count]]\nname = \"hours\"\nby = \"x\"\nas = \"hour\"\ngroup = \"y\"\n\
         where = \"z\"\ncontains = [\"B\", \"c\"]\nwithout = [\"d\"]\n",
    ));
    assert_eq!(
        compiled.explain(),
        [
            "mine: for tests",
            "read a as group g",
            "reject null values; reject what is no JSON; drop what is no object",
            "1. require: reject where one of x, y is absent or null, given z (\"no {missing}\")",
            "2. now: set at to now as unix",
            "write to out",
            "write what is filtered to dropped as {it}",
            "write what is rejected for a reason to wrong as {why, it}, x hashed",
            "write what is rejected otherwise to a-dead-letters",
            "count hours: records written by the hour of x for each y where z contains b or c, \
             and not d",
            "write all counts to sums every 10 records written and every 60 s in which some came",
        ]
    );
}

#[test]
fn a_summary_waits_for_what_was_read_or_for_what_was_written() {
    let summary = |of: &str| {
        let head = "input = [\"a\"]\noutput = \"out\"\n[summary]\ntopic = \"s\"\n";
        compile(&format!("{head}{of}")).summary().unwrap()
    };
    let read = summary("every_records = 10");
    assert!(!read.is_due(9, 9) && read.is_due(10, 0));
    let written = summary("every_records = 10\nof = \"emitted\"");
    assert!(!written.is_due(99, 9) && written.is_due(99, 10));
    assert!(!summary("every_seconds = 1").is_due(99, 99));
}
