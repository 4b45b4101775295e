//! A set of offsets, a bit each.

/// Grows to the highest offset in it.
#[derive(Debug, Default)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Puts the offset in. False where it was in already.
    pub fn set(&mut self, offset: u32) -> bool {
        let word = (offset / 64) as usize;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (offset % 64);
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// How many offsets are in.
    pub fn count(&self) -> u64 {
        let ones = |word: &u64| u64::from(word.count_ones());
        self.words.iter().map(ones).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_new_once() {
        let mut bits = Bits::default();
        for offset in [0, 63, 64, 1_000] {
            assert!(bits.set(offset), "{offset}");
            assert!(!bits.set(offset), "{offset}");
        }
        assert_eq!(bits.count(), 4);
    }
}
