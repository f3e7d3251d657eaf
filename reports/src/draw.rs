//! Draws a figure, as SVG or PNG, by one and the same function.
//!
//! The library (plotters) turns lines, shapes and letters into either format; where they go is
//! decided here, because logarithmic axes in times, hollow points and legends that cover nothing
//! are more than its charts offer.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, Circle, DrawingArea, DrawingBackend, EmptyElement, IntoDrawingArea, PathElement,
    Polygon, RGBColor, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontStyle, FontTransform, IntoFont, ShapeStyle, TextStyle, register_font,
};

use crate::ReportError;
use crate::figure::{Dot, Figure, Mark, Panel, Quantity, Series};
use crate::style::{Colour, GRID, INK, Look, Marker};

/// For which page width a figure is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Panels side by side.
    Wide,
    /// Panels one above the other, for a telephone.
    Narrow,
}

const WIDE: u32 = 980;
const NARROW: u32 = 370;
const PANEL_HEIGHT: i32 = 390;
const LEGEND_LINE: i32 = 21;

/// A picture on a screen of twice the usual density.
const PNG_SCALE: u32 = 2;

const FACE: &str = "sans-serif";

/// The letters ship with the program, so that a picture needs no font of the system.
fn register_letters() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let faces: [(FontStyle, &'static [u8]); 2] = [
            (FontStyle::Normal, include_bytes!("../fonts/NotoSans-Regular-subset.ttf")),
            (FontStyle::Bold, include_bytes!("../fonts/NotoSans-Bold-subset.ttf")),
        ];
        for (style, bytes) in faces {
            // The bytes are part of the program and known to be a font.
            let _ = register_font(FACE, style, bytes);
        }
    });
}

/// The figure as an SVG document.
///
/// # Errors
/// When the drawing library fails.
pub fn svg(figure: &Figure, width: Width) -> Result<String, ReportError> {
    register_letters();
    let mut text = String::new();
    let size = size_of(figure, width);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area, figure, width, 1.0).map_err(|because| failed(figure, &because))?;
        area.present().map_err(|error| failed(figure, &error.to_string()))?;
    }
    Ok(text)
}

/// The figure as a PNG picture, wide and on white.
///
/// # Errors
/// When the drawing library gives up.
pub fn png(figure: &Figure) -> Result<Vec<u8>, ReportError> {
    register_letters();
    let (width, height) = size_of(figure, Width::Wide);
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let mut pixels = vec![0; (3 * width * height) as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    draw(&area, figure, Width::Wide, f64::from(PNG_SCALE))
        .map_err(|because| failed(figure, &because))?;
    area.present().map_err(|error| failed(figure, &error.to_string()))?;
    drop(area);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|error| failed(figure, &error.to_string()))?;
    Ok(bytes)
}

fn failed(figure: &Figure, because: &str) -> ReportError {
    ReportError::Drawing { name: figure.name.clone(), because: because.to_owned() }
}

fn size_of(figure: &Figure, width: Width) -> (u32, u32) {
    let panels = figure.panels.len().max(1) as i32;
    let height = PANEL_HEIGHT + LEGEND_LINE * legend_lines(figure);
    match width {
        Width::Wide => (WIDE, height as u32),
        Width::Narrow => (NARROW, (height * panels) as u32),
    }
}

fn legend_lines(figure: &Figure) -> i32 {
    figure.panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0) as i32
}

fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    figure: &Figure,
    width: Width,
    scale: f64,
) -> Result<(), String> {
    area.fill(&RGBColor(255, 255, 255)).map_err(|error| error.to_string())?;
    let panels = figure.panels.len().max(1);
    let parts = match width {
        Width::Wide => area.split_evenly((1, panels)),
        Width::Narrow => area.split_evenly((panels, 1)),
    };
    // The panels share their vertical range, so that they can be compared.
    let ys: Vec<f64> = figure.panels.iter().flat_map(heights).collect();
    for (part, panel) in parts.iter().zip(&figure.panels) {
        Canvas::new(part, panel, &ys, scale).draw_all(legend_lines(figure))?;
    }
    Ok(())
}

