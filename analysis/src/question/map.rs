//! Over two quantities: which subject is the best where? A map for each transport, with the line on
//! which the model has a worker for each request break even.

use std::collections::BTreeMap;

use protocol::Transport;
use results::{Allocation, Concurrency, Parameter, Subject};

use crate::answers::PointAnswer;
use crate::curve::{achieved_x, base_of};
use crate::experiment::{Experiment, Run};
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Dot, Figure, Panel, Quantity, Scale, Series, Tile, Whose};
use crate::metric::Metric;
use crate::sample::estimate;
use crate::text;

/// The two quantities of a map and their values, ascending.
struct Grid {
    across: Parameter,
    columns: Vec<f64>,
    up: Parameter,
    rows: Vec<f64>,
}

impl Grid {
    /// `None` if the experiment does not vary two quantities.
    fn of(experiment: &Experiment<'_>) -> Option<Self> {
        let points = experiment.points();
        let mut axes = points.first()?.keys().copied();
        let (across, up) = (axes.next()?, axes.next()?);
        let values = |axis: Parameter| {
            let mut values: Vec<f64> =
                points.iter().filter_map(|point| point.get(&axis)).copied().collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        Some(Self { across, columns: values(across), up, rows: values(up) })
    }

    fn point(&self, column: f64, row: f64) -> BTreeMap<Parameter, f64> {
        BTreeMap::from([(self.across, column), (self.up, row)])
    }
}

/// The map of an experiment; without panels where it does not vary two quantities.
pub(crate) fn figure(found: &ExperimentFindings<'_>) -> Figure {
    let experiment = &found.experiment;
    let grid = Grid::of(experiment);
    let mut transports: Vec<Transport> =
        experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    let panels: Vec<Panel> = grid
        .iter()
        .flat_map(|grid| transports.iter().map(|transport| panel(found, grid, *transport)))
        .filter(|panel| !panel.tiles.is_empty())
        .collect();
    Figure {
        name: format!("{}-map", experiment.name),
        question: experiment.question.to_owned(),
        caption: caption(&panels),
        panels,
    }
}

fn caption(panels: &[Panel]) -> String {
    let mut series = panels.iter().flat_map(|panel| &panel.series);
    let model = match series.any(|series| matches!(series.whose, Whose::Model(_))) {
        true => {
            " Each line is the model's break-even of one server with the iterative one: to its right, that \
             server is faster. The cost of a worker is taken from the same runs, at the shortest processing."
        }
        false => "",
    };
    let has_only_one = panels
        .iter()
        .flat_map(|panel| &panel.tiles)
        .any(|tile| tile.is_decided && tile.best.len() == 1 && tile.factor.is_none());
    let alone = match has_only_one {
        true => {
            " In a tile with one server and no factor, the other servers left too many requests unanswered."
        }
        false => "",
    };
    format!(
        "Each tile shows the best server and the factor by which it beats the next; servers that are \
         equally good appear side by side, and “?” means undecided. Processing times are those achieved, \
         not those configured.{alone}{model}"
    )
}

fn panel(found: &ExperimentFindings<'_>, grid: &Grid, transport: Transport) -> Panel {
    let experiment = &found.experiment;
    let subjects: Vec<&Subject> =
        experiment.subjects().into_iter().filter(|it| it.transport == transport).collect();
    let achieved: Vec<f64> = grid
        .columns
        .iter()
        .map(|x| subjects.first().and_then(|it| achieved_x(experiment, it, *x)).unwrap_or(*x))
        .collect();
    let tiles: Vec<Tile> = found
        .points
        .iter()
        .filter(|answer| {
            answer.transport == transport.to_string()
                && experiment.tried_all_at(transport, &answer.configured)
        })
        .filter_map(|answer| tile(answer, grid, &achieved, &subjects))
        .collect();
    let of_subject = |subject: &&Subject| Series {
        label: subject.label.clone(),
        whose: Whose::Subject((*subject).clone()),
        is_marked: true,
        points: Vec::new(),
    };
    let lines = subjects.iter().filter_map(|it| break_even(experiment, grid, &achieved, it));
    let axis = |parameter: Parameter, values: &[f64]| Scale {
        label: parameter.row().label.to_owned(),
        quantity: Quantity::Categories(
            values.iter().map(|value| text::value(parameter, *value)).collect(),
        ),
    };
    Panel {
        title: transport.to_string().to_uppercase(),
        x: axis(grid.across, &achieved),
        y: axis(grid.up, &grid.rows),
        series: subjects.iter().map(of_subject).chain(lines).collect(),
        marks: Vec::new(),
        tiles,
    }
}

fn tile(
    answer: &PointAnswer,
    grid: &Grid,
    achieved: &[f64],
    subjects: &[&Subject],
) -> Option<Tile> {
    let at = |values: &[f64], axis| {
        let value = answer.configured.get(&axis)?;
        values.iter().position(|it| it == value)
    };
    let (column, row) = (at(&grid.columns, grid.across)?, at(&grid.rows, grid.up)?);
    let named = |name: &String| subjects.iter().find(|it| it.name == *name).copied().cloned();
    let best: Vec<Subject> = answer.best.iter().chain(&answer.tied).filter_map(named).collect();
    let is_all = best.len() >= answer.ranking.len();
    let factor = answer
        .factor
        .zip(answer.low.zip(answer.high))
        .map(|(factor, (low, high))| (factor, low, high))
        .filter(|_| answer.decided && !is_all);
    Some(Tile {
        at: (column, row),
        values: (achieved[column], grid.rows[row]),
        is_decided: answer.decided && !best.is_empty(),
        best,
        factor,
    })
}

/// The line on which the model has a worker for each request and the iterative server equal; `None`
/// where it has no formula: it has one for requests that wait, by the size of the burst
/// ([`model::burst_crossover`]) and by the rate of Poisson arrivals ([`model::light_load_break_even`]).
fn break_even(
    experiment: &Experiment<'_>,
    grid: &Grid,
    achieved: &[f64],
    subject: &Subject,
) -> Option<Series> {
    let is_created = subject.concurrency == Concurrency::Concurrent
        && subject.allocation == Allocation::OnDemand;
    let base =
        base_of(experiment, subject).filter(|_| is_created && grid.across == Parameter::Wait)?;
    let computes = |run: &Run<'_>| run.measured.computed_mean_ns > run.measured.waited_mean_ns;
    if experiment.runs.iter().any(computes) {
        return None;
    }
    // What the worker costs, from the points of the shortest processing.
    let extra_at = |row: f64| {
        let point = grid.point(*grid.columns.first()?, row);
        let mean = |it: &Subject| {
            Some(estimate(Metric::Mean, &experiment.cell_at(it, &point, false))?.value)
        };
        Some(mean(subject)? - mean(base)?)
    };
    let at = |row: f64| match grid.up {
        // R − R₀ = c (N + 1)/2 − w (N − 1)/2 at the wait w.
        Parameter::Burst => {
            let overlap = achieved.first()? * (row - 1.0) / 2.0;
            model::burst_crossover(row as u32, 2.0 * (extra_at(row)? + overlap) / (row + 1.0))
        }
        Parameter::Rate => {
            let start_ns = extra_at(*grid.rows.first()?).filter(|extra| *extra > 0.0)?;
            model::light_load_break_even(row / 1e9, 0.0, start_ns).ok()
        }
        _ => None,
    };
    let dots = grid.rows.iter().enumerate().filter_map(|(number, row)| {
        let processing_ns = at(*row)?;
        let dot = Dot::exact(column_of(achieved, processing_ns)?, number as f64);
        Some(Dot { configured_x: processing_ns, ..dot })
    });
    let points: Vec<Dot> = dots.collect();
    (points.len() > 1).then(|| Series {
        label: format!("{}: break-even of the model", subject.label),
        whose: Whose::Model(subject.clone()),
        is_marked: false,
        points,
    })
}

/// The position of a value among columns, between two of them on the logarithmic scale; `None` beyond
/// their tiles.
fn column_of(columns: &[f64], value: f64) -> Option<f64> {
    let last = columns.len().checked_sub(2)?;
    let left = columns.iter().rposition(|it| *it <= value).unwrap_or(0).min(last);
    let step = (columns[left + 1] / columns[left]).ln();
    let at = left as f64 + (value / columns[left]).ln() / step;
    (at.is_finite() && (-0.5..=last as f64 + 1.5).contains(&at)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::column_of;

    #[test]
    fn a_value_lies_between_the_columns_around_it() {
        let columns = [1e3, 1e4, 1e6];
        let near = |value: f64, at: f64| {
            column_of(&columns, value).is_some_and(|it| (it - at).abs() < 1e-9)
        };
        assert!(near(1e3, 0.0) && near(1e5, 1.5) && near(1e6, 2.0) && near(1e7, 2.5));
        assert_eq!(column_of(&columns, 1e8), None);
        assert_eq!(column_of(&columns, 10.0), None);
        assert_eq!(column_of(&columns[..1], 1e3), None);
        assert_eq!(column_of(&[0.0, 1.0], 0.5), None);
    }
}
