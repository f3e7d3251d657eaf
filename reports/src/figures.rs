//! Which figures a bench has, made from its records.

use std::collections::BTreeMap;

use analysis::crossover::comparisons;
use analysis::curve::{achieved_x, curves};
use analysis::{
    Crossover, Curve, Experiment, Metric, Noise, Point, experiments, knee, percentile_curves, text,
};
use protocol::Transport;
use results::{Doubt, Record, Shows, Subject};

use crate::figure::{Dot, Figure, Mark, Panel, Quantity, Scale, Series};
use crate::style::{THEORY_LOOK, of_subject};

/// The figures that the experiments of these records can show, in reading order.
#[must_use]
pub fn figures(records: &[Record]) -> Vec<Figure> {
    let experiments = experiments(records);
    let noise = Noise::of(&experiments);
    let mut figures = Vec::new();
    for experiment in experiments.iter().filter(|experiment| !experiment.runs.is_empty()) {
        if experiment.shows(Shows::Crossover) {
            figures.push(crossover_figure(experiment, &noise));
        }
        if experiment.shows(Shows::Load) {
            figures.push(load_figure(experiment, Metric::P50));
            figures.push(load_figure(experiment, Metric::P99));
        }
        if experiment.shows(Shows::Percentiles) {
            figures.push(percentile_figure(experiment));
        }
        if experiment.shows(Shows::ShortAmongLong) {
            figures.push(short_figure(experiment));
        }
        if experiment.shows(Shows::Cost) {
            figures.push(cost_figure(experiment));
        }
    }
    // A figure whose records hold nothing of what it shows would be an empty frame.
    figures.retain(|figure| !figure.panels.is_empty());
    figures
}

fn scale(label: &str, quantity: Quantity) -> Scale {
    Scale { label: label.to_owned(), quantity }
}

/// One panel for each transport that the experiment has.
fn by_transport(
    experiment: &Experiment<'_>,
    panel: impl Fn(Transport, &dyn Fn(&Subject) -> bool) -> Panel,
) -> Vec<Panel> {
    let mut transports: Vec<Transport> =
        experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    transports
        .into_iter()
        .map(|one| panel(one, &|subject: &Subject| subject.transport == one))
        .filter(|panel| !panel.series.is_empty())
        .collect()
}

fn series_of(curve: &Curve) -> Series {
    Series {
        label: curve.subject.label.clone(),
        look: of_subject(&curve.subject),
        points: curve.points.iter().map(dot).collect(),
    }
}

fn dot(point: &Point) -> Dot {
    Dot {
        x: point.x,
        configured_x: point.configured_x,
        y: point.y.value,
        low: point.y.low,
        high: point.y.high,
        hollow: point.doubted,
        repetitions: point.repetitions,
    }
}

fn crossover_figure(experiment: &Experiment<'_>, noise: &Noise) -> Figure {
    let curves = curves(experiment, Metric::Mean);
    let comparisons = comparisons(experiment, noise);
    let processing = experiment.axis.map_or("", |axis| axis.row().label);
    let of_bursts = experiment.runs.iter().any(|run| run.measured.times.burst_means.is_some());
    let response = if of_bursts { "response time, mean of a burst" } else { "mean response time" };
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale(processing, Quantity::Time),
        y: scale(response, Quantity::Time),
        series: curves
            .iter()
            .filter(|curve| is_of(&curve.subject) && !curve.points.is_empty())
            .map(series_of)
            .collect(),
        marks: comparisons
            .iter()
            .filter(|comparison| is_of(&comparison.other))
            .filter_map(|comparison| match comparison.crossover {
                Crossover::At { value, low, high, .. } => Some(Mark {
                    x: value,
                    low,
                    high,
                    label: text::time(value),
                    look: of_subject(&comparison.other),
                }),
                Crossover::Always(_)
                | Crossover::TooClose
                | Crossover::Unclear
                | Crossover::TooFewRepetitions => None,
            })
            .collect(),
    });
    Figure {
        name: experiment.name.to_owned(),
        question: experiment.question.to_owned(),
        caption: crossover_caption(experiment, &panels),
        panels,
    }
}

