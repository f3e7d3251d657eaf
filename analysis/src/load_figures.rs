//! Figures of one load: how its response times are distributed, and how they went in time; and of several loads of
//! growing rate.

use protocol::Transport;
use results::{
    Allocation, Concurrency, Measurement, Series as TimeSeries, Stalled, Subject, WorkUnit,
    percentile_interval,
};

use crate::figure::{Dot, Figure, Mark, Panel, Quantity, Scale, Series, Whose};
use crate::text;

/// Steps of the histogram for each tenfold time.
const BINS_A_DECADE: f64 = 24.0;

/// Points of the percentile curve for each tenfold of 1/(1−q).
const STEPS_A_DECADE: f64 = 10.0;

/// The figures of one load.
#[must_use]
pub fn load_figures(measured: &Measurement) -> Vec<Figure> {
    let mut figures = vec![histogram(measured), percentiles(measured)];
    figures.extend(measured.series.as_ref().map(in_time));
    figures.retain(|figure| figure.panels.iter().all(|panel| !panel.series.is_empty()));
    figures
}

/// A load of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatePoint {
    /// Requests a second that were sent.
    pub rate: f64,
    /// Median, p90 and p99 of the response time in nanoseconds, each with its interval; `None` if it is not known.
    pub percentiles: [Option<(f64, f64, f64)>; 3],
    /// Whether the generator was disturbed or late.
    pub is_doubted: bool,
}

/// Response time by load, with the capacity if it was reached.
#[must_use]
pub fn curve_figure(points: &[RatePoint], capacity: Option<f64>) -> Figure {
    let series = [("p50", Like::Iterative), ("p90", Like::Prethreaded), ("p99", Like::Preforked)];
    let of = |(number, (name, like)): (usize, (&str, Like))| {
        let dot = |point: &RatePoint| {
            let (y, low, high) = point.percentiles[number]?;
            let hollow = point.is_doubted;
            Some(Dot { low, high, hollow, repetitions: 1, ..Dot::exact(point.rate, y) })
        };
        Series {
            label: name.to_owned(),
            whose: Whose::Subject(stand_in(name, like)),
            is_marked: true,
            points: points.iter().filter_map(dot).collect(),
        }
    };
    let mark = capacity.map(|at| Mark {
        x: at,
        low: at,
        high: at,
        label: format!("capacity {}", text::rate(at)),
        whose: Whose::Theory,
    });
    Figure {
        name: "curve".to_owned(),
        question: "How does the response time grow with the load?".to_owned(),
        caption: "Each point is one load; bars are 95 % intervals. A hollow point has a warning. The capacity is the \
                  most that the server answered in a second."
            .to_owned(),
        panels: vec![Panel {
            title: String::new(),
            x: scale("offered load", Quantity::Rate),
            y: scale("response time", Quantity::Time),
            series: series.into_iter().enumerate().map(of).filter(|it| !it.points.is_empty()).collect(),
            marks: mark.into_iter().collect(),
            tiles: Vec::new(),
        }],
    }
}

fn scale(label: &str, quantity: Quantity) -> Scale {
    Scale { label: label.to_owned(), quantity }
}

/// The design whose look a curve has that is no server's.
#[derive(Clone, Copy)]
enum Like {
    Iterative,
    Prethreaded,
    Preforked,
    EventLoop,
}

impl Like {
    fn label(self) -> &'static str {
        match self {
            Self::Iterative => "iterative",
            Self::Prethreaded => "prethreaded",
            Self::Preforked => "preforked",
            Self::EventLoop => "event loop",
        }
    }
}

/// What stands for a curve that is no server's.
fn stand_in(name: &str, like: Like) -> Subject {
    Subject {
        name: name.to_owned(),
        label: like.label().to_owned(),
        phrase: name.to_owned(),
        transport: Transport::Tcp,
        concurrency: Concurrency::Concurrent,
        allocation: Allocation::Preallocated,
        unit: WorkUnit::Thread,
    }
}

fn one_panel(x: Scale, y: Scale, series: Vec<Series>) -> Vec<Panel> {
    let is_there = |one: &Series| one.points.len() > 1;
    let series = series.into_iter().filter(is_there).collect();
    vec![Panel { title: String::new(), x, y, series, marks: Vec::new(), tiles: Vec::new() }]
}

fn curve(name: &str, like: Like, points: Vec<Dot>) -> Series {
    Series {
        label: name.to_owned(),
        whose: Whose::Subject(stand_in(name, like)),
        is_marked: false,
        points,
    }
}

