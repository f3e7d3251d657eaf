//! A figure as plain data: everything that a drawing or a table of it needs.

use results::Subject;

/// One figure: a question, and panels side by side that answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name of its files.
    pub name: String,
    /// Its title.
    pub question: String,
    /// What is to be seen, and how it was made.
    pub caption: String,
    /// The panels.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What distinguishes it from its neighbours.
    pub title: String,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// The curves, in the order of the legend.
    pub series: Vec<Series>,
    /// Places on the horizontal axis worth naming.
    pub marks: Vec<Mark>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Its label.
    pub label: String,
    /// What it measures.
    pub quantity: Quantity,
}

/// What an axis measures, and so how it is divided and written.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// Time in nanoseconds, on a logarithmic axis.
    Time,
    /// Requests a second, on a linear axis from 0.
    Rate,
    /// A quantile, on HdrHistogram's axis: log 1/(1−q).
    Quantile,
    /// Named places, one for each series in turn.
    Categories(Vec<String>),
}

/// Whose a curve or a mark is.
#[derive(Clone, Debug, PartialEq)]
pub enum Whose {
    /// A subject's, as it was measured.
    Subject(Subject),
    /// Theory's.
    Theory,
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// Whose it is, and so what it looks like.
    pub whose: Whose,
    /// Whether its points are marked.
    pub is_marked: bool,
    /// Its points; a line joins them unless the horizontal axis has categories.
    pub points: Vec<Dot>,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// Horizontal place; of a category, its number.
    pub x: f64,
    /// Horizontal place as configured.
    pub configured_x: f64,
    /// Vertical place.
    pub y: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether it is to be doubted; such a point is drawn hollow.
    pub hollow: bool,
    /// Runs it stands for; 0 for theory.
    pub repetitions: usize,
}

impl Dot {
    /// A point of theory, which has no interval.
    #[must_use]
    pub fn exact(x: f64, y: f64) -> Self {
        Self { x, configured_x: x, y, low: y, high: y, hollow: false, repetitions: 0 }
    }
}

/// A place on the horizontal axis with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub x: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What is written beside it.
    pub label: String,
    /// Whose it is.
    pub whose: Whose,
}