fn crossover_caption(experiment: &Experiment<'_>, panels: &[Panel]) -> String {
    let arrivals = experiment.runs.first().map_or("", |run| &run.record.setup.load.arrivals);
    let burst = arrivals.strip_prefix("burst:").map_or_else(String::new, |size| {
        let of_bursts = experiment.runs.iter().any(|run| run.measured.times.burst_means.is_some());
        let median =
            if of_bursts { "A run counts with the median of its bursts' means. " } else { "" };
        format!("{size} requests come at once, the next {size} when these are done. {median}")
    });
    let crossing = if panels.iter().any(|panel| !panel.marks.is_empty()) {
        "Left of a crossover (vertical line with the band of its 95 % interval) creating a worker \
         costs more than it gains; right of it, it gains more than it costs. "
    } else {
        ""
    };
    format!(
        "{burst}{crossing}Points are medians over the repetitions, bars their 95 % intervals; the \
         processing is the one achieved by the iterative server, because a sleep overshoots.{}",
        hollow(experiment, Metric::Mean, panels)
    )
}

/// What the hollow points of these panels mean: the reasons for which most of their runs are doubted.
/// Nothing where no point is hollow.
fn hollow(experiment: &Experiment<'_>, metric: Metric, panels: &[Panel]) -> String {
    let dots = panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points);
    if !dots.into_iter().any(|dot| dot.hollow) {
        return String::new();
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &experiment.runs {
        for doubt in metric.doubts_in(run) {
            *reasons.entry(reason(doubt)).or_default() += 1;
        }
    }
    let mut reasons: Vec<(&str, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
    let runs = |count: usize| if count == 1 { "1 run".to_owned() } else { format!("{count} runs") };
    let named: Vec<String> = reasons
        .iter()
        .take(3)
        .map(|(reason, count)| format!("{reason} ({})", runs(*count)))
        .collect();
    format!(
        " Hollow points are doubted, because half or more of their runs are; in this experiment: {}.",
        named.join(", ")
    )
}

/// A doubt as a reason, in a few words.
fn reason(doubt: &Doubt) -> &'static str {
    match doubt {
        Doubt::TooFewSamples { .. } => "too few independent requests for p99",
        Doubt::RateMissed { .. } => "the planned rate was missed",
        Doubt::LagHigh { .. } => "the generator was late",
        Doubt::ArrivalsOff { .. } => "requests left otherwise than planned",
        Doubt::Hiccups { .. } => "the generator stood still",
        Doubt::Stolen { .. } => "the hypervisor took time",
        Doubt::GeneratorStarved { .. } => "the generator lacked processor time",
        Doubt::NotStationary { .. } => "no steady state",
        Doubt::LittlesLaw { .. } => "the window was too short",
        Doubt::Unanswered { .. } => "requests went unanswered",
        Doubt::UnservedConnections { .. } => "connections were never served",
        Doubt::WrongReplies { .. } => "replies were wrong",
        Doubt::Exhausted { .. } => "requests could not be sent",
        Doubt::BrokenOff => "the run was broken off",
        Doubt::NobodyListens => "nobody listened",
        Doubt::ConnectionRetries { .. } => "connections were tried again",
        Doubt::QueueOverflow { .. } => "a queue of the kernel overflowed",
        Doubt::SharedCores => "generator and server shared a core",
        Doubt::Slow { .. } => "the core was slower than usual",
    }
}

