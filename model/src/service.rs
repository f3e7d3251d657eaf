//! Service times: their moments, and their distribution as weighted values.

use crate::outside::{Outside, not_negative};

/// Equal steps of probability of the body of a distribution.
const BODY: u32 = 512;

/// Halvings of the last step, so that the tail is kept.
const HALVINGS: u32 = 24;

/// Values in each halving.
const IN_A_HALVING: u32 = 8;

/// A distribution of service times, as values with their probabilities. Times are in any one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceTimes {
    /// Value and probability, least value first.
    points: Vec<(f64, f64)>,
}

impl ServiceTimes {
    /// The same time for every request.
    #[must_use]
    pub fn fixed(time: f64) -> Self {
        Self { points: vec![(time, 1.0)] }
    }

    /// A distribution by the inverse of its fraction of greater values: `greater(u)` is the value
    /// that a fraction `u` of all values exceeds, for `u` in (0, 1]. Values are taken in the middle
    /// of 512 equal steps of probability, and the step of the greatest values is halved 24 times.
    #[must_use]
    pub fn of(greater: impl Fn(f64) -> f64) -> Self {
        let step = 1.0 / f64::from(BODY);
        let body = (1..BODY).map(|at| (greater((f64::from(at) + 0.5) * step), step));
        let mut points: Vec<(f64, f64)> = body.collect();
        let mut width = step;
        for _ in 0..HALVINGS {
            width /= 2.0;
            let each = width / f64::from(IN_A_HALVING);
            let part = |at: u32| (greater(width + (f64::from(at) + 0.5) * each), each);
            points.extend((0..IN_A_HALVING).map(part));
        }
        points.push((greater(width / 2.0), width));
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { points }
    }

    /// Two values, the second with the probability `share`.
    #[must_use]
    pub fn two_point(common: f64, rare: f64, share: f64) -> Self {
        let mut points = vec![(common, 1.0 - share), (rare, share)];
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { points }
    }

    /// The exponential distribution with this mean.
    #[must_use]
    pub fn exponential(mean: f64) -> Self {
        Self::of(|greater| -mean * libm::log(greater))
    }

    /// The sum of two independent times.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let sums = |one: &(f64, f64)| {
            let (value, weight) = *one;
            other.points.iter().map(move |(more, its)| (value + more, weight * its))
        };
        let mut points: Vec<(f64, f64)> = self.points.iter().flat_map(sums).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { points: merged(points) }
    }

    /// The same with every time longer by `more`.
    #[must_use]
    pub fn longer(&self, more: f64) -> Self {
        Self { points: self.points.iter().map(|(value, weight)| (value + more, *weight)).collect() }
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.points.iter().map(|(value, weight)| value * weight).sum()
    }

    /// The mean of the squares.
    #[must_use]
    pub fn second_moment(&self) -> f64 {
        self.points.iter().map(|(value, weight)| value * value * weight).sum()
    }

    /// The squared coefficient of variation C²; 0 where the mean is 0.
    #[must_use]
    pub fn squared_variation(&self) -> f64 {
        let mean = self.mean();
        if mean > 0.0 { (self.second_moment() / (mean * mean) - 1.0).max(0.0) } else { 0.0 }
    }

    /// The mean of a function of the times.
    #[must_use]
    pub fn mean_of(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.points.iter().map(|(value, weight)| of(*value) * weight).sum()
    }

    /// The greatest value.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.points.last().map_or(0.0, |(value, _)| *value)
    }

    /// Values and probabilities, least value first.
    pub(crate) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The same, if no value is negative or infinite.
    pub(crate) fn checked(&self) -> Result<&Self, Outside> {
        for (value, _) in [self.points.first(), self.points.last()].into_iter().flatten() {
            not_negative("a service time", *value)?;
        }
        Ok(self)
    }
}

/// At most some thousand points: neighbours in ascending order are joined to their mean.
fn merged(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    const ENOUGH: f64 = 1.0 / 2048.0;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (value, weight) in points {
        match kept.last_mut() {
            Some((mean, so_far)) if *so_far + weight <= ENOUGH || *mean == value => {
                let whole = *so_far + weight;
                *mean = (*mean * *so_far + value * weight) / whole;
                *so_far = whole;
            }
            _ => kept.push((value, weight)),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left / right - 1.0).abs() < 3e-3
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        let exponential = ServiceTimes::exponential(3.0);
        assert!(close(exponential.mean(), 3.0) && close(exponential.squared_variation(), 1.0));
        let two = ServiceTimes::two_point(1.0, 100.0, 0.01);
        assert!(close(two.mean(), 1.99) && close(two.second_moment(), 100.99));
        assert_eq!(ServiceTimes::fixed(2.0).squared_variation(), 0.0);
        assert_eq!(ServiceTimes::fixed(0.0).squared_variation(), 0.0);
    }

    #[test]
    fn a_sum_has_the_sum_of_means_and_variances() {
        let sum = ServiceTimes::exponential(1.0).plus(&ServiceTimes::exponential(2.0)).longer(1.0);
        assert!(close(sum.mean(), 4.0), "{}", sum.mean());
        assert!(close(sum.squared_variation(), 5.0 / 16.0), "{}", sum.squared_variation());
        assert!(sum.points().len() < 5000, "{}", sum.points().len());
    }
}