/// All vertical places of a panel's data, in the even coordinate of its axis.
fn heights(panel: &Panel) -> Vec<f64> {
    let dots = panel.series.iter().flat_map(|series| &series.points);
    dots.flat_map(|dot| [dot.low, dot.y, dot.high]).map(|y| even(&panel.y.quantity, y)).collect()
}

/// One panel on its part of the picture. Lengths are in points of an unscaled picture.
struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    panel: &'a Panel,
    scale: f64,
    x: Range,
    y: Range,
}

/// The values that an axis spans, in the coordinate in which it is even.
#[derive(Clone, Copy)]
struct Range {
    from: f64,
    to: f64,
}

/// The pixels between which the data lie.
#[derive(Clone, Copy)]
struct Frame {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    fn new(area: &'a DrawingArea<DB, Shift>, panel: &'a Panel, ys: &[f64], scale: f64) -> Self {
        let dots = || panel.series.iter().flat_map(|series| &series.points);
        let xs: Vec<f64> = dots().map(|dot| even(&panel.x.quantity, dot.x)).collect();
        let x = Range::around(&panel.x.quantity, &xs);
        let y = Range::around(&panel.y.quantity, ys);
        Self { area, panel, scale, x, y }
    }

    fn px(&self, points: f64) -> i32 {
        (points * self.scale).round() as i32
    }

    fn draw_all(&self, legend_lines: i32) -> Result<(), String> {
        let (width, height) = self.area.dim_in_pixel();
        let frame = Frame {
            left: self.px(78.0),
            right: width as i32 - self.px(16.0),
            top: self.px(38.0 + f64::from(legend_lines * LEGEND_LINE)),
            bottom: height as i32 - self.px(56.0),
        };
        self.draw_axes(frame)?;
        self.draw_legend()?;
        for (number, mark) in self.panel.marks.iter().enumerate() {
            self.draw_mark(frame, mark, number)?;
        }
        for (number, series) in self.panel.series.iter().enumerate() {
            self.draw_series(frame, series, number)?;
        }
        Ok(())
    }

    fn draw_axes(&self, frame: Frame) -> Result<(), String> {
        let panel = self.panel;
        let middle = (frame.left + frame.right) / 2;
        self.write(
            &panel.title,
            (self.px(12.0), self.px(8.0)),
            18.0,
            true,
            (HPos::Left, VPos::Top),
        )?;
        let ink = self.line(INK, 1.0);
        for (value, label) in ticks(&panel.y.quantity, self.y) {
            let y = self.y.place(value, frame.bottom, frame.top);
            self.path(&[(frame.left, y), (frame.right, y)], self.line(GRID, 1.0))?;
            let at = (frame.left - self.px(6.0), y);
            self.write(&label, at, 14.5, false, (HPos::Right, VPos::Center))?;
        }
        let mut free_from = i32::MIN;
        for (value, label) in ticks(&panel.x.quantity, self.x) {
            let x = self.x.place(value, frame.left, frame.right);
            // A letter is about 7 points wide; a label that would touch the one before is left out.
            let half = self.px(label.chars().count() as f64 * 3.6);
            let label = if x - half < free_from { String::new() } else { label };
            if !label.is_empty() {
                free_from = x + half + self.px(3.0);
            }
            if !matches!(panel.x.quantity, Quantity::Categories(_)) {
                self.path(&[(x, frame.top), (x, frame.bottom)], self.line(GRID, 1.0))?;
                self.path(&[(x, frame.bottom), (x, frame.bottom + self.px(4.0))], ink)?;
            }
            let at = (x, frame.bottom + self.px(7.0));
            self.write(&label, at, 14.5, false, (HPos::Center, VPos::Top))?;
        }
        self.path(
            &[(frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom)],
            ink,
        )?;
        let below = (middle, frame.bottom + self.px(30.0));
        self.write(&panel.x.label, below, 14.5, false, (HPos::Center, VPos::Top))?;
        self.write_upwards(&panel.y.label, (self.px(4.0), (frame.top + frame.bottom) / 2))
    }

