//! The members that a pipeline's steps speak of, numbered.

/// A member's number in its pipeline: a step finds the member without comparing names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// All members that a pipeline knows by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: Vec<Box<str>>,
    /// Each as it is written: `,"name":`.
    written: Vec<Box<str>>,
    /// The slots of names of each length: few names share one, so a lookup compares one or two.
    by_len: Vec<Vec<Slot>>,
}

impl Slot {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Names {
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The name's slot, a new one where the name is new.
    pub fn slot(&mut self, name: &str) -> Slot {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let slot = Slot(u32::try_from(self.len()).expect("a file is shorter than 4 GiB"));
        let mut written = String::from(",");
        super::json::quote(name, &mut written);
        written.push(':');
        self.names.push(name.into());
        self.written.push(written.into());
        if self.by_len.len() <= name.len() {
            self.by_len.resize(name.len() + 1, Vec::new());
        }
        self.by_len[name.len()].push(slot);
        slot
    }

    pub fn find(&self, name: &str) -> Option<Slot> {
        let alike = self.by_len.get(name.len())?;
        alike
            .iter()
            .copied()
            .find(|slot| &*self.names[slot.index()] == name)
    }

    pub fn name(&self, slot: Slot) -> &str {
        &self.names[slot.index()]
    }

    /// The name as JSON, with the comma before and the colon after it.
    pub fn written(&self, slot: Slot) -> &str {
        &self.written[slot.index()]
    }

    /// The name as JSON, with the colon after it.
    #[inline]
    pub fn opening(&self, slot: Slot) -> &str {
        &self.written(slot)[1..]
    }

    /// The names, for a person to read.
    pub fn list(&self, slots: &[Slot]) -> String {
        let names: Vec<_> = slots.iter().map(|slot| self.name(*slot)).collect();
        names.join(", ")
    }
}