fn load_figure(experiment: &Experiment<'_>, metric: Metric) -> Figure {
    let (suffix, label, which) = match metric {
        Metric::P99 => ("p99", "response time, p99", "p99: 99 of 100 are faster"),
        _ => ("p50", "response time, p50", "median"),
    };
    let curves = curves(experiment, metric);
    let panels = by_transport(experiment, |transport, is_of| {
        let shown: Vec<&Curve> = curves
            .iter()
            .filter(|curve| is_of(&curve.subject) && !curve.points.is_empty())
            .collect();
        let mut series: Vec<Series> = shown.iter().map(|curve| series_of(curve)).collect();
        series.extend(theory(experiment, transport, metric));
        Panel {
            title: transport.to_string().to_uppercase(),
            x: scale("offered load", Quantity::Rate),
            y: scale(label, Quantity::Time),
            series,
            marks: shown
                .iter()
                .filter_map(|curve| {
                    let x = knee(curve)?;
                    let label = format!("knee {}", text::rate(x));
                    Some(Mark { x, low: x, high: x, label, look: of_subject(&curve.subject) })
                })
                .collect(),
        }
    });
    Figure {
        name: format!("{}-{suffix}", experiment.name),
        question: format!("{} ({which})", experiment.question),
        caption: load_caption(experiment, metric, &panels),
        panels,
    }
}

/// Speaks of what is drawn only.
fn load_caption(experiment: &Experiment<'_>, metric: Metric, panels: &[Panel]) -> String {
    let has_knee = panels.iter().any(|panel| !panel.marks.is_empty());
    let knee = if has_knee {
        "The knee, where the response time is twice that at the lowest load, is marked by a \
         vertical line. "
    } else {
        "No response time reaches twice that at the lowest load. "
    };
    let mut series = panels.iter().flat_map(|panel| &panel.series);
    let theory = if series.any(|one| one.look == THEORY_LOOK) {
        "The theory is that of one server with exponential service times (M/M/1), computed from \
         the service times that the iterative server achieved in these very runs. "
    } else {
        ""
    };
    format!("{knee}{theory}Loads are those sent.{}", hollow(experiment, metric, panels))
}

/// What queueing theory expects of the iterative server, from its achieved service times.
fn theory(experiment: &Experiment<'_>, transport: Transport, metric: Metric) -> Option<Series> {
    let subjects = experiment.subjects().into_iter();
    let mut iterative = subjects.filter(|subject| subject.is_iterative());
    let subject = iterative.find(|subject| subject.transport == transport)?;
    let quantile = if metric == Metric::P99 { 0.99 } else { 0.5 };
    let points: Vec<Dot> = experiment
        .xs()
        .into_iter()
        .filter_map(|x| {
            let rate = achieved_x(experiment, subject, x)?;
            let runs = experiment.cell(subject, x, false);
            let services: Vec<f64> =
                runs.iter().filter_map(|run| run.measured.times.service_time.mean_ns()).collect();
            let service_s = analysis::bootstrap::median(&services)? / 1e9;
            let response_s = model::iterative_exponential_percentile(rate, service_s, quantile)?;
            Some(Dot::exact(rate, response_s * 1e9))
        })
        .collect();
    (points.len() > 1).then(|| Series {
        label: "theory of the iterative server".to_owned(),
        look: THEORY_LOOK,
        points,
    })
}

fn percentile_figure(experiment: &Experiment<'_>) -> Figure {
    let x = shown_load(experiment);
    let curves = percentile_curves(experiment, x);
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale("percentile", Quantity::Quantile),
        y: scale("response time", Quantity::Time),
        series: curves
            .iter()
            .filter(|(subject, curve)| is_of(subject) && curve.len() > 1)
            .map(|(subject, curve)| Series {
                label: subject.label.clone(),
                look: crate::style::Look {
                    marker: crate::style::Marker::None,
                    ..of_subject(subject)
                },
                points: curve.iter().map(|(quantile, ns)| Dot::exact(*quantile, *ns)).collect(),
            })
            .collect(),
        marks: Vec::new(),
    });
    let load = at(experiment, " at ", x);
    Figure {
        name: format!("{}-percentiles", experiment.name),
        question: format!("How are the response times of each design distributed{load}?"),
        caption: "Each point of a curve is the median of that percentile over the repetitions; a \
                  curve ends where a repetition has too few independent requests to say more, or \
                  where requests went unanswered."
            .to_owned()
            + &without_curve(&curves),
        panels,
    }
}

