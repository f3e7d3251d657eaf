//! The layout of a figure: panels, axes, legend, curves, marks.
//!
//! A figure is drawn on a [`Surface`], so that SVG and PNG have the same layout. The library's own
//! charts have no logarithmic time axes, no hollow points, and no legends that leave the data
//! uncovered.

use analysis::figure::{Dot, Figure, Mark, Panel, Quantity, Series};
use analysis::text;

use super::axis::{Range, even, ticks};
use super::extent::{
    LEFT, LEGEND_LINE, MADE_LINE, RIGHT, TITLE_LINE, TITLE_MARGIN, Title, Width, has_names_below,
    in_legend, legend_columns, legend_lines, size_of_panels,
};
use super::surface::{Anchor, Fill, Group, Place, Side, Stroke, Surface, Words};
use crate::style::{self, GRID, INK, Look, Looks, Marker, THEORY, WHITE};

/// A value of an axis beside its point.
fn written(quantity: &Quantity, value: f64) -> String {
    match quantity {
        Quantity::Time => text::time(value),
        Quantity::Rate => text::rate(value),
        Quantity::Size => text::size(value),
        Quantity::Count => format!("{value:.0}"),
        Quantity::Number | Quantity::Quantile | Quantity::Categories(_) => {
            text::three_digits(value)
        }
    }
}

/// The unit of an axis, as the script of a page reads it.
fn unit_of(quantity: &Quantity) -> &'static str {
    match quantity {
        Quantity::Time => "time",
        Quantity::Rate => "rate",
        Quantity::Count => "count",
        Quantity::Size => "size",
        Quantity::Number => "number",
        Quantity::Quantile => "quantile",
        Quantity::Categories(_) => "category",
    }
}

/// Draws a figure on a surface of its size times `scale`.
pub(super) fn draw(
    surface: &mut impl Surface,
    figure: &Figure,
    width: Width,
    title: Title<'_>,
    scale: f64,
) {
    let px = |points: i32| (f64::from(points) * scale).round() as i32;
    for (number, line) in title.lines(figure).iter().enumerate() {
        let at = (px(12), px(TITLE_MARGIN + number as i32 * TITLE_LINE));
        surface.text(line, at, &Words::bold(20.0 * scale, INK, Anchor::LEFT_TOP));
    }
    if !title.made().is_empty() {
        let at = (px(12), px(title.height(figure) - MADE_LINE));
        let words = Words { colour: THEORY, ..Words::plain(13.0 * scale, Anchor::LEFT_TOP) };
        surface.text(title.made(), at, &words);
    }
    let below = px(title.height(figure));
    let (whole_width, whole_height) = size_of_panels(figure, width);
    let panels = figure.panels.len().max(1);
    let looks = Looks::of_figure(figure);
    // The panels share their vertical range, so that they can be compared.
    let ys: Vec<f64> = figure.panels.iter().flat_map(heights).collect();
    for (number, panel) in figure.panels.iter().enumerate() {
        let part = |whole: u32, at: usize| {
            (f64::from(whole) * scale * at as f64 / panels as f64).round() as i32
        };
        let (size, at) = match width {
            Width::Wide => {
                let left = part(whole_width, number);
                let right = part(whole_width, number + 1);
                ((right - left, part(whole_height, panels)), (left, below))
            }
            Width::Narrow => {
                let top = part(whole_height, number);
                let bottom = part(whole_height, number + 1);
                ((part(whole_width, panels), bottom - top), (0, below + top))
            }
        };
        let group = Group::new("panel").with("name", &panel.title);
        let group = group.with("x-unit", unit_of(&panel.x.quantity));
        surface.begin(&group.with("y-unit", unit_of(&panel.y.quantity)));
        let legend = (legend_lines(figure, width), legend_columns(figure, width));
        let named = has_names_below(figure, width);
        Canvas::new(surface, panel, &looks, &ys, scale, at, named).draw_all(size, legend);
        surface.end();
    }
}

/// All vertical positions of a panel's data, in the linear coordinate of its axis.
fn heights(panel: &Panel) -> Vec<f64> {
    let dots = panel.series.iter().flat_map(|series| &series.points);
    dots.flat_map(|dot| [dot.low, dot.y, dot.high]).map(|y| even(&panel.y.quantity, y)).collect()
}

