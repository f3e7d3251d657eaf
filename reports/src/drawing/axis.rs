//! The range of an axis, and its labels.

use analysis::figure::Quantity;

/// The values that an axis spans, in the coordinate in which it is linear.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A value in the coordinate in which its axis is linear.
pub(super) fn even(quantity: &Quantity, value: f64) -> f64 {
    match quantity {
        Quantity::Time => value.max(1.0).log10(),
        Quantity::Quantile => -(1.0 - value).max(1e-9).log10(),
        Quantity::Count | Quantity::Size => value.max(1.0).log10(),
        Quantity::Rate | Quantity::Number | Quantity::Categories(_) => value,
    }
}

impl Range {
    /// The range of all values, with some space around them. An interval that has no end, because
    /// requests went unanswered, does not widen it.
    pub(super) fn around(quantity: &Quantity, values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let least = finite().fold(f64::INFINITY, f64::min);
        let most = finite().fold(f64::NEG_INFINITY, f64::max);
        if let Quantity::Categories(names) = quantity {
            return Self { from: -0.5, to: names.len() as f64 - 0.5 };
        }
        if least > most {
            return Self { from: 0.0, to: 1.0 };
        }
        match quantity {
            Quantity::Rate | Quantity::Number if most <= 0.0 => Self { from: 0.0, to: 1.0 },
            Quantity::Rate | Quantity::Number => Self { from: 0.0, to: most * 1.05 },
            Quantity::Quantile => Self { from: 0.0, to: most * 1.03 + 0.01 },
            _ => {
                let room = 0.06 * (most - least) + 0.05;
                Self { from: least - room, to: most + room }
            }
        }
    }

    pub(super) fn place(self, value: f64, first: i32, last: i32) -> i32 {
        // What lies far outside, or has no end, is drawn to just beyond the edge.
        let share = ((value - self.from) / (self.to - self.from)).clamp(-0.02, 1.02);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn holds(self, value: f64) -> bool {
        self.from <= value && value <= self.to
    }
}

/// The positions of the labels of an axis, in its linear coordinate, and their texts.
pub(super) fn ticks(quantity: &Quantity, range: Range) -> Vec<(f64, String)> {
    match quantity {
        Quantity::Time => time_ticks(range),
        Quantity::Rate => linear_ticks(range, "/s"),
        Quantity::Number => linear_ticks(range, ""),
        Quantity::Count => count_ticks(range),
        Quantity::Size => size_ticks(range),
        Quantity::Quantile => [
            (0.0, "0 %"),
            (0.5, "50 %"),
            (0.9, "90 %"),
            (0.99, "99 %"),
            (0.999, "99.9 %"),
            (0.9999, "99.99 %"),
        ]
        .into_iter()
        .map(|(quantile, label)| (even(quantity, quantile), label.to_owned()))
        .filter(|(at, _)| range.holds(*at))
        .collect(),
        Quantity::Categories(names) => {
            names.iter().enumerate().map(|(number, name)| (number as f64, name.clone())).collect()
        }
    }
}

fn time_ticks(range: Range) -> Vec<(f64, String)> {
    decimal_ticks(range, round_time)
}

fn count_ticks(range: Range) -> Vec<(f64, String)> {
    let mut ticks = decimal_ticks(range, |value| format!("{value:.0}"));
    // Nothing lies between 1 and 2.
    ticks.retain(|(at, _)| (10f64.powf(*at) - 10f64.powf(*at).round()).abs() < 1e-6);
    ticks
}

/// Powers of four, from the byte on.
fn size_ticks(range: Range) -> Vec<(f64, String)> {
    let sizes = (0..20).map(|power| 4f64.powi(power));
    sizes
        .filter(|size| range.holds(size.log10()))
        .map(|size| {
            (size.log10(), analysis::text::size(size).replace(".00 ", " ").replace(".0 ", " "))
        })
        .collect()
}

/// Powers of ten, and steps between them if the range is short.
fn decimal_ticks(range: Range, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    debug_assert!(range.from.is_finite() && range.to.is_finite(), "a range of finite values");
    let decades = range.to - range.from;
    let steps: &[f64] = match decades {
        decades if decades > 4.4 => &[1.0],
        decades if decades > 2.2 => &[1.0, 3.0],
        decades if decades > 0.8 => &[1.0, 2.0, 5.0],
        _ => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
    };
    (range.from.floor() as i32..=range.to.ceil() as i32)
        .flat_map(|exponent| steps.iter().map(move |step| step * 10f64.powi(exponent)))
        .filter(|value| range.holds(value.log10()))
        .map(|value| (value.log10(), label(value)))
        .collect()
}

/// A round time without trailing zeros: `20 µs`, `1.5 ms`.
fn round_time(ns: f64) -> String {
    let (size, unit) = match ns {
        ns if ns >= 0.999e9 => (1e9, "s"),
        ns if ns >= 0.999e6 => (1e6, "ms"),
        ns if ns >= 0.999e3 => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    format!("{} {unit}", (ns / size * 100.0).round() / 100.0)
}

/// The most ticks of an axis, whatever its range.
const MOST_TICKS: u32 = 20;

/// Ticks at about five round steps.
fn linear_ticks(range: Range, unit: &str) -> Vec<(f64, String)> {
    if !(range.to.is_finite() && range.to > 0.0) {
        return vec![(0.0, format!("0{unit}"))];
    }
    let rough = range.to / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    (0..MOST_TICKS)
        .map(|number| f64::from(number) * step)
        .take_while(|value| range.holds(*value))
        .map(|value| (value, format!("{}{unit}", (value * 1e6).round() / 1e6)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_range() {
        let labels = |ticks: Vec<(f64, String)>| -> Vec<String> {
            ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(
            labels(time_ticks(Range { from: 4.0, to: 6.0 })),
            ["10 µs", "20 µs", "50 µs", "100 µs", "200 µs", "500 µs", "1 ms"]
        );
        assert_eq!(
            labels(linear_ticks(Range { from: 0.0, to: 1050.0 }, "/s")),
            ["0/s", "500/s", "1000/s"]
        );
        assert_eq!(
            labels(linear_ticks(Range { from: 0.0, to: 0.95 }, "")),
            ["0", "0.2", "0.4", "0.6", "0.8"]
        );
        let sizes = size_ticks(Range { from: 1.7, to: 5.0 });
        assert_eq!(labels(sizes), ["64 B", "256 B", "1 KiB", "4 KiB", "16 KiB", "64 KiB"]);
    }
}
