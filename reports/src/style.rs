//! The look of each design: the same colour, dash and marker in every figure.

use analysis::figure::Whose;
use results::{Subject, WorkUnit};

/// A colour as red, green and blue.
pub type Colour = (u8, u8, u8);

/// A colour as HTML and SVG have it: `#D55E00`.
#[must_use]
pub fn hex((red, green, blue): Colour) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Text and axes.
pub const INK: Colour = (34, 34, 34);
/// The background.
pub const WHITE: Colour = (255, 255, 255);
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
    /// Colour of line and marker, after Okabe and Ito's set, which colour-blind readers can
    /// distinguish.
    pub colour: Colour,
    /// Lengths of dash and gap; empty for a solid line.
    pub dash: &'static [f64],
    /// The marker.
    pub marker: Marker,
}

/// The look of a curve of theory.
pub const THEORY_LOOK: Look = Look { colour: THEORY, dash: &[2.0, 4.0], marker: Marker::None };

const BLUE: Colour = (0, 114, 178);
const ORANGE: Colour = (213, 94, 0);
const GREEN: Colour = (0, 140, 105);
const GOLD: Colour = (178, 132, 0);
const PURPLE: Colour = (148, 80, 140);
const BLACK: Colour = (60, 60, 60);

const SOLID: &[f64] = &[];
const DASHED: &[f64] = &[9.0, 4.0];
const DOTTED: &[f64] = &[3.0, 3.0];
const MIXED: &[f64] = &[9.0, 3.0, 2.0, 3.0];
/// Dashes of subjects outside the catalogue.
const STRANGERS_DASHES: [&[f64]; 3] = [&[16.0, 5.0], &[16.0, 4.0, 4.0, 4.0], &[5.0, 7.0]];

/// The looks of the catalogue's designs, by label. The colour shows the family (threads, processes,
/// loops, …), and dash and marker show the member.
const LOOKS: [(&str, Look); 18] = [
    ("iterative", look(BLUE, SOLID, Marker::Circle)),
    ("thread per", look(ORANGE, DASHED, Marker::Triangle)),
    ("process per", look(GREEN, DOTTED, Marker::Square)),
    ("preforked", look(GREEN, SOLID, Marker::Diamond)),
    ("preforked locked", look(GREEN, MIXED, Marker::Triangle)),
    ("passed descriptors", look(GREEN, DASHED, Marker::Circle)),
    ("prethreaded", look(ORANGE, SOLID, Marker::Square)),
    ("queued threads", look(ORANGE, DOTTED, Marker::Diamond)),
    ("work stealing", look(ORANGE, MIXED, Marker::Circle)),
    ("delayed allocation", look(GOLD, SOLID, Marker::Triangle)),
    ("session workers", look(GOLD, DASHED, Marker::Square)),
    ("sharded", look(GOLD, DOTTED, Marker::Circle)),
    ("poll loop", look(PURPLE, DOTTED, Marker::Circle)),
    ("event loop", look(PURPLE, SOLID, Marker::Triangle)),
    ("event loops", look(PURPLE, DASHED, Marker::Square)),
    ("event loop pool", look(PURPLE, MIXED, Marker::Diamond)),
    ("async tasks", look(BLACK, SOLID, Marker::Square)),
    ("uring loop", look(BLACK, DASHED, Marker::Diamond)),
];

const fn look(colour: Colour, dash: &'static [f64], marker: Marker) -> Look {
    Look { colour, dash, marker }
}

/// The look of a curve or a mark.
#[must_use]
pub fn of(whose: &Whose) -> Look {
    match whose {
        Whose::Subject(subject) => of_subject(subject),
        Whose::Theory => THEORY_LOOK,
    }
}

/// The name of a curve or a mark in the markup of figures.
#[must_use]
pub fn name(whose: &Whose) -> &str {
    match whose {
        Whose::Subject(subject) => &subject.name,
        Whose::Theory => "theory",
    }
}

/// The look of a subject. A subject outside the catalogue has its family's colour, with a dash that
/// no design of the catalogue has; which of them, and which marker, follows from its name, so that it
/// looks the same in every figure. Two of them may by chance look alike: one pair in twelve of the same
/// family does.
#[must_use]
pub fn of_subject(subject: &Subject) -> Look {
    // Labels name requests over UDP and connections over TCP.
    let label = subject.label.trim_end_matches(" request").trim_end_matches(" connection");
    let known = LOOKS.iter().find(|(of, _)| *of == label);
    known.map_or_else(|| of_a_stranger(subject), |(_, look)| *look)
}

/// The look of a subject outside the catalogue.
fn of_a_stranger(subject: &Subject) -> Look {
    const MARKERS: [Marker; 4] =
        [Marker::Diamond, Marker::Circle, Marker::Square, Marker::Triangle];
    let sum = subject.name.bytes().fold(0_usize, |sum, byte| sum * 31 % 4096 + usize::from(byte));
    let dash = STRANGERS_DASHES[sum / MARKERS.len() % STRANGERS_DASHES.len()];
    look(of_family(subject), dash, MARKERS[sum % MARKERS.len()])
}

fn of_family(subject: &Subject) -> Colour {
    match subject.unit {
        WorkUnit::Master => BLUE,
        WorkUnit::Thread => ORANGE,
        WorkUnit::Process => GREEN,
        WorkUnit::Loop => PURPLE,
        WorkUnit::Task => BLACK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_looks_are_alike() {
        for (at, (label, look)) in LOOKS.iter().enumerate() {
            assert!(LOOKS[..at].iter().all(|(_, other)| other != look), "{label}");
            let is_strange = STRANGERS_DASHES.contains(&look.dash);
            assert!(!is_strange, "{label} looks like an unknown one");
        }
    }
}
