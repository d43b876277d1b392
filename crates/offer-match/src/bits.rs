//! Sets of small numbers as words of bits.

/// How many rows one word holds; a block of rows is one word of every set.
pub(crate) const WORD: usize = 64;

/// A growing set of small numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn get(&self, at: usize) -> bool {
        self.0
            .get(at / WORD)
            .is_some_and(|word| word >> (at % WORD) & 1 == 1)
    }

    pub(crate) fn set(&mut self, at: usize, on: bool) {
        if self.0.len() <= at / WORD {
            if !on {
                return;
            }
            self.0.resize((at / WORD).saturating_add(1), 0);
        }
        if let Some(word) = self.0.get_mut(at / WORD) {
            let bit = 1 << (at % WORD);
            *word = if on { *word | bit } else { *word & !bit };
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns a word, empty beyond the last one.
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    /// Takes off what a set has that is given word by word; `false` when nothing is left.
    pub(crate) fn take_off(&mut self, word_of: impl Fn(usize) -> u64) -> bool {
        let words = self.0.iter_mut().enumerate();
        words
            .filter(|(_, word)| **word != 0)
            .fold(false, |any, (index, word)| {
                *word &= !word_of(index);
                any || *word != 0
            })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0
            .iter()
            .enumerate()
            .flat_map(|(index, &word)| ones(word).map(move |bit| index.saturating_mul(WORD) | bit))
    }
}

/// Returns the positions of the bits of a word.
#[inline]
pub(crate) fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros() as usize;
        word &= word.wrapping_sub(1);
        Some(bit)
    })
}
