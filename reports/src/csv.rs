//! The data of a figure, one row for each point.

use std::fmt::Write;

use analysis::figure::Figure;

/// The table of a figure as CSV (RFC 4180).
#[must_use]
pub fn of(figure: &Figure) -> String {
    let mut text = String::from("panel,series,x,x_configured,y,y_low,y_high,doubted,repetitions\n");
    for panel in &figure.panels {
        for series in &panel.series {
            for dot in &series.points {
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{},{},{},{}",
                    quoted(&panel.title),
                    quoted(&series.label),
                    dot.x,
                    dot.configured_x,
                    dot.y,
                    dot.low,
                    dot.high,
                    dot.hollow,
                    dot.repetitions
                );
            }
        }
    }
    text
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
