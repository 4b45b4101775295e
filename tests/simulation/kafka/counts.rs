//! The log that transactions store counts in. A reader is shown what is committed before the first
//! entry that is not decided, and nothing behind that.

use greenroom::counts::{Change, Memory, States, Store};

/// All transactions' entries, in the order in which they were written.
pub struct CountsLog {
    entries: Vec<Entry>,
    /// So many of them are decided, from the first on.
    decided: usize,
    /// What a reader is shown.
    shown: Memory,
    /// All that is committed, shown or not.
    committed: Memory,
}

struct Entry {
    /// The transactional id.
    id: usize,
    changes: Vec<Change>,
    /// Whether it was committed, once that is decided.
    verdict: Option<bool>,
}

impl CountsLog {
    pub fn new(shown: Memory) -> Self {
        CountsLog {
            entries: Vec::new(),
            decided: 0,
            shown,
            committed: Memory::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether all entries before `end` are decided.
    pub fn is_decided(&self, end: usize) -> bool {
        self.decided >= end
    }

    /// Whether a transaction of this id has written here and is not decided.
    pub fn is_open(&self, id: usize) -> bool {
        let mut open = self.entries[self.decided..].iter();
        open.any(|entry| entry.id == id && entry.verdict.is_none())
    }

    pub fn append(&mut self, id: usize, changes: Vec<Change>) {
        self.entries.push(Entry {
            id,
            changes,
            verdict: None,
        });
    }

    /// The id's transaction has ended. Says what is stored now, where it has stored something.
    pub fn decide(&mut self, id: usize, verdict: bool) -> Option<States> {
        let open = self.entries[self.decided..].iter_mut();
        let mut open = open.filter(|entry| entry.id == id && entry.verdict.is_none());
        let entry = open.next()?;
        entry.verdict = Some(verdict);
        if verdict {
            save(&mut self.committed, &entry.changes);
        }
        self.show();
        verdict.then(|| self.committed.load_all().expect("memory is never away"))
    }

    fn show(&mut self) {
        while let Some(entry) = self.entries.get(self.decided)
            && let Some(committed) = entry.verdict
        {
            if committed {
                save(&mut self.shown, &entry.changes);
            }
            self.decided += 1;
        }
    }
}

/// What does not fit what is stored is refused; the witness sees what is missing.
fn save(memory: &mut Memory, changes: &[Change]) {
    memory.save(changes).expect("memory is never away");
}