    /// The legend stands above the data, a line for each series.
    fn draw_legend(&self) -> Result<(), String> {
        for (number, series) in self.panel.series.iter().enumerate() {
            let y = self.px(40.0 + number as f64 * f64::from(LEGEND_LINE));
            let (from, to) = (self.px(78.0), self.px(118.0));
            let is_scatter = matches!(self.panel.x.quantity, Quantity::Categories(_));
            if !is_scatter {
                self.dashed(&[(from, y), (to, y)], series.look)?;
            }
            self.marker(((from + to) / 2, y), series.look, false)?;
            let at = (to + self.px(8.0), y + self.px(1.5));
            self.write(&series.label, at, 14.5, false, (HPos::Left, VPos::Center))?;
        }
        Ok(())
    }

    fn draw_series(&self, frame: Frame, series: &Series, number: usize) -> Result<(), String> {
        let is_scatter = matches!(self.panel.x.quantity, Quantity::Categories(_));
        // Points of one category stand side by side, so that their bars do not cover each other.
        let aside = if is_scatter {
            self.px((number as f64 - (self.panel.series.len() as f64 - 1.0) / 2.0) * 34.0)
        } else {
            0
        };
        let place = |dot: &Dot, y: f64| {
            let x = self.x.place(even(&self.panel.x.quantity, dot.x), frame.left, frame.right);
            let y = self.y.place(even(&self.panel.y.quantity, y), frame.bottom, frame.top);
            (x + aside, y)
        };
        let places: Vec<(i32, i32)> = series.points.iter().map(|dot| place(dot, dot.y)).collect();
        if !is_scatter {
            self.dashed(&places, series.look)?;
        }
        for (dot, at) in series.points.iter().zip(&places) {
            if dot.high > dot.low {
                let ends = [place(dot, dot.low), place(dot, dot.high)];
                self.path(&ends, self.line(series.look.colour, 1.4))?;
                for end in ends {
                    let cap = [(end.0 - self.px(3.0), end.1), (end.0 + self.px(3.0), end.1)];
                    self.path(&cap, self.line(series.look.colour, 1.4))?;
                }
            }
            self.marker(*at, series.look, dot.hollow)?;
            if is_scatter {
                let above = (at.0, place(dot, dot.high).1 - self.px(8.0));
                let label = analysis::text::time(dot.y);
                self.write(&label, above, 12.5, false, (HPos::Center, VPos::Bottom))?;
            }
        }
        Ok(())
    }

    /// A crossing or a knee: a line over the whole height, the band of its interval, and its
    /// value at the foot, each mark a line higher than the one before.
    fn draw_mark(&self, frame: Frame, mark: &Mark, number: usize) -> Result<(), String> {
        let across = |x: f64| {
            self.x
                .place(even(&self.panel.x.quantity, x), frame.left, frame.right)
                .clamp(frame.left, frame.right)
        };
        let colour = rgb(mark.look.colour);
        let band = [(across(mark.low), frame.top), (across(mark.high), frame.bottom)];
        self.area
            .draw(&Rectangle::new(band, colour.mix(0.15).filled()))
            .map_err(|error| error.to_string())?;
        let x = across(mark.x);
        let line =
            ShapeStyle { color: colour.mix(0.7), filled: false, stroke_width: self.px(1.2) as u32 };
        self.path(&[(x, frame.top), (x, frame.bottom)], line)?;
        let to_the_left = x > (frame.left + frame.right) / 2;
        let side = if to_the_left { -self.px(5.0) } else { self.px(5.0) };
        let anchor = if to_the_left { HPos::Right } else { HPos::Left };
        let at = (x + side, frame.bottom - self.px(6.0 + 16.0 * number as f64));
        self.write_in(&mark.label, at, 13.5, (anchor, VPos::Bottom), mark.look.colour)
    }

