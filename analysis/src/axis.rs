//! Where a difference changes its sign along an axis.

/// The positions of points along an axis, and how much each counts.
pub(crate) struct Axis {
    xs: Vec<f64>,
    /// What is added to a value before its logarithm is taken: a value of 0 has none. Above it the
    /// axis is logarithmic, below it linear.
    offset: f64,
    /// Along processing: the time that a request takes the base beside its processing.
    besides: Option<f64>,
    /// The weight of each point: the inverse square of its interval's width.
    weights: Vec<f64>,
}

/// A run of neighbouring points with one value.
#[derive(Clone, Copy)]
struct Level {
    position: f64,
    value: f64,
    weight: f64,
}

/// The narrowest interval, as a logarithm of a ratio: no point counts as better known than this.
const NARROWEST: f64 = 0.02;

/// The least value above 0, if there is a value of 0.
fn offset(xs: &[f64]) -> f64 {
    let has_zero = xs.iter().any(|x| *x <= 0.0);
    let least = xs.iter().copied().filter(|x| *x > 0.0).fold(f64::INFINITY, f64::min);
    if has_zero && least.is_finite() { least } else { 0.0 }
}

impl Axis {
    /// The axis of these points, each with its value and the width of the interval of its
    /// difference. Along processing `besides` is the time that a request takes the base beside its
    /// processing: the base's response time is proportional to both together.
    pub(crate) fn of(points: &[(f64, f64)], besides: Option<f64>) -> Self {
        let weight = |(_, width): &(f64, f64)| {
            if width.is_finite() { width.max(NARROWEST).powi(-2) } else { 1e-6 }
        };
        let xs: Vec<f64> = points.iter().map(|(x, _)| *x).collect();
        Self {
            offset: offset(&xs),
            xs,
            besides: besides.map(|besides| besides.max(0.0)),
            weights: points.iter().map(weight).collect(),
        }
    }

    /// The same points on an axis that is logarithmic throughout.
    pub(crate) fn logarithmic(&self) -> Self {
        let (xs, weights) = (self.xs.clone(), self.weights.clone());
        Self { xs, offset: self.offset, besides: None, weights }
    }

    /// The same axis without one of its points.
    fn without(&self, point: usize) -> Self {
        let rest = |values: &[f64]| -> Vec<f64> {
            let kept = values.iter().enumerate().filter(|(at, _)| *at != point);
            kept.map(|(_, value)| *value).collect()
        };
        let (xs, weights) = (rest(&self.xs), rest(&self.weights));
        Self { xs, offset: self.offset, besides: self.besides, weights }
    }

    /// How far off a crossing may be because the values between two points are not known. Two ways to
    /// interpolate differ: neither is known to be right. And without one of the two points that
    /// enclose the crossing, it is interpolated over a longer stretch, from the next point: the error
    /// of an interpolation grows with the square of the stretch, so of what this changes, about a
    /// third is in the crossing itself (Richardson's extrapolation).
    pub(crate) fn margin(&self, values: &[f64], at: f64) -> f64 {
        let moved = |axis: &Self, values: &[f64]| {
            axis.crossing(values).map_or(0.0, |(other, _)| (other - at).abs())
        };
        let beyond = self.xs.iter().position(|x| *x > at).unwrap_or(self.xs.len());
        let enclosing = [beyond.checked_sub(1), Some(beyond)];
        // The outermost points have none beyond them to take their place.
        let inner = |point: &usize| 0 < *point && *point + 1 < self.xs.len();
        let without = enclosing.into_iter().flatten().filter(inner).map(|point| {
            let mut rest = values.to_vec();
            rest.remove(point);
            moved(&self.without(point), &rest) / 3.0
        });
        without.fold(moved(&self.logarithmic(), values) / 2.0, f64::max)
    }

    /// The position of a value on the axis, which is logarithmic above `besides` and linear below.
    pub(crate) fn position(&self, x: f64) -> f64 {
        (x + self.besides.unwrap_or(self.offset)).max(f64::MIN_POSITIVE).ln()
    }

    /// The value at a position.
    pub(crate) fn value(&self, position: f64) -> f64 {
        position.exp() - self.besides.unwrap_or(self.offset)
    }

    pub(crate) fn first(&self) -> f64 {
        self.xs.first().copied().unwrap_or(0.0)
    }

    pub(crate) fn last(&self) -> f64 {
        self.xs.last().copied().unwrap_or(0.0)
    }