/// The share of the requests in bins that grow evenly on a logarithmic axis.
fn histogram(measured: &Measurement) -> Figure {
    let times = &measured.times.response_time;
    let bin_of = |ns: u64| ((ns.max(1) as f64).log10() * BINS_A_DECADE).floor() as i64;
    let mut bins: std::collections::BTreeMap<i64, u64> = std::collections::BTreeMap::new();
    for (ns, count) in times.values() {
        *bins.entry(bin_of(ns)).or_default() += count;
    }
    let all = (times.count() + times.unanswered()).max(1) as f64;
    let ends = bins.keys().next().copied().zip(bins.keys().next_back().copied());
    let edge = |bin: i64| 10f64.powf(bin as f64 / BINS_A_DECADE);
    // A step for each bin, empty ones included.
    let points = ends.map_or_else(Vec::new, |(first, last)| {
        (first - 1..=last + 1)
            .flat_map(|bin| {
                let share = 100.0 * bins.get(&bin).copied().unwrap_or(0) as f64 / all;
                [Dot::exact(edge(bin), share), Dot::exact(edge(bin + 1), share)]
            })
            .collect()
    });
    Figure {
        name: "histogram".to_owned(),
        question: "How long did requests take?".to_owned(),
        caption: format!(
            "The share of the requests in each of {BINS_A_DECADE} steps between a time and ten times as much. \
             Unanswered requests are in no step."
        ),
        panels: one_panel(
            scale("response time", Quantity::Time),
            scale("requests, %", Quantity::Number),
            vec![curve("requests", Like::Iterative, points)],
        ),
    }
}

/// The percentile curve, with the interval of each point that has one.
fn percentiles(measured: &Measurement) -> Figure {
    let times = &measured.times.response_time;
    let all = (times.count() + times.unanswered()) as f64;
    let observations = measured.effective_samples.min(all);
    let steps = (0..).map(|step| 1.0 - 10f64.powf(-f64::from(step) / STEPS_A_DECADE));
    let at = |quantile: f64| times.percentile(quantile).known_ns().map(|ns| ns as f64);
    let points = steps
        .take_while(|quantile| (1.0 - quantile) * all >= 1.0)
        .map_while(|quantile| {
            let y = at(quantile)?;
            let interval = percentile_interval(quantile, observations);
            let ends = interval.and_then(|(low, high)| at(low).zip(at(high)));
            let hollow = ends.is_none();
            let (low, high) = ends.unwrap_or((y, y));
            Some(Dot { low, high, hollow, repetitions: 1, ..Dot::exact(quantile, y) })
        })
        .collect();
    Figure {
        name: "percentiles".to_owned(),
        question: "How are the response times distributed?".to_owned(),
        caption: "Bars are 95 % intervals. Hollow points have none: there were too few independent requests, and another \
                  run may show another value."
            .to_owned(),
        panels: one_panel(
            scale("percentile", Quantity::Quantile),
            scale("response time", Quantity::Time),
            vec![Series { is_marked: true, ..curve("response time", Like::Iterative, points) }],
        ),
    }
}

/// Mean and longest response time, and the longest lag, of each slice of the window.
fn in_time(series: &TimeSeries) -> Figure {
    let stalls = series.stalls();
    let seconds = |index: usize| (index as f64 + 0.5) * series.slice_ns as f64 / 1e9;
    let of = |value: &dyn Fn(&results::Slice) -> Option<f64>| -> Vec<Dot> {
        let dot = |(index, slice): (usize, &results::Slice)| {
            let y = value(slice).filter(|ns| *ns > 0.0)?;
            let hollow = stalls.iter().any(|(step, _)| *step == index);
            Some(Dot { hollow, repetitions: 1, ..Dot::exact(seconds(index), y) })
        };
        series.slices.iter().enumerate().filter_map(dot).collect()
    };
    let mean = of(&|slice| {
        (slice.answered > 0).then(|| slice.response_sum_ns as f64 / slice.answered as f64)
    });
    let longest = of(&|slice| Some(slice.response_max_ns as f64));
    let lag = of(&|slice| Some(slice.lag_max_ns as f64));
    let count = |whose: Stalled| stalls.iter().filter(|(_, its)| *its == whose).count();
    Figure {
        name: "series".to_owned(),
        question: "How did the response times go?".to_owned(),
        caption: format!(
            "Each point is a slice of {}. Hollow points stood out: {} because of the server, {} because of the \
             generator, {} because of both.",
            text::time(series.slice_ns as f64),
            count(Stalled::Server),
            count(Stalled::Client),
            count(Stalled::Both)
        ),
        panels: one_panel(
            scale("seconds into the window", Quantity::Number),
            scale("time", Quantity::Time),
            vec![
                Series { is_marked: true, ..curve("longest response", Like::Prethreaded, longest) },
                Series { is_marked: true, ..curve("mean response", Like::Iterative, mean) },
                Series {
                    is_marked: true,
                    ..curve("longest lag of the generator", Like::EventLoop, lag)
                },
            ],
        ),
    }
}