    fn marker(&self, at: (i32, i32), look: Look, hollow: bool) -> Result<(), String> {
        let r = self.px(4.5);
        let colour = rgb(look.colour);
        let outline: Vec<(i32, i32)> = match look.marker {
            Marker::None => return Ok(()),
            Marker::Circle => {
                let inside = if hollow { RGBColor(255, 255, 255) } else { colour };
                let circle = EmptyElement::at(at)
                    + Circle::new((0, 0), r, inside.filled())
                    + Circle::new((0, 0), r, self.line(look.colour, 1.6));
                return self.area.draw(&circle).map_err(|error| error.to_string());
            }
            Marker::Triangle => vec![(0, -r - 1), (r + 1, r), (-r - 1, r)],
            Marker::Square => vec![(-r, -r), (r, -r), (r, r), (-r, r)],
            Marker::Diamond => vec![(0, -r - 1), (r + 1, 0), (0, r + 1), (-r - 1, 0)],
        };
        let mut points: Vec<(i32, i32)> =
            outline.iter().map(|(x, y)| (at.0 + x, at.1 + y)).collect();
        let inside = if hollow { RGBColor(255, 255, 255) } else { colour };
        self.area
            .draw(&Polygon::new(points.clone(), inside.filled()))
            .map_err(|error| error.to_string())?;
        points.push(points[0]);
        self.path(&points, self.line(look.colour, 1.6))
    }

    /// A line through the points in the look's dashes, whose pattern runs on around corners.
    fn dashed(&self, points: &[(i32, i32)], look: Look) -> Result<(), String> {
        let style = self.line(look.colour, 2.0);
        if look.dash.is_empty() {
            return self.path(points, style);
        }
        let pattern: Vec<f64> = look.dash.iter().map(|length| length * self.scale).collect();
        let (mut index, mut left) = (0, pattern[0]);
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
            let length = dx.hypot(dy);
            let at = |along: f64| {
                let share = if length > 0.0 { along / length } else { 0.0 };
                (from.0 + (dx * share).round() as i32, from.1 + (dy * share).round() as i32)
            };
            let mut along = 0.0;
            while along < length {
                let step = left.min(length - along);
                if index % 2 == 0 {
                    self.path(&[at(along), at(along + step)], style)?;
                }
                along += step;
                left -= step;
                if left <= 1e-9 {
                    index = (index + 1) % pattern.len();
                    left = pattern[index];
                }
            }
        }
        Ok(())
    }

    fn path(&self, points: &[(i32, i32)], style: ShapeStyle) -> Result<(), String> {
        self.area.draw(&PathElement::new(points.to_vec(), style)).map_err(|error| error.to_string())
    }

    fn line(&self, colour: Colour, width: f64) -> ShapeStyle {
        rgb(colour).stroke_width(self.px(width).max(1) as u32)
    }

    fn write(
        &self,
        text: &str,
        at: (i32, i32),
        size: f64,
        bold: bool,
        anchor: (HPos, VPos),
    ) -> Result<(), String> {
        let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = (FACE, size * self.scale, style).into_font();
        self.put(text, at, TextStyle::from(font).color(&rgb(INK)), anchor)
    }

    fn write_in(
        &self,
        text: &str,
        at: (i32, i32),
        size: f64,
        anchor: (HPos, VPos),
        colour: Colour,
    ) -> Result<(), String> {
        let font = (FACE, size * self.scale, FontStyle::Bold).into_font();
        self.put(text, at, TextStyle::from(font).color(&rgb(colour)), anchor)
    }

    fn write_upwards(&self, text: &str, at: (i32, i32)) -> Result<(), String> {
        let font = (FACE, 14.5 * self.scale).into_font().transform(FontTransform::Rotate270);
        self.put(text, at, TextStyle::from(font).color(&rgb(INK)), (HPos::Center, VPos::Top))
    }

    fn put(
        &self,
        text: &str,
        at: (i32, i32),
        style: TextStyle<'_>,
        (h, v): (HPos, VPos),
    ) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        let style = style.pos(Pos::new(h, v));
        self.area.draw(&Text::new(text.to_owned(), at, style)).map_err(|error| error.to_string())
    }
}

