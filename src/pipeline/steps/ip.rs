//! `ip`: members that must be the text of an IP address.

use super::{Context, Step};
use crate::pipeline::address;
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::json::Kind;
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::{ErrorType, Stop};
use crate::pipeline::section::Section;

#[derive(Debug)]
struct Ip {
    fields: Vec<Slot>,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "ip",
    about: "Rejects (`invalid_ip`) an event whose member is not the text of an IPv4 address (four numbers without leading zeros) or an IPv6 address (a zone such as `%eth0` may follow).",
    keys: &[Key::needed("fields", "the members that must be addresses")],
    examples: &[Example {
        toml: r#"[[step]]
do = "ip"
fields = ["ip"]"#,
        runs: &[
            (r#"{"ip":"2001:db8::1"}"#, r#"{"ip":"2001:db8::1"}"#),
            (
                r#"{"ip":"10.0.0.256"}"#,
                r#"rejected as invalid_ip: ip is no IP address"#,
            ),
        ],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let fields = section.needed_fields(names)?;
    Some(Box::new(Ip { fields }))
}

impl Step for Ip {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        for slot in &self.fields {
            if event.text(*slot).and_then(address::canonical).is_none() {
                let name = context.names.name(*slot);
                return Err(refuse(name, event.kind(*slot)));
            }
        }
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        let fields = names.list(&self.fields);
        format!("reject where one of {fields} is no IP address")
    }
}

fn refuse(name: &str, kind: Option<Kind>) -> Stop {
    let detail = match kind {
        Some(Kind::Text) => format!("{name} is no IP address"),
        kind => {
            let found = kind.map_or("absent", Kind::as_str);
            format!("{name} is {found}, not an IP address")
        }
    };
    Stop::rejected(ErrorType::InvalidIp, detail)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn what_is_no_address_is_rejected_without_quoting_it() {
        let step = step(r#"do = "ip", fields = ["ip"]"#);
        for event in [r#"{"ip":"1.2.3.4"}"#, r#"{"ip":"fe80::1%eth0"}"#] {
            assert_eq!(step.run(event), emitted(event));
        }
        for (event, detail) in [
            (r#"{"ip":"1.2.3.04"}"#, "ip is no IP address"),
            (r#"{"ip":16909060}"#, "ip is number, not an IP address"),
            ("{}", "ip is absent, not an IP address"),
        ] {
            assert_eq!(step.run(event), rejected("invalid_ip", detail));
        }
    }
}
