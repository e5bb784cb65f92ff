//! The calls of a rule as 2,048 bits.

/// Words in the kernel's mask.
const WORDS: usize = 64;
/// The kernel keeps its syscall classes in the last 16 bits and clears them in what it gives back.
const CLASS_BITS: u32 = 0xffff_0000;

/// Which calls a rule is for: one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mask([u32; WORDS]);

impl Mask {
    /// No call; what `task` rules have, and what `-S none` means.
    pub const NONE: Self = Self([0; WORDS]);
    /// Every call; what a rule without `-S` has.
    pub const ALL: Self = Self([u32::MAX; WORDS]);
    /// The highest number that fits.
    pub const LAST: u32 = 2047;

    /// The mask of 64 words.
    #[must_use]
    pub const fn from_words(words: [u32; WORDS]) -> Self {
        Self(words)
    }

    /// The 64 words.
    #[must_use]
    pub const fn words(&self) -> &[u32; WORDS] {
        &self.0
    }

    /// Adds a call; `false` if its number does not fit.
    pub fn insert(&mut self, number: u32) -> bool {
        match self.word_mut(number) {
            Some(word) => {
                *word |= 1 << (number % 32);
                true
            }
            None => false,
        }
    }

    /// Whether a call is in.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.word(number).is_some_and(|word| word & 1 << (number % 32) != 0)
    }

    /// The numbers in rising order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..=Self::LAST).filter(|number| self.contains(*number))
    }

    /// Without the class bits: what the kernel gives back.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.0[WORDS - 1] &= !CLASS_BITS;
        self
    }

    /// Whether it is for every call, by what the kernel gives back.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.canonical() == Self::ALL.canonical()
    }

    /// Whether it is for no call.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether every call of `other` is in.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.canonical().0.iter().zip(other.canonical().0).all(|(mine, theirs)| mine & theirs == theirs)
    }

    /// Calls of either.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine |= theirs);
        self
    }

    fn word(&self, number: u32) -> Option<u32> {
        self.0.get(usize::try_from(number / 32).ok()?).copied()
    }

    fn word_mut(&mut self, number: u32) -> Option<&mut u32> {
        self.0.get_mut(usize::try_from(number / 32).ok()?)
    }
}

/// The numbers, not 64 words.
impl core::fmt::Debug for Mask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            _ if self.is_all() => f.write_str("Mask(all)"),
            _ => f.debug_set().entries(self.numbers()).finish(),
        }
    }
}
