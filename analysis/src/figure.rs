//! A figure as plain data, with everything that a drawing or a table of it needs.

use results::Subject;

/// One figure: a question, and panels side by side that answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name of its files.
    pub name: String,
    /// Its title.
    pub question: String,
    /// What the figure shows, and how it was made.
    pub caption: String,
    /// The panels.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What distinguishes the panel from its neighbours.
    pub title: String,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// The curves, in the order of the legend.
    pub series: Vec<Series>,
    /// Positions on the horizontal axis that are named.
    pub marks: Vec<Mark>,
    /// The tiles of a map; empty in every other figure.
    pub tiles: Vec<Tile>,
}

/// One point of a map: which subject is the best there. Both axes have named positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Its column and its row: positions on the two axes.
    pub at: (usize, usize),
    /// What the two axes have there: that of the columns as achieved, that of the rows as configured.
    pub values: (f64, f64),
    /// The best subject and those that are as good; where nothing is decided, those that may be.
    pub best: Vec<Subject>,
    /// Whether it is certain.
    pub is_decided: bool,
    /// How many times as good as the next the best is, with the interval; `None` where all are equally
    /// good, or nothing is decided.
    pub factor: Option<(f64, f64, f64)>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Its label.
    pub label: String,
    /// What it measures.
    pub quantity: Quantity,
}

/// What an axis measures, which decides its ticks and labels.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// Time in nanoseconds, on a logarithmic axis.
    Time,
    /// Requests a second, on a linear axis from 0.
    Rate,
    /// A number of things, on a logarithmic axis.
    Count,
    /// A size in bytes, on a logarithmic axis.
    Size,
    /// A plain number, on a linear axis from 0.
    Number,
    /// A quantile, on HdrHistogram's axis: log 1/(1−q).
    Quantile,
    /// Named positions; the series are drawn side by side at each.
    Categories(Vec<String>),
}

/// The source of a curve or a mark.
#[derive(Clone, Debug, PartialEq)]
pub enum Whose {
    /// A subject, as it was measured.
    Subject(Subject),
    /// A subject, as its model has it.
    Model(Subject),

    /// Queueing theory, of no subject in particular.
    Theory,
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// The source of the curve, which decides what it looks like.
    pub whose: Whose,
    /// Whether its points are marked.
    pub is_marked: bool,
    /// Its points; a line joins them unless the horizontal axis has categories.
    pub points: Vec<Dot>,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// Horizontal position; for a category, its index.
    pub x: f64,
    /// Horizontal position as configured.
    pub configured_x: f64,
    /// Vertical position.
    pub y: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether the point is questionable; it is then drawn hollow.
    pub hollow: bool,
    /// How many runs the point stands for; 0 for theory.
    pub repetitions: usize,
}

impl Dot {
    /// A point of theory, which has no interval.
    #[must_use]
    pub fn exact(x: f64, y: f64) -> Self {
        Self { x, configured_x: x, y, low: y, high: y, hollow: false, repetitions: 0 }
    }
}

/// A position on the horizontal axis with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The position.
    pub x: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The text beside the mark.
    pub label: String,
    /// The source of the mark.
    pub whose: Whose,
}
