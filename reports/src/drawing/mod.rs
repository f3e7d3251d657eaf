//! Draws a figure as SVG or PNG, with the same layout.

mod axis;
mod bitmap;
mod layout;
mod surface;
mod svg;

use analysis::figure::Figure;

use crate::ReportError;
use bitmap::Bitmap;
use layout::{draw, size_of};
use svg::Svg;

pub use layout::Width;

/// The scale of a PNG picture, for screens of twice the usual density.
const PNG_SCALE: u32 = 2;

/// The figure as an SVG document.
#[must_use]
pub fn svg(figure: &Figure, width: Width) -> String {
    let mut surface = Svg::new(size_of(figure, width));
    draw(&mut surface, figure, width, 1.0);
    surface.finish()
}

/// The figure as a PNG picture, wide and on white.
///
/// # Errors
/// If the drawing library fails.
pub fn png(figure: &Figure) -> Result<Vec<u8>, ReportError> {
    let failed = |because: String| ReportError::Drawing { name: figure.name.clone(), because };
    let (width, height) = size_of(figure, Width::Wide);
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let mut pixels = vec![0; (3 * width * height) as usize];
    let mut surface = Bitmap::new(&mut pixels, (width, height));
    draw(&mut surface, figure, Width::Wide, f64::from(PNG_SCALE));
    surface.finish().map_err(failed)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}
