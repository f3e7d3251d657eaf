//! The look of each design: the same colour, dash and marker in every figure.

use analysis::figure::{Figure, Whose};
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

/// The looks of the subjects of one figure. Each has the look that it has everywhere, unless a
/// subject outside the catalogue would look like another one of the figure.
pub struct Looks(Vec<(String, Look)>);

impl Looks {
    /// The looks of all subjects of a figure.
    #[must_use]
    pub fn of_figure(figure: &Figure) -> Self {
        let mut looks: Vec<(String, Look)> = Vec::new();
        let series = figure.panels.iter().flat_map(|panel| &panel.series);
        for subject in series.filter_map(|series| subject_of(&series.whose)) {
            let is_it = |(name, _): &(String, Look)| *name == subject.name;
            if !looks.iter().any(is_it) {
                let is_free = |look: &Look| looks.iter().all(|(_, other)| other != look);
                let look = candidates(subject).find(is_free);
                let look = look.unwrap_or_else(|| of_subject(subject));
                looks.push((subject.name.clone(), look));
            }
        }
        Self(looks)
    }

    /// The look of a curve or a mark.
    #[must_use]
    pub fn of(&self, whose: &Whose) -> Look {
        match whose {
            Whose::Subject(subject) => self.of_subject(subject),
            Whose::Model(subject) => {
                Look { colour: self.of_subject(subject).colour, ..THEORY_LOOK }
            }
            Whose::Theory => THEORY_LOOK,
        }
    }

    /// The look of a subject.
    #[must_use]
    pub fn of_subject(&self, subject: &Subject) -> Look {
        let found = self.0.iter().find(|(name, _)| *name == subject.name);
        found.map_or_else(|| of_subject(subject), |(_, look)| *look)
    }
}

fn subject_of(whose: &Whose) -> Option<&Subject> {
    match whose {
        Whose::Subject(subject) | Whose::Model(subject) => Some(subject),
        Whose::Theory => None,
    }
}

/// The name of a curve or a mark in the markup of figures.
#[must_use]
pub fn name(whose: &Whose) -> &str {
    match whose {
        Whose::Subject(subject) | Whose::Model(subject) => &subject.name,
        Whose::Theory => "theory",
    }
}

/// The look of a subject. A subject outside the catalogue has its family's colour, with a dash that
/// no design of the catalogue has; which of them, and which marker, follows from its name, so that it
/// looks the same in every figure; only where it would look like another one there ([`Looks`]), it gets the
/// next free look.
#[must_use]
pub fn of_subject(subject: &Subject) -> Look {
    of_the_catalogue(subject).unwrap_or_else(|| of_a_stranger(subject, 0))
}

/// The look of a design of the catalogue, by the label that figures give it.
#[must_use]
pub fn of_design(label: &str) -> Look {
    of_label(label).unwrap_or(THEORY_LOOK)
}

fn of_the_catalogue(subject: &Subject) -> Option<Look> {
    of_label(&subject.label)
}

fn of_label(label: &str) -> Option<Look> {
    let label = label.trim_end_matches(" request").trim_end_matches(" connection");
    // Labels name requests over UDP and connections over TCP.
    LOOKS.iter().find(|(of, _)| *of == label).map(|(_, look)| *look)
}

/// The looks that a subject may have in a figure, the usual one first.
fn candidates(subject: &Subject) -> impl Iterator<Item = Look> {
    let usual = of_subject(subject);
    // A design of the catalogue looks the same over UDP and over TCP, and keeps its look.
    let steps = if of_the_catalogue(subject).is_some() { 1 } else { STRANGERS_DASHES.len() * 4 };
    let others = (1..steps).map(|step| of_a_stranger(subject, step));
    std::iter::once(usual).chain(others)
}

/// The look of a subject outside the catalogue, so many steps behind its usual one.
fn of_a_stranger(subject: &Subject, step: usize) -> Look {
    const MARKERS: [Marker; 4] =
        [Marker::Diamond, Marker::Circle, Marker::Square, Marker::Triangle];
    let sum = subject.name.bytes().fold(0_usize, |sum, byte| sum * 31 % 4096 + usize::from(byte));
    let sum = sum + step;
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
    use analysis::figure::{Panel, Quantity, Scale, Series};

    use super::*;

    /// The figure of a bench with so many subjects of one family that no design here is.
    fn figure_of(count: usize) -> Figure {
        let scale = || Scale { label: String::new(), quantity: Quantity::Time };
        let series = |number: usize| Series {
            label: String::new(),
            whose: Whose::Subject(Subject {
                name: format!("server-{number}"),
                label: format!("server {number}"),
                phrase: String::new(),
                transport: protocol::Transport::Tcp,
                concurrency: results::Concurrency::Concurrent,
                allocation: results::Allocation::Preallocated,
                unit: WorkUnit::Process,
            }),
            is_marked: true,
            points: Vec::new(),
        };
        let panel = Panel {
            title: String::new(),
            x: scale(),
            y: scale(),
            series: (0..count).map(series).collect(),
            marks: Vec::new(),
            tiles: Vec::new(),
        };
        let text = String::new;
        Figure { name: text(), question: text(), caption: text(), panels: vec![panel] }
    }

    #[test]
    fn no_two_servers_of_a_figure_look_alike() {
        let figure = figure_of(12);
        let looks = Looks::of_figure(&figure);
        let all: Vec<Look> =
            figure.panels[0].series.iter().map(|series| looks.of(&series.whose)).collect();
        for (at, look) in all.iter().enumerate() {
            assert!(!all[..at].contains(look), "{at}");
        }
        let first = subject_of(&figure.panels[0].series[0].whose).expect("a subject");
        assert_eq!(all[0], of_subject(first), "the first keeps its usual look");
        // A design has one look over both transports, and nobody takes it.
        let mut both = figure_of(12);
        for (number, series) in both.panels[0].series.iter_mut().take(2).enumerate() {
            let Whose::Subject(subject) = &mut series.whose else { continue };
            (subject.label, subject.unit) = ("iterative".to_owned(), WorkUnit::Master);
            subject.name = format!("iterative-{number}");
        }
        let looks = Looks::of_figure(&both);
        let of = |number: usize| looks.of(&both.panels[0].series[number].whose);
        assert_eq!(of(0), of(1));
        assert!((2..12).all(|number| of(number) != of(0)));
    }

    #[test]
    fn no_two_looks_are_alike() {
        for (at, (label, look)) in LOOKS.iter().enumerate() {
            assert!(LOOKS[..at].iter().all(|(_, other)| other != look), "{label}");
            let is_strange = STRANGERS_DASHES.contains(&look.dash);
            assert!(!is_strange, "{label} looks like an unknown one");
        }
    }
}
