//! What a design looks like: the same colour, dash and marker in every figure.

/// A colour as red, green and blue.
pub type Colour = (u8, u8, u8);

/// Text and axes.
pub const INK: Colour = (34, 34, 34);
/// Grid lines.
pub const GRID: Colour = (226, 226, 226);
/// Theory.
pub const THEORY: Colour = (120, 120, 120);

/// The shape that marks a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A circle.
    Circle,
    /// A triangle.
    Triangle,
    /// A square.
    Square,
    /// A diamond.
    Diamond,
    /// None.
    None,
}

/// The look of one series. Designs differ in colour, in dash and in marker, so that the figures
/// can be read in grey.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Colour of line and marker, from Okabe and Ito's set, which the colour-blind tell apart.
    pub colour: Colour,
    /// Lengths of dash and gap; empty for a solid line.
    pub dash: &'static [f64],
    /// The marker.
    pub marker: Marker,
}

/// The look of a curve of theory.
pub const THEORY_LOOK: Look = Look { colour: THEORY, dash: &[2.0, 4.0], marker: Marker::None };

/// The look of a design, by what it does for each client.
#[must_use]
pub fn of_design(design: &str) -> Look {
    let idea = analysis::names::idea(design);
    let look = |colour, dash, marker| Look { colour, dash, marker };
    match idea.as_str() {
        "iterative" => look((0, 114, 178), &[], Marker::Circle),
        "thread per request" | "thread per connection" => {
            look((213, 94, 0), &[9.0, 4.0], Marker::Triangle)
        }
        "process per request" | "process per connection" => {
            look((0, 140, 105), &[3.0, 3.0], Marker::Square)
        }
        _ => look((148, 80, 140), &[9.0, 3.0, 2.0, 3.0], Marker::Diamond),
    }
}
