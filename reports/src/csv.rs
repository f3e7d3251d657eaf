//! The data of a figure, one row for each point.

use std::fmt::Write;

use analysis::figure::Figure;

/// The table of a figure as CSV (RFC 4180); that of a map has a row for each tile, and for
/// each point of its lines one whose `best` names the line.
#[must_use]
pub fn of(figure: &Figure) -> String {
    if figure.panels.iter().any(|panel| !panel.tiles.is_empty()) {
        return of_map(figure);
    }

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

fn of_map(figure: &Figure) -> String {
    let mut text = String::from("panel,x,y,best,decided,factor,factor_low,factor_high\n");
    for panel in &figure.panels {
        for tile in &panel.tiles {
            let best: Vec<&str> = tile.best.iter().map(|it| it.label.as_str()).collect();
            let factor = tile.factor.map_or_else(
                || ",,".to_owned(),
                |(factor, low, high)| format!("{factor},{low},{high}"),
            );
            let _ = writeln!(
                text,
                "{},{},{},{},{},{factor}",
                quoted(&panel.title),
                tile.values.0,
                tile.values.1,
                quoted(&best.join("; ")),
                tile.is_decided,
            );
        }
        // The lines of the map: they name no best server, and nothing of them was decided.
        for series in &panel.series {
            for dot in &series.points {
                let row = panel.tiles.iter().find(|tile| tile.at.1 as f64 == dot.y);
                let y = row.map_or(dot.y, |tile| tile.values.1);
                let (title, label) = (quoted(&panel.title), quoted(&series.label));
                let _ = writeln!(text, "{title},{},{y},{label},,,,", dot.configured_x);
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