/// Names the designs that have no curve because too little was answered.
fn without_curve(curves: &[(&Subject, Vec<(f64, f64)>)]) -> String {
    let none: Vec<String> = curves
        .iter()
        .filter(|(_, curve)| curve.len() <= 1)
        .map(|(subject, _)| subject.full_label())
        .collect();
    match none.is_empty() {
        true => String::new(),
        false => format!(" {} answered too few requests to have one.", none.join(" and ")),
    }
}

/// A point of the axis in words, behind others; nothing where nothing is varied.
fn at(experiment: &Experiment<'_>, before: &str, x: f64) -> String {
    experiment.axis.map_or_else(String::new, |axis| format!("{before}{}", text::value(axis, x)))
}

/// The load at which whole distributions are compared: the middle of those measured.
fn shown_load(experiment: &Experiment<'_>) -> f64 {
    let xs = experiment.xs();
    xs.get((xs.len().max(1) - 1) / 2).copied().unwrap_or(0.0)
}

fn short_figure(experiment: &Experiment<'_>) -> Figure {
    let p50 = curves(experiment, Metric::ShortP50);
    let p99 = curves(experiment, Metric::ShortP99);
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale("", Quantity::Categories(vec!["p50".to_owned(), "p99".to_owned()])),
        y: scale("response time of the short requests", Quantity::Time),
        series: p50
            .iter()
            .zip(&p99)
            .filter(|(curve, _)| is_of(&curve.subject))
            .map(|(p50, p99)| Series { points: side_by_side(&[p50, p99]), ..series_of(p50) })
            .filter(|series| !series.points.is_empty())
            .collect(),
        marks: Vec::new(),
    });
    Figure {
        name: experiment.name.to_owned(),
        question: experiment.question.to_owned(),
        caption: format!(
            "Only the short requests are counted. Behind an iterative server they wait for the \
             long ones in front of them; a worker of their own takes them past.{}",
            hollow(experiment, Metric::ShortP99, &panels)
        ),
        panels,
    }
}

fn cost_figure(experiment: &Experiment<'_>) -> Figure {
    let x = shown_load(experiment);
    let curves = curves(experiment, Metric::ProcessorTime);
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale("", Quantity::Categories(vec![String::new()])),
        y: scale("processor time per request", Quantity::Time),
        series: curves
            .iter()
            .filter(|curve| is_of(&curve.subject))
            .filter_map(|curve| {
                let point = curve.points.iter().find(|point| point.configured_x == x)?;
                let points = vec![Dot { x: 0.0, ..dot(point) }];
                Some(Series { points, ..series_of(curve) })
            })
            .collect(),
        marks: Vec::new(),
    });
    Figure {
        name: format!("{}-cost", experiment.name),
        question: "How much processor time does a request cost the server?".to_owned(),
        caption: format!(
            "User and system time of the server and of its worker processes, which it collects \
             when they end, divided by the requests answered{}. The waiting that the requests ask \
             for costs nothing; what is left is accepting, receiving, replying, and creating \
             workers.{}{}",
            at(experiment, ", at ", x),
            hollow(experiment, Metric::ProcessorTime, &panels),
            few_answers(experiment, x)
        ),
        panels,
    }
}

/// Which designs answered so few of their requests that the cost of one says little.
fn few_answers(experiment: &Experiment<'_>, x: f64) -> String {
    let answers_few = |subject: &&Subject| {
        let runs = experiment.cell(subject, x, false);
        let few = runs.iter().filter(|run| {
            let counts = &run.measured.counts;
            2 * counts.answered < counts.planned
        });
        2 * few.count() > runs.len()
    };
    let few = experiment.subjects().into_iter().filter(answers_few);
    let few: Vec<String> = few.map(Subject::full_label).collect();
    match few.is_empty() {
        true => String::new(),
        false => format!(
            " {} answered less than half of the requests: what one cost there is that of few.",
            few.join(" and ")
        ),
    }
}

/// The only point of each of a design's curves, each in a category of its own.
fn side_by_side(curves: &[&Curve]) -> Vec<Dot> {
    curves
        .iter()
        .enumerate()
        .filter_map(|(category, curve)| {
            let x = category as f64;
            Some(Dot { x, configured_x: x, ..dot(curve.points.first()?) })
        })
        .collect()
}
