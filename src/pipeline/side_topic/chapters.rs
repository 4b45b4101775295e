//! What the guide says of topics whose records have a form of their own.

use super::{Errors, Member, SideTopic};
use crate::pipeline::guide::{Chapter, Example, Key};

const MASK: Key = Key::optional(
    "mask",
    "as they stand",
    "members of the event that are hashed here as `hash` with the method `plain` does, unless a step has hashed them before; of what is no text the JSON is hashed",
);

const RECORD: Key = Key::needed(
    "record",
    "the members of its records, in this order; see below",
);

pub(in crate::pipeline) const ERRORS: Chapter<Errors> = Chapter {
    name: "errors",
    about: "A topic for rejections in a form of its own. It gets what is rejected by a step that \
            has a `reason`, and what cannot be read if a reason is given here. All others, and \
            what is no UTF-8, are dead letters, byte for byte as they came; so is one that would \
            be too large for this topic. The headers of dead letters are the same here.",
    keys: &[
        Key::needed("topic", "the topic that such records are written to"),
        MASK,
        RECORD,
        Key::optional(
            "invalid_json",
            "a dead letter",
            "the reason of what is no JSON; its event is an empty object",
        ),
        Key::optional(
            "not_an_object",
            "a dead letter",
            "the reason of JSON that is no object; its event is an empty object",
        ),
        Key::optional(
            "tombstone",
            "a dead letter",
            "the reason of null values; their event is an empty object",
        ),
    ],
    examples: &[Example {
        toml: r#"[errors]
topic = "errors"
mask = ["ip"]
invalid_json = "no JSON: {detail}"
record = [
    { name = "user", field = "user_id", otherwise = "nobody" },
    { name = "why", holds = "reason" },
    { name = "event", holds = "event" },
]

[[step]]
do = "require"
fields = ["user_id", "locale"]
reason = "missing: {missing}""#,
        runs: &[
            (
                r#"{"user_id":7,"ip":null}"#,
                r#"{"user":7,"why":"missing: ['locale']","event":{"user_id":7,"ip":null}}"#,
            ),
            (
                r#"{"locale":"CA","ip":"1.2.3.4"}"#,
                r#"{"user":"nobody","why":"missing: ['user_id']","event":{"locale":"CA","ip":"72ceb83c11a982108cf5effa99b6e1a97ff342f519d6d164b2b0087129cc811c"}}"#,
            ),
            (
                r#"{"user_id":"#,
                r#"{"user":"nobody","why":"no JSON: byte 11: the text ends where a value was expected","event":{}}"#,
            ),
        ],
    }],
    read: Errors::read,
};

pub(in crate::pipeline) const FILTERED: Chapter<SideTopic> = Chapter {
    name: "filtered",
    about: "A topic for what is filtered, in a form of its own. Without this section what is \
            filtered is counted and goes nowhere. Key, headers and timestamp are the source's.",
    keys: &[
        Key::needed("topic", "the topic that such records are written to"),
        MASK,
        RECORD,
    ],
    examples: &[Example {
        toml: r#"[filtered]
topic = "others"
record = [
    { name = "locale", field = "locale" },
    { name = "why", holds = "reason" },
    { name = "at", holds = "now", format = "human" },
]

[[step]]
do = "keep-if"
field = "device_type"
values = ["android"]
reason = "no android""#,
        runs: &[(
            r#"{"device_type":"iOS","user_id":"u"}"#,
            r#"{"locale":null,"why":"no android","at":"2024-01-02 03:04:05"}"#,
        )],
    }],
    read: SideTopic::read,
};

pub(in crate::pipeline) const MEMBER: Chapter<Member> = Chapter {
    name: "record",
    about: "A member of such a record has a name and either `field` or `holds`.",
    keys: &[
        Key::needed("name", "its name"),
        Key::optional(
            "field",
            "`holds` is needed",
            "the member of the event that it is, as it stands",
        ),
        Key::optional(
            "otherwise",
            "null",
            "the text that it is where `field` is absent or null",
        ),
        Key::optional(
            "holds",
            "`field` is needed",
            "`event`: the whole event as it stood when its way ended; `reason`: the step's reason; `now`: the time",
        ),
        Key::optional(
            "format",
            "only for `now`, which needs it",
            "how the time is written",
        ),
    ],
    examples: &[],
    read: Member::read,
};
