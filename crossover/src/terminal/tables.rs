//! Tables of measured times for a terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use results::{Measurement, Percentile, TimeHistogram, supports};

/// The width of a table in columns, on a terminal or in a file; wider cells are wrapped.
const WIDTH: u16 = 80;

/// An empty table with a header.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header);
    table
}

/// A time with three significant digits and a fitting unit.
pub(crate) fn time(ns: f64) -> String {
    analysis::text::time(ns)
}

/// The times of a run besides its response times, one row each. A percentile appears only if there are enough
/// requests.
pub(crate) fn further_times(measured: &Measurement) -> Option<Table> {
    let mut table = table(&["", "mean", "p50", "p90", "p99", "p99.9", "longest"]);
    let rows = [
        ("from the actual send", Some(&measured.times.from_send)),
        ("lag of the generator", Some(&measured.times.lag)),
        ("service time", Some(&measured.times.service_time)),
        ("by the kernel's stamps", measured.times.by_kernel.as_ref()),
        ("connecting", measured.times.connect_time.as_ref()),
        ("first byte", measured.times.first_byte.as_ref()),
        ("closing", measured.times.close_time.as_ref()),
        ("response, short ones", measured.times.response_time_short.as_ref()),
    ];
    for (name, histogram) in rows {
        if let Some(histogram) = histogram.filter(|histogram| has_any(histogram)) {
            table.add_row(row(name, histogram, measured.effective_samples));
        }
    }
    (table.row_count() > 0).then_some(table)
}

/// The response times for each HTTP status.
pub(crate) fn statuses(measured: &Measurement) -> Table {
    let mut table = table(&["status", "mean", "p50", "p90", "p99", "p99.9", "longest"]);
    for (code, its) in &measured.statuses_by_code {
        let name = format!("{code} × {}", its.times.count());
        table.add_row(row(&name, &its.times, measured.effective_samples));
    }
    table
}

fn has_any(histogram: &TimeHistogram) -> bool {
    histogram.count() + histogram.unanswered() > 0
}

/// One row of times. A percentile appears only if the sample supports it.
fn row(name: &str, histogram: &TimeHistogram, effective: f64) -> Vec<String> {
    let observations = observations(histogram, effective);
    let percentile = |quantile: f64| match supports(observations as u64, quantile * 100.0) {
        true => shown(histogram.percentile(quantile)),
        false => "too few".to_owned(),
    };
    vec![
        name.to_owned(),
        mean(histogram),
        percentile(0.5),
        percentile(0.9),
        percentile(0.99),
        percentile(0.999),
        shown(histogram.max()),
    ]
}

/// The effective sample size of a histogram, at most the number of its requests.
pub(crate) fn observations(histogram: &TimeHistogram, effective: f64) -> f64 {
    effective.min((histogram.count() + histogram.unanswered()) as f64)
}

/// The mean. With unanswered requests it is a lower bound, as they took longer than the time-out.
pub(crate) fn mean(histogram: &TimeHistogram) -> String {
    match (histogram.mean_ns(), histogram.mean_at_least_ns()) {
        (_, Some(least)) if histogram.unanswered() > 0 => format!("> {}", time(least)),
        (mean, _) => mean.map_or_else(|| "-".to_owned(), time),
    }
}

/// A percentile as text.
pub(crate) fn shown(percentile: Percentile) -> String {
    match percentile {
        Percentile::At(ns) => time(ns as f64),
        Percentile::Above(ns) => format!("> {}", time(ns as f64)),
        Percentile::Empty => "-".to_owned(),
    }
}
