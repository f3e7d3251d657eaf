//! A surface that becomes an SVG document. Every panel, series and point has a class and data, so
//! that style sheets and scripts can reach it.

use std::fmt::Write;

use super::surface::{Fill, Group, Place, Side, Stroke, Surface, Words};
use crate::style::hex;

/// The height of a line of text over that of its letters: sizes are line heights, as in the
/// bitmap's library.
const LINE: f64 = 1.24;

/// An SVG document that is being written.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// An empty white picture of this size in pixels.
    pub(super) fn new((width, height): (u32, u32)) -> Self {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\">"
        );
        let _ = writeln!(
            text,
            "<rect class=\"ground\" width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>"
        );
        Self { text }
    }

    /// The whole document.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = self.text.write_fmt(element);
        self.text.push('\n');
    }
}

impl Surface for Svg {
    fn begin(&mut self, group: &Group) {
        let data =
            group.data.iter().map(|(name, value)| format!(" data-{name}=\"{}\"", escaped(value)));
        let data: String = data.collect();
        self.add(format_args!("<g class=\"{}\"{data}>", group.class));
    }

    fn end(&mut self) {
        self.add(format_args!("</g>"));
    }

    fn path(&mut self, points: &[Place], stroke: &Stroke) {
        let (points, stroke) = (list(points), line(stroke));
        self.add(format_args!("<polyline points=\"{points}\" fill=\"none\"{stroke}/>"));
    }

    fn polygon(&mut self, points: &[Place], inside: Fill, outline: &Stroke) {
        let (points, inside, outline) = (list(points), filled(inside), line(outline));
        self.add(format_args!("<polygon points=\"{points}\"{inside}{outline}/>"));
    }

    fn circle(&mut self, (x, y): Place, radius: i32, inside: Fill, outline: &Stroke) {
        let (inside, outline) = (filled(inside), line(outline));
        self.add(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{inside}{outline}/>"));
    }

    fn rectangle(&mut self, [(left, top), (right, bottom)]: [Place; 2], inside: Fill) {
        let (width, height, inside) = (right - left, bottom - top, filled(inside));
        self.add(format_args!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"{inside}/>"
        ));
    }

    fn text(&mut self, text: &str, (x, y): Place, words: &Words) {
        let anchor = match words.anchor.0 {
            Side::Start => "start",
            Side::Middle => "middle",
            Side::End => "end",
        };
        // A fraction of the letters' height, because browsers differ in dominant-baseline.
        let letters = words.size / LINE;
        let down = letters
            * match words.anchor.1 {
                Side::Start => 0.94,
                Side::Middle => 0.36,
                Side::End => 0.0,
            };
        let turned = if words.upwards {
            format!(" transform=\"rotate(-90 {x} {y})\"")
        } else {
            String::new()
        };
        let weight = if words.bold { " font-weight=\"bold\"" } else { "" };
        self.add(format_args!(
            "<text x=\"{x}\" y=\"{y}\" dy=\"{down:.1}\" text-anchor=\"{anchor}\" font-family=\"sans-serif\" \
             font-size=\"{:.1}\"{weight} fill=\"{}\"{turned}>{}</text>",
            letters,
            hex(words.colour),
            escaped(text)
        ));
    }
}

fn list(points: &[Place]) -> String {
    let places: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    places.join(" ")
}

fn line(stroke: &Stroke) -> String {
    let mut text = format!(" stroke=\"{}\" stroke-width=\"{}\"", hex(stroke.colour), stroke.width);
    if stroke.opacity < 1.0 {
        let _ = write!(text, " stroke-opacity=\"{}\"", stroke.opacity);
    }
    if !stroke.dash.is_empty() {
        let dash: Vec<String> = stroke.dash.iter().map(ToString::to_string).collect();
        let _ = write!(text, " stroke-dasharray=\"{}\"", dash.join(" "));
    }
    text
}

fn filled(fill: Fill) -> String {
    let opacity = if fill.opacity < 1.0 {
        format!(" fill-opacity=\"{}\"", fill.opacity)
    } else {
        String::new()
    };
    format!(" fill=\"{}\"{opacity}", hex(fill.colour))
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::surface::Anchor;

    #[test]
    fn what_is_drawn_can_be_found_and_what_is_written_is_no_markup() {
        let mut svg = Svg::new((100, 50));
        svg.begin(&Group::new("series").with("series", "a \"<b>\""));
        let stroke = Stroke { colour: (1, 2, 255), width: 2, opacity: 0.5, dash: vec![9.0, 4.0] };
        svg.path(&[(1, 2), (3, 4)], &stroke);
        svg.text("<script>", (1, 2), &Words::plain(10.0, Anchor::LEFT_TOP));
        svg.end();
        let text = svg.finish();
        assert!(
            text.contains("<g class=\"series\" data-series=\"a &quot;&lt;b&gt;&quot;\">"),
            "{text}"
        );
        assert!(text.contains("points=\"1,2 3,4\"") && text.contains("stroke-dasharray=\"9 4\""));
        assert!(text.contains("#0102FF") && text.contains("&lt;script&gt;"));
        assert_eq!(text.matches("<g ").count(), text.matches("</g>").count());
    }
}
