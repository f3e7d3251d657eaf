//! A sequence diagram: what clients, the kernel's queue and the threads of a server did, downwards in time.

use std::fmt::Write;

use crate::drawing::escaped;

/// A participant.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Its name.
    pub name: String,
}

/// What a participant did for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Which participant, by its position.
    pub lane: usize,
    /// From when, in nanoseconds.
    pub from_ns: u64,
    /// Until when.
    pub to_ns: u64,
    /// What, in a word; drawn where there is room.
    pub label: String,
    /// What kind of thing it is.
    pub kind: SpanKind,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A client waits for its reply.
    Waits,
    /// A request lies in the queue.
    Queued,
    /// A thread waits for a request.
    Blocks,
    /// A thread sleeps because a request asked for it.
    Sleeps,
    /// A thread computes.
    Computes,
    /// A thread creates another one.
    Creates,
    /// A thread sends a reply.
    Sends,
    /// A thread ends.
    Ends,
}

/// What goes from one participant to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrow {
    /// From which.
    pub from_lane: usize,
    /// When, in nanoseconds.
    pub from_ns: u64,
    /// To which.
    pub to_lane: usize,
    /// When.
    pub to_ns: u64,
    /// Whether the one creates the other; otherwise a message goes.
    pub is_creation: bool,
}

/// The whole diagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// What is shown.
    pub title: String,
    /// The participants from left to right.
    pub lanes: Vec<Lane>,
    /// What they did.
    pub spans: Vec<Span>,
    /// What went between them.
    pub arrows: Vec<Arrow>,
    /// From when to when, in nanoseconds.
    pub window_ns: (u64, u64),
}

const LEFT: f64 = 64.0;
const TOP: f64 = 84.0;
const LANE: f64 = 118.0;
const HEIGHT: f64 = 620.0;
const FOOT: f64 = 58.0;

impl SpanKind {
    /// Fill, outline and half the width of its bar.
    fn look(self) -> (&'static str, &'static str, f64) {
        match self {
            Self::Waits => ("#e8eef7", "#5b7fb5", 7.0),
            Self::Queued => ("#fff0c2", "#9a7400", 6.0),
            Self::Blocks => ("#ffffff", "#b5b5b0", 4.0),
            Self::Sleeps => ("#f7d9c4", "#8a3b00", 8.0),
            Self::Computes => ("#6b6b6b", "#222222", 8.0),
            Self::Creates => ("#008c69", "#00593f", 8.0),
            Self::Sends => ("#0072b2", "#004a75", 8.0),
            Self::Ends => ("#222222", "#222222", 5.0),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Waits => "waits for its reply",
            Self::Queued => "in the queue",
            Self::Blocks => "waits for a request",
            Self::Sleeps => "sleeps for a request",
            Self::Computes => "computes",
            Self::Creates => "creates a worker",
            Self::Sends => "sends a reply",
            Self::Ends => "ends",
        }
    }
}

/// The order of drawing: what is short lies above what is long.
const KINDS: [SpanKind; 8] = [
    SpanKind::Blocks,
    SpanKind::Waits,
    SpanKind::Queued,
    SpanKind::Sleeps,
    SpanKind::Computes,
    SpanKind::Creates,
    SpanKind::Sends,
    SpanKind::Ends,
];

/// The diagram as SVG, on a ground of its own, so that it can be shown alone.
#[must_use]
pub fn svg(sequence: &Sequence) -> String {
    let width = LEFT + LANE * sequence.lanes.len() as f64 + 64.0;
    let width = width.max(640.0);
    let height = TOP + HEIGHT + FOOT;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#222\"/></marker></defs>\n",
        escaped(&sequence.title)
    );
    let _ = writeln!(
        text,
        "<text x=\"16\" y=\"24\" font-size=\"14\" font-weight=\"600\">{}</text>",
        escaped(&sequence.title)
    );
    axis(sequence, width, &mut text);
    lanes(sequence, &mut text);
    for kind in KINDS {
        for span in sequence.spans.iter().filter(|span| span.kind == kind) {
            bar(sequence, span, &mut text);
        }
    }
    sequence.arrows.iter().for_each(|it| arrow(sequence, it, &mut text));
    labels(sequence, &mut text);
    key(sequence, &mut text);
    text.push_str("</svg>\n");
    text
}

