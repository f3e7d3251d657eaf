//! The part of a plan that one of several generators carries out.

/// The part of a plan that one of several generators carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// This part's part of a number of things.
    #[must_use]
    pub fn part_of(self, count: u32) -> u32 {
        count / self.of + u32::from(self.index < count % self.of)
    }
}
