//! The part of a plan that one of several generators carries out.

/// The part of a plan that one of several generators carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which shard, from 0.
    pub index: u32,
    /// The number of shards.
    pub of: u32,
}

impl Shard {
    /// The whole plan.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// How many of `count` things belong to this shard.
    #[must_use]
    pub fn part_of(self, count: u32) -> u32 {
        count / self.of + u32::from(self.index < count % self.of)
    }
}
