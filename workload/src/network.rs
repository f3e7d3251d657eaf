//! A network that loses, doubles and reorders datagrams, by plan: the fate of each datagram follows
//! from the seed, so that two servers meet the same.

use crate::random::{Stream, Uniform};

/// What a network does to datagrams: the fraction of them that each fate meets, 0 to 1, together at
/// most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Network {
    /// It is lost.
    pub drop: f64,
    /// It arrives twice.
    pub duplicate: f64,
    /// It arrives after the one that was sent next.
    pub reorder: f64,
}

/// The fate of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Pass,
    /// It is lost.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives after the next.
    Reorder,
}

impl Network {
    /// Whether every datagram arrives once and in order.
    #[must_use]
    pub fn is_perfect(&self) -> bool {
        *self == Self::default()
    }

    /// Whether each fraction is one, and together they are at most 1.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let all = [self.drop, self.duplicate, self.reorder];
        all.iter().all(|share| (0.0..=1.0).contains(share)) && all.iter().sum::<f64>() <= 1.0
    }

    /// The fates of the datagrams of one generator of a plan, in the order of their sends.
    #[must_use]
    pub fn fates(self, seed: u64, generator: u32) -> Fates {
        let seed = seed ^ u64::from(generator).rotate_left(32);
        Fates { network: self, chance: Uniform::new(seed, Stream::Network) }
    }
}

/// The fates of datagrams.
pub struct Fates {
    network: Network,
    chance: Uniform,
}

impl Iterator for Fates {
    type Item = Fate;

    fn next(&mut self) -> Option<Fate> {
        let Network { drop, duplicate, reorder } = self.network;
        // In (0, 1], so that a fraction of 0 never happens and one of 1 always.
        let drawn = self.chance.draw();
        Some(match drawn {
            drawn if drawn <= drop => Fate::Drop,
            drawn if drawn <= drop + duplicate => Fate::Duplicate,
            drawn if drawn <= drop + duplicate + reorder => Fate::Reorder,
            _ => Fate::Pass,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_come_as_often_as_asked_and_again_for_a_seed() {
        let network = Network { drop: 0.01, duplicate: 0.1, reorder: 0.05 };
        let draw = |seed, generator| -> Vec<Fate> {
            network.fates(seed, generator).take(100_000).collect()
        };
        let fates = draw(7, 0);
        let share = |fate| fates.iter().filter(|one| **one == fate).count() as f64 / 1e5;
        assert!((share(Fate::Drop) - 0.01).abs() < 0.002, "{}", share(Fate::Drop));
        assert!((share(Fate::Duplicate) - 0.1).abs() < 0.005, "{}", share(Fate::Duplicate));
        assert!((share(Fate::Reorder) - 0.05).abs() < 0.004, "{}", share(Fate::Reorder));
        assert_eq!(fates, draw(7, 0));
        assert!(fates != draw(8, 0) && fates != draw(7, 1));
        assert!(Network::default().fates(1, 0).take(1000).all(|fate| fate == Fate::Pass));
        assert!(!Network { drop: 0.6, duplicate: 0.6, reorder: 0.0 }.is_sound());
        assert!(!Network { drop: f64::NAN, ..Network::default() }.is_sound());
    }
}
