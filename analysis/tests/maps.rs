//! Maps: the best subject at each point of two quantities, and the line of the model across them.

mod common;

use analysis::Findings;
use analysis::figure::{Figure, Whose};
use common::{Answer, Bench, iterative, thread};
use results::{Parameter, Shows};

/// What creating a thread costs in these records.
const CREATION: f64 = 30e3;

/// Bursts of two sizes after the formulas of the model, and a load under which the iterative server
/// answers nothing.
fn figure() -> Figure {
    let mut bench = Bench::new("bursts", &[Shows::Map], Some(Parameter::Wait));
    for burst in [2.0, 8.0] {
        for wait in [20e3, 60e3, 600e3] {
            let before = bench.records.len();
            let half = (burst + 1.0) / 2.0;
            let varied =
                |mean: f64| move |run| Answer::mean(mean * (1.0 + 0.002 * f64::from(run)), wait);
            match (burst, wait) {
                (8.0, 600e3) => bench.cell(&iterative(), wait, |_| Answer::none(wait)),
                _ => bench.cell(&iterative(), wait, varied(half * wait)),
            }
            bench.cell(&thread(), wait, varied(half * CREATION + wait));
            for record in &mut bench.records[before..] {
                record.cell.point.insert(Parameter::Burst, burst);
            }
        }
    }
    let mut figures = Findings::of(&bench.records).figures();
    assert_eq!(figures.len(), 1);
    figures.remove(0)
}

#[test]
fn each_tile_has_the_best_and_by_how_much() {
    let figure = figure();
    assert_eq!(figure.name, "bursts-map");
    let panel = &figure.panels[0];
    assert_eq!(panel.tiles.len(), 6);
    let tile = |at: (usize, usize)| panel.tiles.iter().find(|tile| tile.at == at).expect("there");
    let is = |at, name: &str, factor: f64| {
        let tile = tile(at);
        let its = tile.factor.map_or(0.0, |(factor, ..)| factor);
        assert!(tile.is_decided && tile.best[0].name == name, "{tile:?}");
        assert!((its / factor - 1.0).abs() < 0.02, "{tile:?}");
    };
    is((0, 0), &iterative().name, 65.0 / 30.0);
    is((2, 0), &thread().name, 900.0 / 645.0);
    is((0, 1), &iterative().name, 155.0 / 90.0);
    is((1, 1), &thread().name, 270.0 / 195.0);
    let alone = tile((2, 1));
    assert!(alone.is_decided && alone.factor.is_none(), "{alone:?}");
    assert!(figure.caption.contains("no factor, the other servers"), "{}", figure.caption);
}

#[test]
fn the_model_s_line_lies_where_its_formula_puts_it() {
    let figure = figure();
    let series = &figure.panels[0].series;
    let line = series.iter().find(|one| one.whose == Whose::Model(thread())).expect("there");
    for (dot, n) in line.points.iter().zip([2.0, 8.0]) {
        let at = CREATION * (n + 1.0) / (n - 1.0);
        let column = match at {
            ..=60e3 => (at / 20e3).ln() / 3f64.ln(),
            _ => 1.0 + (at / 60e3).log10(),
        };
        assert!((dot.x - column).abs() < 0.05, "{dot:?} and {column}");
    }
    assert_eq!(line.points.len(), 2);
}
