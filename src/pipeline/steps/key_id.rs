//! `key-id`: a member that says which hash key was used.

use super::{Context, Step};
use crate::pipeline::event::Event;
use crate::pipeline::guide::{Chapter, Example, Key};
use crate::pipeline::names::{Names, Slot};
use crate::pipeline::outcome::Stop;
use crate::pipeline::section::Section;

#[derive(Debug)]
struct KeyId {
    into: Slot,
}

pub(super) const CHAPTER: Chapter<Box<dyn Step>> = Chapter {
    name: "key-id",
    about: "Sets a member to the hash key's name: `GREENROOM_HASH_KEY_ID`, or the first 8 hex digits of a hash of the key itself. Needs `GREENROOM_HASH_KEY`.",
    keys: &[Key::needed("into", "the member that is set")],
    examples: &[Example {
        toml: r#"[[step]]
do = "key-id"
into = "hash_key_id""#,
        runs: &[(r#"{}"#, r#"{"hash_key_id":"be97bb7d"}"#)],
    }],
    read,
};

fn read(section: &mut Section<'_, '_>, names: &mut Names) -> Option<Box<dyn Step>> {
    let into = section.needed_field("into", names)?;
    Some(Box::new(KeyId { into }))
}

impl Step for KeyId {
    fn apply(&self, event: &mut Event, context: &Context<'_>) -> Result<(), Stop> {
        let masking = context
            .masking
            .expect("a pipeline that lacks its key is refused");
        event.set_text(self.into, masking.key_id());
        Ok(())
    }

    fn explain(&self, names: &Names) -> String {
        format!("set {} to the hash key's id", names.name(self.into))
    }

    fn needs_key(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    /// `printf key-id | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef | cut -c …`.
    const KEY_ID: &str = "be97bb7d";

    #[test]
    fn the_id_is_the_keys_own_hash() {
        let step = step(r#"do = "key-id", into = "k""#);
        assert_eq!(step.run("{}"), emitted(&format!(r#"{{"k":"{KEY_ID}"}}"#)));
    }
}
