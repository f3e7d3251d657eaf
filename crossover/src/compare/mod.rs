//! `crossover compare`: two benches of a scenario, or two loads, side by side.

mod output;

use std::path::Path;

use analysis::Metric;
use analysis::changes::{
    Change, Changes, Difference, differences, of_benches, of_loads, saved_load,
};
use results::{OutputFile, Record, Settled, read_records};

use crate::bench::folder::RECORDS;
use crate::cli::{ChangeBound, CompareArgs};
use crate::error::Error;
use crate::terminal::end_with;

/// A bound with what the comparison says of it.
struct Judged<'a> {
    bound: ChangeBound,
    /// What exceeds it for certain.
    broken: Vec<&'a Change>,
    /// What may exceed it.
    open: Vec<&'a Change>,
}

/// All that is told.
struct Compared<'a> {
    arguments: &'a CompareArgs,
    differences: Vec<Difference>,
    changes: &'a Changes,
    bounds: Vec<Judged<'a>>,
}

pub(crate) fn run(arguments: &CompareArgs) -> Result<(), Error> {
    let before = read(&arguments.before)?;
    let after = read(&arguments.after)?;
    let differences = differences(&before, &after);
    let forbidding: Vec<String> = differences
        .iter()
        .filter(|it| it.forbids)
        .map(|it| format!("{}: {}", it.what, it.text))
        .collect();
    if !forbidding.is_empty() && !arguments.anyway {
        return Err(Error::NotComparable(forbidding.join("; ")));
    }
    let page = match &arguments.page {
        Some(path) => Some(OutputFile::prepare(path).map_err(Error::file("write", path))?),
        None => None,
    };
    let changes = changes(&before, &after, &metrics(&arguments.fail_if));
    if changes.whole.is_empty() && arguments.fail_if.is_empty() {
        return Err(Error::NotComparable(match changes.left_out.first() {
            Some(why) => why.clone(),
            None => "they have no server and no point in common".to_owned(),
        }));
    }
    let bounds: Vec<Judged<'_>> =
        arguments.fail_if.iter().map(|bound| judged(*bound, &changes)).collect();
    let compared = Compared { arguments, differences, changes: &changes, bounds };
    let mut errors: Vec<Error> = output::print(&compared).err().into_iter().collect();
    if let (Some(path), Some(file)) = (&arguments.page, page) {
        let html = reports::compare::render_comparison(&output::page(&compared));
        errors.extend(file.write(html.as_bytes()).map_err(Error::file("write", path)).err());
    }
    // Whoever closed the output still gets the exit code.
    errors.retain(|error| !error.is_closed_pipe());
    let is_unknown =
        |bound: &&ChangeBound| !changes.whole.iter().any(|change| change.metric == bound.metric);
    match (compared.regression(), arguments.fail_if.iter().find(is_unknown)) {
        (Some(what), _) => errors.push(Error::NotMet(what)),
        (None, Some(bound)) => errors.push(Error::NotValid(format!(
            "{bound}: there are too few requests for it, or it is not measured of a load; measure for longer, or \
             name another figure"
        ))),
        (None, None) => {}
    }
    end_with(errors)
}

/// The records of a bench, or of a saved load.
fn read(path: &Path) -> Result<Vec<Record>, Error> {
    let file = if path.is_dir() { path.join(RECORDS) } else { path.to_owned() };
    // A load keeps its slices of time; those of a bench are not needed, and take memory.
    let keep = |record: Record| match record.scenario == analysis::changes::SAVED_LOAD {
        true => record,
        false => record.for_report(),
    };
    let reading = read_records(&file, keep)?;
    if reading.records.is_empty() {
        return Err(Error::Usage(format!(
            "{} holds no records; give the folder of a bench, or a file of `crossover load --save`",
            file.display()
        )));
    }
    Ok(reading.records)
}

/// What the bounds speak of, each once; nothing for the usual.
fn metrics(bounds: &[ChangeBound]) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for bound in bounds {
        if !metrics.contains(&bound.metric) {
            metrics.push(bound.metric);
        }
    }
    metrics
}

fn changes(before: &[Record], after: &[Record], metrics: &[Metric]) -> Changes {
    match (saved_load(before), saved_load(after)) {
        (Some(one), Some(other)) => of_loads(one, other, metrics),
        _ => of_benches(&Settled::of(before.to_vec()), &Settled::of(after.to_vec()), metrics),
    }
}

fn judged(bound: ChangeBound, changes: &Changes) -> Judged<'_> {
    let limit = 1.0 + bound.share;
    let of_it = || changes.whole.iter().filter(move |change| change.metric == bound.metric);
    let is_broken = |change: &&Change| match bound.is_above {
        true => change.decides.0 > limit,
        false => change.decides.1 < limit,
    };
    let is_open = |change: &&Change| {
        !is_broken(change)
            && match bound.is_above {
                true => change.decides.1 > limit,
                false => change.decides.0 < limit,
            }
    };
    Judged {
        bound,
        broken: of_it().filter(is_broken).collect(),
        open: of_it().filter(is_open).collect(),
    }
}

impl Compared<'_> {
    /// What makes the exit code 5, in words.
    fn regression(&self) -> Option<String> {
        let mut found: Vec<String> = Vec::new();
        if self.bounds.is_empty() {
            found.extend(self.changes.regressions().map(output::in_words));
        }
        for Judged { bound, broken, .. } in &self.bounds {
            found.extend(
                broken.iter().map(|change| format!("{bound}: {}", output::in_words(change))),
            );
        }
        (!found.is_empty()).then(|| format!("regression: {}", found.join("; ")))
    }
}
