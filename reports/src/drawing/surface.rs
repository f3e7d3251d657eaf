//! The surface on which a figure is drawn.

use crate::style::{Colour, INK};

/// A position in pixels, from the left and from the top.
pub(super) type Place = (i32, i32);

/// A picture that is being drawn. Its groups name the parts of a figure, in formats that have
/// names.
pub(super) trait Surface {
    /// Starts a group; what follows belongs to it until its end.
    fn begin(&mut self, group: &Group);

    /// Ends the group that was started last.
    fn end(&mut self);

    /// Draws a line through points.
    fn path(&mut self, points: &[Place], stroke: &Stroke);

    /// Draws a closed shape.
    fn polygon(&mut self, points: &[Place], inside: Fill, outline: &Stroke);

    /// Draws a circle.
    fn circle(&mut self, centre: Place, radius: i32, inside: Fill, outline: &Stroke);

    /// Draws a rectangle without an outline, by two corners.
    fn rectangle(&mut self, corners: [Place; 2], inside: Fill);

    /// Draws one line of text, which must not be empty.
    fn text(&mut self, text: &str, at: Place, words: &Words);
}

/// A part of a figure, with its class and its data.
pub(super) struct Group {
    /// The class: one or several names.
    pub(super) class: &'static str,
    /// Names and values.
    pub(super) data: Vec<(&'static str, String)>,
}

impl Group {
    /// A group without data.
    pub(super) fn new(class: &'static str) -> Self {
        Self { class, data: Vec::new() }
    }

    /// Adds a value to the group.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.data.push((name, value.to_string()));
        self
    }
}

/// The look of a line.
#[derive(Clone, Debug)]
pub(super) struct Stroke {
    pub(super) colour: Colour,
    /// In pixels.
    pub(super) width: i32,
    /// 0 to 1.
    pub(super) opacity: f64,
    /// Lengths of dashes and gaps in pixels; empty for a solid line. The pattern continues around
    /// corners.
    pub(super) dash: Vec<f64>,
}

/// What fills a shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub(super) colour: Colour,
    /// 0 to 1.
    pub(super) opacity: f64,
}

/// How a text looks, and which of its points is at its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// In pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: Colour,
    pub(super) anchor: Anchor,
    /// Rotated to read from below.
    pub(super) upwards: bool,
}

impl Words {
    /// Plain text in the ink colour.
    pub(super) fn plain(size: f64, anchor: Anchor) -> Self {
        Self { size, bold: false, colour: INK, anchor, upwards: false }
    }

    /// Bold text in a colour.
    pub(super) fn bold(size: f64, colour: Colour, anchor: Anchor) -> Self {
        Self { bold: true, colour, ..Self::plain(size, anchor) }
    }
}

/// The point of a text that is at its position, across and down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor(pub(super) Side, pub(super) Side);

impl Anchor {
    pub(super) const LEFT_TOP: Self = Self(Side::Start, Side::Start);
    pub(super) const CENTRE_TOP: Self = Self(Side::Middle, Side::Start);
}

/// A point along one direction: the beginning (left, top), the middle, or the end (right, bottom).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Start,
    Middle,
    End,
}
