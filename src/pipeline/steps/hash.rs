//! `hash`: members replaced by their hash, as lower-case hex.

use std::borrow::Cow;

use super::{Context, Step};
use crate::pipeline::address;
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::masking::{self, Hashed, Masking};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::{ErrorType, Stop};
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Hash {
    fields: Vec<Slot>,
    method: Method,
    canonical: Canonical,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    /// HMAC of the member's name and text. Needs a key.
    Keyed,
    /// HMAC of the text where there is a key, else SHA-256 of it.
    Plain,
}

/// What is hashed: one text for all ways to write the same.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Canonical {
    Text,
    Ip,
}

const METHODS: &[(&str, Method)] = &[("keyed", Method::Keyed), ("plain", Method::Plain)];
const CANONICALS: &[(&str, Canonical)] = &[("text", Canonical::Text), ("ip", Canonical::Ip)];

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "hash",
    about: "Replaces members by the hash of their text, in lower-case hex. Rejects (`transformation_error`) an event whose member is no text.",
    keys: &[
        Key::needed("fields", "the members that are replaced"),
        Key::needed(
            "method",
            "`keyed`: HMAC-SHA-256 of the member's name, a zero byte and its text; needs `GREENROOM_HASH_KEY`. `plain`: HMAC-SHA-256 of the text where there is a hash key, else its SHA-256",
        ),
        Key::or(
            "canonical",
            r#""text""#,
            "`ip`: an address has one hash however it is written, and what is none is rejected (`invalid_ip`)",
        ),
    ],
    examples: &[Example {
        toml: r#"[[step]]
do = "hash"
fields = ["ip"]
method = "keyed"
canonical = "ip""#,
        runs: &[
            (
                r#"{"ip":"1.2.3.4"}"#,
                r#"{"ip":"2c98727364d318e4d69cdf5a0cd9d443fabd2d99c958786b346ecf8a85dbac58"}"#,
            ),
            (
                r#"{"ip":null}"#,
                r#"rejected as transformation_error: ip is not a text, so it is not hashed"#,
            ),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let fields = section.needed_fields(names);
    let method = section.needed_choice("method", METHODS);
    let canonical = section.choice("canonical", CANONICALS);
    Some(Box::new(Hash {
        fields: fields?,
        method: method?,
        canonical: canonical.unwrap_or(Canonical::Text),
    }))
}

impl Hash {
    fn hash(&self, event: &Event, slot: Slot, context: &Context<'_>) -> Result<Hashed, Stop> {
        let name = context.names.name(slot);
        let text = event
            .text(slot)
            .ok_or_else(|| refuse(ErrorType::TransformationError, name, "a text"))?;
        let text = match self.canonical {
            Canonical::Text => Cow::Borrowed(text),
            Canonical::Ip => address::canonical(text)
                .ok_or_else(|| refuse(ErrorType::InvalidIp, name, "an IP address"))?,
        };
        Ok(self.masked(name, &text, context.masking))
    }

    fn masked(&self, name: &str, text: &str, masking: Option<&Masking>) -> Hashed {
        match (self.method, masking) {
            (Method::Keyed, Some(masking)) => masking.of_member(name, text),
            (Method::Plain, masking) => masking::plain(text, masking),
            (Method::Keyed, None) => unreachable!("a pipeline that lacks its key is refused"),
        }
    }
}

fn refuse(error_type: ErrorType, name: &str, wanted: &str) -> Stop {
    Stop::rejected(
        error_type,
        format!("{name} is not {wanted}, so it is not hashed"),
    )
}

impl Step for Hash {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        for slot in &self.fields {
            let hashed = self.hash(event, *slot, context)?;
            event.set_masked(*slot, hashed.hex().as_str());
        }
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let how = match self.method {
            Method::Keyed => "HMAC-SHA-256 of name and text",
            Method::Plain => "SHA-256 (with a hash key: HMAC-SHA-256) of the text",
        };
        format!("replace {} by {how}, in hex", names.list(&self.fields))
    }

    fn needs_key(&self) -> bool {
        self.method == Method::Keyed
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    /// Made with another program:
    /// `printf 'ip\0001.2.3.4' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`.
    const KEYED_IP: &str = "2c98727364d318e4d69cdf5a0cd9d443fabd2d99c958786b346ecf8a85dbac58";
    /// The same without the name.
    const KEYED_TEXT: &str = "72ceb83c11a982108cf5effa99b6e1a97ff342f519d6d164b2b0087129cc811c";
    /// `printf '1.2.3.4' | sha256sum`.
    const UNKEYED: &str = "6694f83c9f476da31f5df6bcc520034e7e57d421d247b9d34f49edbfc84a764c";

    #[test]
    fn keyed_hashes_are_those_of_other_programs() {
        let step = step(r#"do = "hash", fields = ["ip"], method = "keyed""#);
        assert_eq!(
            step.run(r#"{"ip":"1.2.3.4","b":1}"#),
            emitted(&format!(r#"{{"ip":"{KEYED_IP}","b":1}}"#))
        );
    }

    #[test]
    fn plain_hashes_use_a_key_where_there_is_one() {
        let step = step(r#"do = "hash", fields = ["ip"], method = "plain""#);
        let event = r#"{"ip":"1.2.3.4"}"#;
        assert_eq!(
            step.run(event),
            emitted(&format!(r#"{{"ip":"{KEYED_TEXT}"}}"#))
        );
        assert_eq!(
            step.without_key().run(event),
            emitted(&format!(r#"{{"ip":"{UNKEYED}"}}"#))
        );
    }

    #[test]
    fn an_address_has_one_hash_however_it_is_written() {
        let step = step(r#"do = "hash", fields = ["ip"], method = "keyed", canonical = "ip""#);
        assert_eq!(
            step.run(r#"{"ip":"2001:DB8::0:1"}"#),
            step.run(r#"{"ip":"2001:db8:0::1"}"#)
        );
        assert_eq!(
            step.run(r#"{"ip":"here"}"#),
            rejected("invalid_ip", "ip is not an IP address, so it is not hashed")
        );
    }

    #[test]
    fn members_have_hashes_of_their_own_and_escapes_do_not_matter() {
        let step = step(r#"do = "hash", fields = ["a", "b"], method = "keyed""#);
        let Ran::Emitted(first) = step.run(r#"{"a":"A","b":"A"}"#) else {
            panic!("both are texts");
        };
        assert_ne!(first[6..70], first[77..141]);
        assert_eq!(step.run(r#"{"a":"\u0041","b":"A"}"#), Ran::Emitted(first));
        let detail = "b is not a text, so it is not hashed";
        assert_eq!(
            step.run(r#"{"a":"A","b":7}"#),
            rejected("transformation_error", detail)
        );
    }
}