    /// Where these values, one for each point, change their sign, and whether they are negative
    /// beyond. The values are first replaced by the nearest monotonic ones, falling or rising,
    /// whichever is nearer (isotonic regression by pooling adjacent violators: Barlow and others,
    /// "Statistical Inference under Order Restrictions", 1972). A single point that chance moved
    /// across zero then does not count as a crossing. `None` if there is no change.
    pub(crate) fn crossing(&self, values: &[f64]) -> Option<(f64, bool)> {
        let falling = self.monotonic(values, 1.0);
        let rising = self.monotonic(values, -1.0);
        let (levels, negative_beyond) =
            if falling.1 <= rising.1 { (falling.0, true) } else { (rising.0, false) };
        let pair = levels.windows(2).find(|pair| pair[0].value * pair[1].value <= 0.0)?;
        let at = self.zero(pair[0], pair[1]);
        at.is_finite().then_some((at, negative_beyond))
    }

    /// Where the difference between two levels of opposite sign is zero. Along processing both
    /// response times are nearly straight lines, so their difference is interpolated; elsewhere the
    /// logarithm of their ratio is, on a logarithmic axis.
    fn zero(&self, before: Level, beyond: Level) -> f64 {
        let share = |first: f64, second: f64| first / (first - second);
        if self.besides.is_none() {
            let share = share(before.value, beyond.value);
            return self.value(before.position + share * (beyond.position - before.position));
        }
        // The base's response time, up to a factor, times the relative difference.
        let difference = |level: Level| level.position.exp() * level.value.exp_m1();
        let (first, second) = (self.value(before.position), self.value(beyond.position));
        first + share(difference(before), difference(beyond)) * (second - first)
    }

    /// The nearest values that fall (for a `sign` of 1) or rise (−1), as levels, and their weighted
    /// square distance from the given ones.
    fn monotonic(&self, values: &[f64], sign: f64) -> (Vec<Level>, f64) {
        let mut levels: Vec<(Level, usize)> = Vec::with_capacity(values.len());
        for ((x, value), weight) in self.xs.iter().zip(values).zip(&self.weights) {
            let mut level = Level { position: self.position(*x), value: *value, weight: *weight };
            let mut points = 1;
            while let Some((before, of_it)) =
                levels.pop_if(|(before, _)| sign * before.value < sign * level.value)
            {
                let weight = before.weight + level.weight;
                let mean =
                    |left: f64, right: f64| (left * before.weight + right * level.weight) / weight;
                level = Level {
                    position: mean(before.position, level.position),
                    value: mean(before.value, level.value),
                    weight,
                };
                points += of_it;
            }
            levels.push((level, points));
        }
        let fitted = levels.iter().flat_map(|(level, points)| vec![level.value; *points]);
        let squares = fitted.zip(values).zip(&self.weights);
        let distance = squares.map(|((fit, value), weight)| weight * (fit - value).powi(2)).sum();
        (levels.into_iter().map(|(level, _)| level).collect(), distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(xs: &[f64], besides: Option<f64>) -> Axis {
        Axis { xs: xs.to_vec(), offset: offset(xs), besides, weights: vec![1.0; xs.len()] }
    }

    #[test]
    fn a_change_of_sign_is_found_on_the_logarithmic_axis() {
        let axis = axis(&[100.0, 200.0, 400.0, 800.0], None);
        let (at, negative_beyond) = axis.crossing(&[0.3, 0.1, -0.1, -0.3]).expect("it changes");
        assert!((at - 283.0).abs() < 1.0 && negative_beyond, "{at}");
        let (at, negative_beyond) = axis.crossing(&[-0.3, -0.1, 0.1, 0.3]).expect("it changes");
        assert!((at - 283.0).abs() < 1.0 && !negative_beyond, "{at}");
        assert_eq!(axis.crossing(&[0.3, 0.2, 0.1, 0.05]), None);
    }

    #[test]
    fn a_single_point_on_the_wrong_side_is_levelled_out() {
        let axis = axis(&[100.0, 200.0, 400.0, 800.0, 1600.0], None);
        let (at, _) = axis.crossing(&[0.3, -0.05, 0.1, -0.3, -0.6]).expect("it changes");
        assert!(283.0 < at && at < 800.0, "the two in the middle are one: {at}");
    }

    #[test]
    fn straight_lines_cross_where_they_do() {
        // One takes 4.5 (x + 10), the other x + 10 + 90: they cross where 3.5 (x + 10) = 90.
        let ratio = |x: f64| ((x + 10.0 + 90.0) / (4.5 * (x + 10.0))).ln();
        for xs in [[1.0, 100.0], [10.0, 20.0], [15.0, 900.0]] {
            let found = axis(&xs, Some(10.0)).crossing(&xs.map(ratio));
            let (at, negative_beyond) = found.expect("they cross");
            assert!((at - (90.0 / 3.5 - 10.0)).abs() < 0.01 && negative_beyond, "{at}");
        }
    }
}
