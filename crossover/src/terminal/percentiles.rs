//! The response times of a load, a percentile in each row, with its interval and a bar.

use comfy_table::Table;
use results::{Measurement, Percentile, TimeHistogram, percentile_interval, supports};

use super::tables;

/// The percentiles that are shown, in percent.
const SHOWN: [f64; 6] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9];

/// The longest bar, in characters.
const WIDEST: f64 = 24.0;

/// A row: the name of a figure, its value, its interval or why it has none, and its bar.
pub(crate) struct Row {
    /// `p99`.
    pub(crate) name: String,
    /// The value; with ≈ if there are too few requests for it.
    pub(crate) value: String,
    /// The 95 % interval.
    pub(crate) interval: String,
    bar: String,
}

/// The rows. A percentile for which there are too few independent requests is marked ≈: it was seen in this
/// run, and another run may well show another.
pub(crate) fn rows(measured: &Measurement) -> Vec<Row> {
    let times = &measured.times.response_time;
    let observations = tables::observations(times, measured.effective_samples);
    let scale = Scale::of(times);
    let row = |percent: f64| {
        let value = times.percentile(percent / 100.0);
        let is_supported = supports(observations as u64, percent);
        let interval = interval(times, percent / 100.0, observations);
        Row {
            name: format!("p{percent}"),
            value: format!("{}{}", if is_supported { "" } else { "≈ " }, tables::shown(value)),
            interval: interval.unwrap_or_else(|| match is_supported {
                true => "upper end not observed".to_owned(),
                false => format!("unknown ({})", too_few(times, percent, observations)),
            }),
            bar: scale.bar(value),
        }
    };
    let plain = |name: &str, value: String, bar: String| Row {
        name: name.to_owned(),
        value,
        interval: String::new(),
        bar,
    };
    let longest = times.max();
    let first = plain("mean", tables::mean(times), String::new());
    let last = plain("max", tables::shown(longest), scale.bar(longest));
    std::iter::once(first).chain(SHOWN.map(row)).chain([last]).collect()
}

/// The rows as a table.
pub(crate) fn percentiles(measured: &Measurement) -> Table {
    let mut table = tables::table(&["response time", "", "95 % interval", ""]);
    for Row { name, value, interval, bar } in rows(measured) {
        table.add_row(vec![name, value, interval, bar]);
    }
    table
}

/// Why a percentile has no interval: how many requests there were, of those that it needs.
fn too_few(times: &TimeHistogram, percent: f64, observations: f64) -> String {
    let count = times.count() + times.unanswered();
    let needed = results::needed(percent);
    match (count as f64) < needed {
        true => format!("{count} of {needed}"),
        // Slow ones that come together tell no more than one.
        false => format!("{observations:.0} of {needed} independent"),
    }
}

fn interval(times: &TimeHistogram, quantile: f64, observations: f64) -> Option<String> {
    let (low, high) = percentile_interval(quantile, observations)?;
    match (times.percentile(low), times.percentile(high)) {
        (Percentile::At(low), Percentile::At(high)) => {
            Some(format!("{} to {}", tables::time(low as f64), tables::time(high as f64)))
        }
        _ => None,
    }
}

/// The scale of the bars: logarithmic, from half the median to the longest time.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    fn of(times: &TimeHistogram) -> Self {
        let ns = |percentile: Percentile| match percentile {
            Percentile::At(ns) | Percentile::Above(ns) => (ns as f64).max(1.0),
            Percentile::Empty => 1.0,
        };
        let from = ns(times.percentile(0.5)) / 2.0;
        Self { from, to: ns(times.max()).max(from * 2.0) }
    }

    fn bar(&self, percentile: Percentile) -> String {
        let (Percentile::At(ns) | Percentile::Above(ns)) = percentile else { return String::new() };
        let share = (ns as f64 / self.from).ln() / (self.to / self.from).ln();
        "█".repeat((WIDEST * share.clamp(0.0, 1.0)).round() as usize)
    }
}
