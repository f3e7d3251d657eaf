//! Figures as people read them in a terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use loadgen::judge::supports;
use results::{Measurement, Percentile, Spectrum, percentile_interval};

/// The row that counts.
const RESPONSE_TIME: &str = "response time";

/// An empty table with a header.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// A time with three significant digits and a fitting unit.
pub(crate) fn time(ns: f64) -> String {
    analysis::text::time(ns)
}

/// The times of a run, one row each, percentiles only where there are requests enough for them.
pub(crate) fn times(measured: &Measurement) -> Table {
    let mut table = table(&["", "mean", "p50", "p90", "p99", "p99.9", "longest"]);
    let rows = [
        (RESPONSE_TIME, Some(&measured.response_time)),
        ("from the actual send", Some(&measured.from_send)),
        ("lag of the generator", Some(&measured.lag)),
        ("service time", Some(&measured.service_time)),
        ("by the kernel's stamps", measured.by_kernel.as_ref()),
        ("connecting", measured.connect_time.as_ref()),
        ("first byte", measured.first_byte.as_ref()),
        ("closing", measured.close_time.as_ref()),
        ("response, short ones", measured.response_time_short.as_ref()),
    ];
    for (name, spectrum) in rows {
        if let Some(spectrum) = spectrum.filter(|spectrum| has_any(spectrum)) {
            table.add_row(row(name, spectrum, measured.effective_samples));
        }
    }
    table
}

fn has_any(spectrum: &Spectrum) -> bool {
    spectrum.count() + spectrum.unanswered() > 0
}

/// Percentiles stand there where the sample supports them; those of the response time with the
/// interval in which they lie.
fn row(name: &str, spectrum: &Spectrum, effective: f64) -> Vec<String> {
    let observations = effective.min((spectrum.count() + spectrum.unanswered()) as f64);
    let percentile = |quantile: f64| {
        if !supports(observations as u64, quantile * 100.0) {
            return "too few".to_owned();
        }
        let value = shown(spectrum.percentile(quantile));
        let Some((low, high)) = percentile_interval(quantile, observations) else { return value };
        match (spectrum.percentile(low), spectrum.percentile(high)) {
            (Percentile::At(low), Percentile::At(high)) if name == RESPONSE_TIME => {
                format!("{value}\n{} to {}", time(low as f64), time(high as f64))
            }
            _ => value,
        }
    };
    vec![
        name.to_owned(),
        spectrum.mean_ns().map_or_else(|| "-".to_owned(), time),
        percentile(0.5),
        percentile(0.9),
        percentile(0.99),
        percentile(0.999),
        shown(spectrum.max()),
    ]
}

/// A percentile in words.
pub(crate) fn shown(percentile: Percentile) -> String {
    match percentile {
        Percentile::At(ns) => time(ns as f64),
        Percentile::Above(ns) => format!("> {}", time(ns as f64)),
        Percentile::Empty => "-".to_owned(),
    }
}
