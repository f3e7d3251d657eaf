//! Draws a figure as SVG or PNG, with the same layout.

mod axis;
mod bitmap;
mod extent;
mod layout;
mod surface;
mod svg;
mod tiles;

use analysis::figure::Figure;

use crate::ReportError;
use bitmap::Bitmap;
use extent::{Title, size_of};
use layout::draw;
use svg::Svg;

pub use extent::Width;
pub(crate) use svg::escaped;
pub(crate) use tiles::digits;

/// The scale of a PNG picture, for screens of twice the usual density.
const PNG_SCALE: u32 = 2;

/// The figure as an SVG document.
#[must_use]
pub fn svg(figure: &Figure, width: Width) -> String {
    let mut surface = Svg::new(size_of(figure, width, Title::Outside));
    draw(&mut surface, figure, width, Title::Outside, 1.0);
    surface.finish()
}

/// The figure as a PNG picture with its title and a line that says where and when it was made, wide and on white.
///
/// # Errors
/// If the drawing library fails.
pub fn png(figure: &Figure, made: &str) -> Result<Vec<u8>, ReportError> {
    let failed = |because: String| ReportError::Drawing { name: figure.name.clone(), because };
    let (width, height) = size_of(figure, Width::Wide, Title::Inside(made));
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let mut pixels = vec![0; (3 * width * height) as usize];
    let mut surface = Bitmap::new(&mut pixels, (width, height));
    draw(&mut surface, figure, Width::Wide, Title::Inside(made), f64::from(PNG_SCALE));
    surface.finish().map_err(failed)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use analysis::figure::{Dot, Panel, Quantity, Scale, Series, Whose};

    use super::*;

    /// The interval of a value has no end where some requests went unanswered.
    #[test]
    fn a_bar_without_an_end_is_drawn_to_the_edge() {
        let scale = |quantity| Scale { label: String::new(), quantity };
        let dot = |x: f64, high: f64| Dot { high, ..Dot::exact(x, 2e6) };
        for (quantity, x) in
            [(Quantity::Time, 1e6), (Quantity::Rate, 500.0), (Quantity::Count, 8.0)]
        {
            let series = Series {
                label: "a server".to_owned(),
                whose: Whose::Theory,
                is_marked: true,
                points: vec![dot(x, 3e6), dot(2.0 * x, f64::INFINITY)],
            };
            let panel = Panel {
                title: "UDP".to_owned(),
                x: scale(quantity),
                y: scale(Quantity::Time),
                series: vec![series],
                marks: Vec::new(),
                tiles: Vec::new(),
            };
            let text = String::new;
            let figure =
                Figure { name: text(), question: text(), caption: text(), panels: vec![panel] };
            assert!(svg(&figure, Width::Wide).len() < 20_000);
            assert!(png(&figure, "here").is_ok_and(|bytes| !bytes.is_empty()));
        }
    }
}
