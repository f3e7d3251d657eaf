//! Figures as people read them in a terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use loadgen::judge::supports;
use results::{Measurement, Percentile, Spectrum};

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
        ("response time", Some(&measured.response_time)),
        ("from the actual send", Some(&measured.from_send)),
        ("lag of the generator", Some(&measured.lag)),
        ("service time", Some(&measured.service_time)),
        ("connecting", measured.connect_time.as_ref()),
        ("response, short ones", measured.response_time_short.as_ref()),
    ];
    for (name, spectrum) in rows {
        if let Some(spectrum) = spectrum.filter(|spectrum| has_any(spectrum)) {
            table.add_row(row(name, spectrum));
        }
    }
    table
}

fn has_any(spectrum: &Spectrum) -> bool {
    spectrum.count() + spectrum.unanswered() > 0
}

fn row(name: &str, spectrum: &Spectrum) -> Vec<String> {
    let requests = spectrum.count() + spectrum.unanswered();
    let percentile = |percent: f64| {
        if supports(requests, percent) {
            shown(spectrum.percentile(percent / 100.0))
        } else {
            "too few".to_owned()
        }
    };
    vec![
        name.to_owned(),
        spectrum.mean_ns().map_or_else(|| "-".to_owned(), time),
        percentile(50.0),
        percentile(90.0),
        percentile(99.0),
        percentile(99.9),
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