fn rgb((red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

/// A value in the coordinate in which its axis is even.
fn even(quantity: &Quantity, value: f64) -> f64 {
    match quantity {
        Quantity::Time => value.max(1.0).log10(),
        Quantity::Quantile => -(1.0 - value).max(1e-9).log10(),
        Quantity::Rate | Quantity::Categories(_) => value,
    }
}

impl Range {
    /// All values with a little room.
    fn around(quantity: &Quantity, values: &[f64]) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if let Quantity::Categories(names) = quantity {
            return Self { from: -0.5, to: names.len() as f64 - 0.5 };
        }
        if least > most {
            return Self { from: 0.0, to: 1.0 };
        }
        match quantity {
            Quantity::Rate => Self { from: 0.0, to: most * 1.05 },
            Quantity::Quantile => Self { from: 0.0, to: most * 1.03 + 0.01 },
            _ => {
                let room = 0.06 * (most - least) + 0.05;
                Self { from: least - room, to: most + room }
            }
        }
    }

    fn place(self, value: f64, first: i32, last: i32) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn holds(self, value: f64) -> bool {
        self.from <= value && value <= self.to
    }
}

/// Where an axis has labels, in its even coordinate, and what they say.
fn ticks(quantity: &Quantity, range: Range) -> Vec<(f64, String)> {
    match quantity {
        Quantity::Time => time_ticks(range),
        Quantity::Rate => rate_ticks(range),
        Quantity::Quantile => [
            (0.0, "0 %"),
            (0.5, "50 %"),
            (0.9, "90 %"),
            (0.99, "99 %"),
            (0.999, "99.9 %"),
            (0.9999, "99.99 %"),
        ]
        .into_iter()
        .map(|(quantile, label)| (even(quantity, quantile), label.to_owned()))
        .filter(|(at, _)| range.holds(*at))
        .collect(),
        Quantity::Categories(names) => {
            names.iter().enumerate().map(|(number, name)| (number as f64, name.clone())).collect()
        }
    }
}

/// Powers of ten; with twice and five times them where the range is short.
fn time_ticks(range: Range) -> Vec<(f64, String)> {
    let decades = range.to - range.from;
    let steps: &[f64] = match decades {
        decades if decades > 4.4 => &[1.0],
        decades if decades > 2.2 => &[1.0, 3.0],
        decades if decades > 0.8 => &[1.0, 2.0, 5.0],
        _ => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
    };
    (range.from.floor() as i32..=range.to.ceil() as i32)
        .flat_map(|exponent| steps.iter().map(move |step| step * 10f64.powi(exponent)))
        .filter(|value| range.holds(value.log10()))
        .map(|value| (value.log10(), round_time(value)))
        .collect()
}

/// A round time without trailing zeros: `20 µs`, `1.5 ms`.
fn round_time(ns: f64) -> String {
    let (size, unit) = match ns {
        ns if ns >= 0.999e9 => (1e9, "s"),
        ns if ns >= 0.999e6 => (1e6, "ms"),
        ns if ns >= 0.999e3 => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    format!("{} {unit}", (ns / size * 100.0).round() / 100.0)
}

/// More are never needed, whatever the range.
const MOST_TICKS: u32 = 20;

/// About five round steps.
fn rate_ticks(range: Range) -> Vec<(f64, String)> {
    if !(range.to.is_finite() && range.to > 0.0) {
        return vec![(0.0, "0/s".to_owned())];
    }
    let rough = range.to / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    (0..MOST_TICKS)
        .map(|number| f64::from(number) * step)
        .take_while(|value| range.holds(*value))
        .map(|value| (value, format!("{value}/s")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_range() {
        let labels = |ticks: Vec<(f64, String)>| -> Vec<String> {
            ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(
            labels(time_ticks(Range { from: 4.0, to: 6.0 })),
            ["10 µs", "20 µs", "50 µs", "100 µs", "200 µs", "500 µs", "1 ms"]
        );
        assert_eq!(labels(rate_ticks(Range { from: 0.0, to: 1050.0 })), ["0/s", "500/s", "1000/s"]);
    }
}
