//! A surface of pixels, drawn with the library plotters, that becomes a PNG picture.

use std::sync::Once;

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoFont, RGBColor};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontStyle, FontTransform, RGBAColor, ShapeStyle, TextStyle, register_font,
};

use super::surface::{Fill, Group, Place, Side, Stroke, Surface, Words};
use crate::style::Colour;

const FACE: &str = "sans-serif";

/// Registers the fonts that ship with the program, so that a picture needs no system font.
fn register_letters() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let faces: [(FontStyle, &'static [u8]); 2] = [
            (FontStyle::Normal, include_bytes!("../../fonts/NotoSans-Regular-subset.ttf")),
            (FontStyle::Bold, include_bytes!("../../fonts/NotoSans-Bold-subset.ttf")),
        ];
        for (style, bytes) in faces {
            // The bytes are part of the program and known to be a font.
            let _ = register_font(FACE, style, bytes);
        }
    });
}

/// A picture that is being drawn.
pub(super) struct Bitmap<'a> {
    backend: BitMapBackend<'a>,
    /// The first error of the library.
    failure: Option<String>,
}

impl<'a> Bitmap<'a> {
    /// A white picture on these pixels, three bytes each.
    pub(super) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Self {
        register_letters();
        pixels.fill(255);
        Self { backend: BitMapBackend::with_buffer(pixels, size), failure: None }
    }

    /// Ends the drawing and returns the first error.
    pub(super) fn finish(mut self) -> Result<(), String> {
        let shown = self.backend.present().map_err(|error| error.to_string());
        self.failure.take().map_or(shown, Err)
    }

    fn note<E: ToString>(&mut self, drawn: Result<(), E>) {
        if let Err(error) = drawn {
            self.failure.get_or_insert(error.to_string());
        }
    }

    fn solid(&mut self, points: &[Place], stroke: &Stroke) {
        let drawn = self.backend.draw_path(points.iter().copied(), &pen(stroke));
        self.note(drawn);
    }
}

/// Colour and width as a style of the library.
fn pen(stroke: &Stroke) -> ShapeStyle {
    ShapeStyle {
        color: mixed(stroke.colour, stroke.opacity),
        filled: false,
        stroke_width: stroke.width.max(1) as u32,
    }
}

fn mixed((red, green, blue): Colour, opacity: f64) -> RGBAColor {
    RGBColor(red, green, blue).mix(opacity)
}

impl Surface for Bitmap<'_> {
    fn begin(&mut self, _: &Group) {}

    fn end(&mut self) {}

    fn path(&mut self, points: &[Place], stroke: &Stroke) {
        if stroke.dash.is_empty() {
            return self.solid(points, stroke);
        }
        for dash in dashes(points, &stroke.dash) {
            self.solid(&dash, stroke);
        }
    }

    fn polygon(&mut self, points: &[Place], inside: Fill, outline: &Stroke) {
        let inside = mixed(inside.colour, inside.opacity);
        let drawn = self.backend.fill_polygon(points.iter().copied(), &inside);
        self.note(drawn);
        let closed: Vec<Place> = points.iter().chain(points.first()).copied().collect();
        self.solid(&closed, outline);
    }

    fn circle(&mut self, centre: Place, radius: i32, inside: Fill, outline: &Stroke) {
        let radius = radius.max(0) as u32;
        let inside = mixed(inside.colour, inside.opacity);
        let drawn = self.backend.draw_circle(centre, radius, &inside, true);
        self.note(drawn);
        let drawn = self.backend.draw_circle(centre, radius, &pen(outline), false);
        self.note(drawn);
    }

    fn rectangle(&mut self, [from, to]: [Place; 2], inside: Fill) {
        let drawn = self.backend.draw_rect(from, to, &mixed(inside.colour, inside.opacity), true);
        self.note(drawn);
    }

    fn text(&mut self, text: &str, at: Place, words: &Words) {
        let style = if words.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = (FACE, words.size, style).into_font();
        let font = if words.upwards { font.transform(FontTransform::Rotate270) } else { font };
        let across = match words.anchor.0 {
            Side::Start => HPos::Left,
            Side::Middle => HPos::Center,
            Side::End => HPos::Right,
        };
        let down = match words.anchor.1 {
            Side::Start => VPos::Top,
            Side::Middle => VPos::Center,
            Side::End => VPos::Bottom,
        };
        let (red, green, blue) = words.colour;
        let colour = RGBColor(red, green, blue);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(across, down));
        let drawn = self.backend.draw_text(text, &style, at);
        self.note(drawn);
    }
}

/// Divides a line through points into its dashes.
fn dashes(points: &[Place], pattern: &[f64]) -> Vec<[Place; 2]> {
    let mut dashes = Vec::new();
    let (mut index, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = dx.hypot(dy);
        let at = |along: f64| {
            let part = if length > 0.0 { along / length } else { 0.0 };
            (from.0 + (dx * part).round() as i32, from.1 + (dy * part).round() as i32)
        };
        let mut along = 0.0;
        while along < length {
            let step = left.min(length - along);
            if index % 2 == 0 {
                dashes.push([at(along), at(along + step)]);
            }
            along += step;
            left -= step;
            if left <= 1e-9 {
                index = (index + 1) % pattern.len();
                left = pattern[index];
            }
        }
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_on_around_corners() {
        let around = dashes(&[(0, 0), (10, 0), (10, 10)], &[6.0, 2.0]);
        assert_eq!(
            around,
            [[(0, 0), (6, 0)], [(8, 0), (10, 0)], [(10, 0), (10, 4)], [(10, 6), (10, 10)]]
        );
    }
}
