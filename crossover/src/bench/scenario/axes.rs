//! What an experiment varies: three ways to write the same.

use std::collections::BTreeMap;

use results::{PARAMETERS, Parameter};

use super::file::ExperimentTable;
use super::given::{Placed, Problem};
use crate::names::did_you_mean;
use crate::setup::read_value;

/// The most points of an experiment.
const MOST_POINTS: usize = 1_000;

/// The most axes.
const MOST_AXES: usize = 2;

/// An axis with its values, in the base unit of the parameter.
pub(super) type Axis = (Parameter, Vec<f64>);

/// The axes of an experiment: keys with lists, `axis` with `points`, or `axes`.
pub(super) fn axes(table: &ExperimentTable) -> Result<Vec<Axis>, Problem> {
    let lists: Vec<(&str, &Placed)> = table
        .variable()
        .into_iter()
        .filter_map(|(name, placed)| Some((name, placed?)))
        .filter(|(_, placed)| placed.get_ref().is_list())
        .collect();
    let by_axis = table.axis.as_ref().or(table.points.as_ref());
    let ways = [!lists.is_empty(), by_axis.is_some(), table.axes.is_some()];
    if ways.iter().filter(|is_used| **is_used).count() > 1 {
        let because = "write what is varied in one way: a list such as wait = [\"20us\", \"80us\"], or \
                       axis with points, or axes";
        let at = lists.first().map(|(_, placed)| placed.span());
        return Err(Problem { text: because.to_owned(), at });
    }
    let mut axes = match (&table.axes, by_axis) {
        (Some(axes), _) => axes
            .get_ref()
            .iter()
            .map(|(name, values)| {
                let parameter =
                    parameter(name.get_ref()).map_err(|why| Problem::at(name.span(), why))?;
                Ok((parameter, values_of(parameter, values)?))
            })
            .collect::<Result<Vec<Axis>, Problem>>()?,
        (None, Some(_)) => axis_with_points(table)?,
        (None, None) => lists
            .into_iter()
            .map(|(name, placed)| {
                let parameter = parameter(name)?;
                Ok((parameter, values_of(parameter, placed)?))
            })
            .collect::<Result<Vec<Axis>, Problem>>()?,
    };
    // Records and pages have them in this order.
    axes.sort_by_key(|(parameter, _)| *parameter);
    if axes.len() > MOST_AXES {
        return Err(Problem::from(format!(
            "{} quantities are varied; at most two can be",
            axes.len()
        )));
    }
    let points: usize = axes.iter().map(|(_, values)| values.len()).product();
    if points > MOST_POINTS {
        return Err(Problem::from(format!("it has {points} points; the limit is {MOST_POINTS}")));
    }
    Ok(axes)
}

fn axis_with_points(table: &ExperimentTable) -> Result<Vec<Axis>, Problem> {
    let goes_together =
        || Problem::from("axis and points go together: give both or neither".to_owned());
    let points = table.points.as_ref();
    let has_points = points.is_some_and(|points| !points.get_ref().texts().is_empty());
    let Some(axis) = &table.axis else { return Err(goes_together()) };
    let name = super::given::one("axis", axis, |text| Ok(text.to_owned()))?;
    if name == "none" {
        return if has_points { Err(goes_together()) } else { Ok(Vec::new()) };
    }
    let parameter = parameter(&name).map_err(|why| Problem::at(axis.span(), why))?;
    let points = points.filter(|_| has_points).ok_or_else(goes_together)?;
    Ok(vec![(parameter, values_of(parameter, points)?)])
}

fn parameter(name: &str) -> Result<Parameter, String> {
    let name = name.replace('_', "-");
    name.parse().map_err(|_| {
        let names: Vec<&str> = PARAMETERS.iter().map(|row| row.name).collect();
        let meant = did_you_mean(&name, &names);
        format!("'{name}' is nothing that can be varied{meant} There are: {}", names.join(", "))
    })
}

fn values_of(parameter: Parameter, placed: &Placed) -> Result<Vec<f64>, Problem> {
    let wrong = |why: String| Problem::at(placed.span(), why);
    let texts = placed.get_ref().texts();
    let values: Vec<f64> = texts
        .iter()
        .map(|text| read_value(parameter, text).map_err(wrong))
        .collect::<Result<_, _>>()?;
    if values.is_empty() {
        return Err(wrong(format!("{parameter}: the list is empty")));
    }
    if (1..values.len()).any(|at| values[..at].contains(&values[at])) {
        return Err(wrong("no point may be listed twice".to_owned()));
    }
    Ok(values)
}

/// All points of these axes, the last axis changing fastest; a single empty one without an axis.
pub(super) fn points(axes: &[Axis]) -> Vec<BTreeMap<Parameter, f64>> {
    axes.iter().fold(vec![BTreeMap::new()], |points, (parameter, values)| {
        let with = |point: &BTreeMap<Parameter, f64>, value: f64| {
            let mut point = point.clone();
            point.insert(*parameter, value);
            point
        };
        let extended =
            |point| values.iter().map(move |value| with(point, *value)).collect::<Vec<_>>();
        points.iter().flat_map(extended).collect()
    })
}