/// One panel on its part of the picture. Lengths are in points of the unscaled picture, positions
/// in pixels of the panel.
pub(super) struct Canvas<'a, S: Surface> {
    pub(super) surface: &'a mut S,
    pub(super) panel: &'a Panel,
    pub(super) looks: &'a Looks,
    pub(super) scale: f64,
    /// The panel's top left corner in the picture.
    at: Place,
    /// Whether points have their names below them, side by side over the whole width.
    named: bool,
    pub(super) x: Range,
    pub(super) y: Range,
}

/// The pixels that bound the data.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl<'a, S: Surface> Canvas<'a, S> {
    fn new(
        surface: &'a mut S,
        panel: &'a Panel,
        looks: &'a Looks,
        ys: &[f64],
        scale: f64,
        at: Place,
        named: bool,
    ) -> Self {
        let dots = || panel.series.iter().flat_map(|series| &series.points);
        let xs: Vec<f64> = dots().map(|dot| even(&panel.x.quantity, dot.x)).collect();
        let x = Range::around(&panel.x.quantity, &xs);
        let y = Range::around(&panel.y.quantity, ys);
        Self { surface, panel, looks, scale, at, named, x, y }
    }

    pub(super) fn px(&self, points: f64) -> i32 {
        (points * self.scale).round() as i32
    }

    /// A position in the panel as one in the picture.
    pub(super) fn moved(&self, (x, y): Place) -> Place {
        (self.at.0 + x, self.at.1 + y)
    }

    fn is_scatter(&self) -> bool {
        matches!(self.panel.x.quantity, Quantity::Categories(_)) && !self.is_map()
    }

    fn is_map(&self) -> bool {
        !self.panel.tiles.is_empty()
    }

    fn draw_all(&mut self, (width, height): (i32, i32), (legend_lines, columns): (i32, usize)) {
        let frame = Frame {
            left: self.px(LEFT),
            right: width - self.px(RIGHT),
            top: self.px(38.0 + f64::from(legend_lines * LEGEND_LINE)),
            bottom: height - self.px(56.0),
        };
        self.surface.begin(&Group::new("axes"));
        self.draw_axes(frame);
        self.surface.end();
        let panel = self.panel;
        self.draw_tiles(frame);
        let named = if self.named { 0 } else { panel.series.len() };
        for (number, series) in in_legend(panel).take(named).enumerate() {
            self.surface.begin(&group_of("legend", series));
            let column = (width - self.px(78.0)) / columns as i32 * (number % columns) as i32;
            self.draw_legend(series, number / columns, column);
            self.surface.end();
        }
        for (number, mark) in panel.marks.iter().enumerate() {
            let group =
                Group::new("mark").with("x", mark.x).with("series", style::name(&mark.whose));
            self.surface.begin(&group.with("low", mark.low).with("high", mark.high));
            self.draw_mark(frame, mark, number);
            self.surface.end();
        }
        for (number, series) in panel.series.iter().enumerate() {
            self.surface.begin(&group_of("series", series));
            self.draw_series(frame, series, number);
            self.surface.end();
        }
        self.draw_words_of_tiles(frame);
    }

    fn draw_axes(&mut self, frame: Frame) {
        let panel = self.panel;
        let middle = (frame.left + frame.right) / 2;
        let corner = (self.px(12.0), self.px(8.0));
        self.write(&panel.title, corner, Words::bold(18.0, INK, Anchor::LEFT_TOP));
        let (ink, grid) = (self.line(INK, 1.0), self.line(GRID, 1.0));
        for (value, label) in ticks(&panel.y.quantity, self.y) {
            let y = self.y.place(value, frame.bottom, frame.top);
            if !self.is_map() {
                self.path(&[(frame.left, y), (frame.right, y)], &grid);
            }
            let at = (frame.left - self.px(6.0), y);
            self.write(&label, at, Words::plain(14.5, Anchor(Side::End, Side::Middle)));
        }
        let mut free_from = i32::MIN;
        for (value, label) in ticks(&panel.x.quantity, self.x) {
            let x = self.x.place(value, frame.left, frame.right);
            // A letter is about 7 points wide; a label that would touch the previous one is left
            // out.
            let half = self.px(label.chars().count() as f64 * 3.6);
            let label = if x - half < free_from { String::new() } else { label };
            if !label.is_empty() {
                free_from = x + half + self.px(3.0);
            }
            if !self.is_scatter() && !self.is_map() {
                self.path(&[(x, frame.top), (x, frame.bottom)], &grid);
                let tick = [(x, frame.bottom), (x, frame.bottom + self.px(4.0))];
                self.path(&tick, &ink);
            }
            let at = (x, frame.bottom + self.px(7.0));
            self.write(&label, at, Words::plain(14.5, Anchor::CENTRE_TOP));
        }
        let corner =
            [(frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom)];
        self.path(&corner, &ink);
        let below = (middle, frame.bottom + self.px(30.0));
        self.write(&panel.x.label, below, Words::plain(14.5, Anchor::CENTRE_TOP));
        let beside = (self.px(4.0), (frame.top + frame.bottom) / 2);
        let upwards = Words { upwards: true, ..Words::plain(14.5, Anchor::CENTRE_TOP) };
        self.write(&panel.y.label, beside, upwards);
    }

    fn look_of(&self, series: &Series) -> Look {
        let look = self.looks.of(&series.whose);
        Look { marker: if series.is_marked { look.marker } else { Marker::None }, ..look }
    }

    /// Draws a series' entry of the legend, above the data, so far from the left.
    fn draw_legend(&mut self, series: &Series, line: usize, column: i32) {
        let y = self.px(40.0 + line as f64 * f64::from(LEGEND_LINE));
        let (from, to) = (self.px(78.0) + column, self.px(118.0) + column);
        let look = self.look_of(series);
        let has_line = if self.is_map() { !series.is_marked } else { !self.is_scatter() };
        if has_line {
            self.dashed(&[(from, y), (to, y)], look);
        }
        self.marker(((from + to) / 2, y), look, false);
        let at = (to + self.px(8.0), y + self.px(1.5));
        self.write(&series.label, at, Words::plain(14.5, Anchor(Side::Start, Side::Middle)));
    }

    fn draw_series(&mut self, frame: Frame, series: &Series, number: usize) {
        let is_scatter = self.is_scatter();
        let look = self.look_of(series);
        // Points of one category are drawn side by side, so that their bars do not cover each
        // other.
        let slot = (frame.right - frame.left) / self.panel.series.len().max(1) as i32;
        let aside = if self.named {
            slot / 2 + slot * number as i32 - (frame.right - frame.left) / 2
        } else if is_scatter {
            self.px((number as f64 - (self.panel.series.len() as f64 - 1.0) / 2.0) * 34.0)
        } else {
            0
        };
        let (x_axis, y_axis, panel) = (self.x, self.y, self.panel);
        let place = |dot: &Dot, y: f64| {
            let x = x_axis.place(even(&panel.x.quantity, dot.x), frame.left, frame.right);
            let y = y_axis.place(even(&panel.y.quantity, y), frame.bottom, frame.top);
            (x + aside, y)
        };
        let places: Vec<Place> = series.points.iter().map(|dot| place(dot, dot.y)).collect();
        if self.is_map() {
            return self.draw_across(series, &places);
        }

        if !is_scatter {
            self.dashed(&places, look);
        }
        if self.named
            && let Some(at) = places.first()
        {
            self.write_below(&series.label, (at.0, frame.bottom), slot);
        }
        let bar = self.line(look.colour, 1.4);
        for (dot, at) in series.points.iter().zip(&places) {
            self.surface.begin(&point_of(dot));
            if dot.high > dot.low {
                let ends = [place(dot, dot.low), place(dot, dot.high)];
                self.path(&ends, &bar);
                for end in ends {
                    let cap = [(end.0 - self.px(3.0), end.1), (end.0 + self.px(3.0), end.1)];
                    self.path(&cap, &bar);
                }
            }
            self.marker(*at, look, dot.hollow);
            if is_scatter {
                let above = (at.0, place(dot, dot.high).1 - self.px(8.0));
                let words = Words::plain(12.5, Anchor(Side::Middle, Side::End));
                self.write(&written(&self.panel.y.quantity, dot.y), above, words);
            }
            self.surface.end();
        }
    }

    /// Writes a name below a place of the axis, in lines no wider than `width` pixels.
    pub(super) fn write_below(&mut self, name: &str, at: Place, width: i32) {
        const LINE: f64 = 15.0;
        let letters = (f64::from(width) / self.scale / 6.6).max(4.0) as usize;
        let mut lines: Vec<String> = Vec::new();
        for word in name.split(' ') {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + word.chars().count() <= letters => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        for (number, line) in lines.iter().enumerate() {
            let below = at.1 + self.px(10.0 + LINE * number as f64);
            self.write(line, (at.0, below), Words::plain(13.0, Anchor::CENTRE_TOP));
        }
    }

    /// Draws a crossover or a knee: a line over the whole height, the band of its interval, and its
    /// value at the foot. Each value is written one line above the previous one.
    fn draw_mark(&mut self, frame: Frame, mark: &Mark, number: usize) {
        let (axis, panel) = (self.x, self.panel);
        let across = |x: f64| {
            axis.place(even(&panel.x.quantity, x), frame.left, frame.right)
                .clamp(frame.left, frame.right)
        };
        let colour = self.looks.of(&mark.whose).colour;
        let corners = [(across(mark.low), frame.top), (across(mark.high), frame.bottom)];
        let corners = corners.map(|corner| self.moved(corner));
        self.surface.rectangle(corners, Fill { colour, opacity: 0.15 });
        let x = across(mark.x);
        let line = Stroke { opacity: 0.7, ..self.line(colour, 1.2) };
        self.path(&[(x, frame.top), (x, frame.bottom)], &line);
        let to_the_left = x > (frame.left + frame.right) / 2;
        let side = if to_the_left { -self.px(5.0) } else { self.px(5.0) };
        let anchor = Anchor(if to_the_left { Side::End } else { Side::Start }, Side::End);
        let at = (x + side, frame.bottom - self.px(6.0 + 16.0 * number as f64));
        self.write(&mark.label, at, Words::bold(13.5, colour, anchor));
    }

    pub(super) fn marker(&mut self, at: Place, look: Look, hollow: bool) {
        let r = self.px(4.5);
        let inside = Fill { colour: if hollow { WHITE } else { look.colour }, opacity: 1.0 };
        let line = self.line(look.colour, 1.6);
        let outline: Vec<Place> = match look.marker {
            Marker::None => return,
            Marker::Circle => {
                let at = self.moved(at);
                return self.surface.circle(at, r, inside, &line);
            }
            Marker::Triangle => vec![(0, -r - 1), (r + 1, r), (-r - 1, r)],
            Marker::Square => vec![(-r, -r), (r, -r), (r, r), (-r, r)],
            Marker::Diamond => vec![(0, -r - 1), (r + 1, 0), (0, r + 1), (-r - 1, 0)],
        };
        let points: Vec<Place> =
            outline.iter().map(|(x, y)| self.moved((at.0 + x, at.1 + y))).collect();
        self.surface.polygon(&points, inside, &line);
    }

    /// Draws a line through the points with the look's dashes.
    pub(super) fn dashed(&mut self, points: &[Place], look: Look) {
        let dash = look.dash.iter().map(|length| length * self.scale).collect();
        let stroke = Stroke { dash, ..self.line(look.colour, 2.0) };
        self.path(points, &stroke);
    }

    pub(super) fn path(&mut self, points: &[Place], stroke: &Stroke) {
        let points: Vec<Place> = points.iter().map(|point| self.moved(*point)).collect();
        self.surface.path(&points, stroke);
    }

    pub(super) fn line(&self, colour: style::Colour, width: f64) -> Stroke {
        Stroke { colour, width: self.px(width).max(1), opacity: 1.0, dash: Vec::new() }
    }

    pub(super) fn write(&mut self, text: &str, at: Place, words: Words) {
        if !text.is_empty() {
            let at = self.moved(at);
            self.surface.text(text, at, &Words { size: words.size * self.scale, ..words });
        }
    }
}

/// The group of a part of the picture that belongs to a series.
fn group_of(class: &'static str, series: &Series) -> Group {
    Group::new(class).with("series", style::name(&series.whose))
}

/// The group of a point with its values, so that scripts and style sheets can reach it.
fn point_of(dot: &Dot) -> Group {
    let group = Group::new(if dot.hollow { "point doubted" } else { "point" });
    group.with("x", dot.x).with("y", dot.y).with("low", dot.low).with("high", dot.high)
}