fn x(lane: usize) -> f64 {
    LEFT + LANE * (lane as f64 + 0.5)
}

fn y(sequence: &Sequence, at_ns: u64) -> f64 {
    let (from, to) = sequence.window_ns;
    let at = at_ns.clamp(from, to) - from;
    TOP + HEIGHT * at as f64 / (to - from).max(1) as f64
}

/// Marks of time at the left, at round distances.
fn axis(sequence: &Sequence, width: f64, text: &mut String) {
    let span = (sequence.window_ns.1 - sequence.window_ns.0).max(1) as f64;
    let rough = span / 8.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power).find(|it| *it >= rough);
    let step = step.unwrap_or(rough);
    let mut at = 0.0;
    while at <= span {
        let y = TOP + HEIGHT * at / span;
        let _ = writeln!(
            text,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#e2e2e2\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#444\">{}</text>",
            width - 12.0,
            LEFT - 6.0,
            y + 4.0,
            analysis::text::time(at)
        );
        at += step;
    }
}

fn lanes(sequence: &Sequence, text: &mut String) {
    for (number, lane) in sequence.lanes.iter().enumerate() {
        let x = x(number);
        let _ = writeln!(
            text,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{TOP}\" y2=\"{}\" stroke=\"#888\" stroke-dasharray=\"2 3\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" font-weight=\"600\">{}</text>",
            TOP + HEIGHT,
            TOP - 18.0,
            escaped(&lane.name)
        );
    }
}

fn bar(sequence: &Sequence, span: &Span, text: &mut String) {
    let (fill, edge, half) = span.kind.look();
    let (top, bottom) = (y(sequence, span.from_ns), y(sequence, span.to_ns));
    let _ = writeln!(
        text,
        "<rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\" stroke=\"{edge}\"/>",
        x(span.lane) - half,
        2.0 * half,
        (bottom - top).max(1.5)
    );
}

/// The words beside the bars that are high enough, no two on one another.
fn labels(sequence: &Sequence, text: &mut String) {
    let mut taken: Vec<(usize, f64)> = Vec::new();
    let mut spans: Vec<&Span> =
        sequence.spans.iter().filter(|span| !span.label.is_empty()).collect();
    spans.sort_by_key(|span| std::cmp::Reverse(span.to_ns.saturating_sub(span.from_ns)));
    for span in spans {
        let (top, bottom) = (y(sequence, span.from_ns), y(sequence, span.to_ns));
        let is_brief = !matches!(
            span.kind,
            SpanKind::Creates | SpanKind::Sends | SpanKind::Ends | SpanKind::Computes
        );
        let at = (top + bottom) / 2.0 + 4.0;
        let is_free = taken.iter().all(|(lane, y)| *lane != span.lane || (y - at).abs() > 12.0);
        if is_brief && bottom - top < 14.0 || !is_free {
            continue;
        }
        taken.push((span.lane, at));
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{at:.1}\" font-size=\"11\" fill=\"#222\" stroke=\"#fff\" stroke-width=\"3\" \
             paint-order=\"stroke\">{}</text>",
            x(span.lane) + 12.0,
            escaped(&span.label)
        );
    }
}

fn arrow(sequence: &Sequence, arrow: &Arrow, text: &mut String) {
    let dash = if arrow.is_creation { " stroke-dasharray=\"5 3\"" } else { "" };
    let _ = writeln!(
        text,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#222\"{dash} marker-end=\"url(#tip)\"/>",
        x(arrow.from_lane),
        y(sequence, arrow.from_ns),
        x(arrow.to_lane),
        y(sequence, arrow.to_ns)
    );
}

/// What the bars mean, at the foot, of those that occur.
fn key(sequence: &Sequence, text: &mut String) {
    let mut kinds: Vec<SpanKind> = Vec::new();
    for kind in KINDS {
        if sequence.spans.iter().any(|span| span.kind == kind) {
            kinds.push(kind);
        }
    }
    for (number, kind) in kinds.into_iter().enumerate() {
        let (fill, edge, _) = kind.look();
        let (x, y) =
            (16.0 + 150.0 * (number % 4) as f64, TOP + HEIGHT + 18.0 + 20.0 * (number / 4) as f64);
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{fill}\" stroke=\"{edge}\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            y,
            x + 18.0,
            y + 10.0,
            kind.name()
        );
    }
}
