//! What a figure is drawn on.

use crate::style::{Colour, INK};

/// A place in pixels, from the left and from the top.
pub(super) type Place = (i32, i32);

/// A picture under way. It has groups, so that parts of a figure can be found again where the format
/// has names for them.
pub(super) trait Surface {
    /// What follows belongs to a group, until its end.
    fn begin(&mut self, group: &Group);

    /// The group that was begun last ends.
    fn end(&mut self);

    /// A line through points.
    fn path(&mut self, points: &[Place], stroke: &Stroke);

    /// A closed shape.
    fn polygon(&mut self, points: &[Place], inside: Fill, outline: &Stroke);

    /// A circle.
    fn circle(&mut self, centre: Place, radius: i32, inside: Fill, outline: &Stroke);

    /// A rectangle without an outline, by two corners.
    fn rectangle(&mut self, corners: [Place; 2], inside: Fill);

    /// One line of text, not empty.
    fn text(&mut self, text: &str, at: Place, words: &Words);
}

/// A part of a figure, by its class and the data behind it.
pub(super) struct Group {
    /// What it is: one or several names.
    pub(super) class: &'static str,
    /// Names and values.
    pub(super) data: Vec<(&'static str, String)>,
}

impl Group {
    /// A group without data.
    pub(super) fn new(class: &'static str) -> Self {
        Self { class, data: Vec::new() }
    }

    /// The same with a value.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.data.push((name, value.to_string()));
        self
    }
}

/// A line's look.
#[derive(Clone, Debug)]
pub(super) struct Stroke {
    pub(super) colour: Colour,
    /// In pixels.
    pub(super) width: i32,
    /// 0 to 1.
    pub(super) opacity: f64,
    /// Lengths of dashes and gaps in pixels; empty for a solid line. The pattern runs on around
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

/// How a text looks and which of its points stands at its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// In pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: Colour,
    pub(super) anchor: Anchor,
    /// Turned to read from below.
    pub(super) upwards: bool,
}

impl Words {
    /// Plain words in ink.
    pub(super) fn plain(size: f64, anchor: Anchor) -> Self {
        Self { size, bold: false, colour: INK, anchor, upwards: false }
    }

    /// Bold ones in a colour.
    pub(super) fn bold(size: f64, colour: Colour, anchor: Anchor) -> Self {
        Self { bold: true, colour, ..Self::plain(size, anchor) }
    }
}

/// Where the place of a text lies within it, across and down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor(pub(super) Side, pub(super) Side);

impl Anchor {
    pub(super) const LEFT_TOP: Self = Self(Side::Start, Side::Start);
    pub(super) const CENTRE_TOP: Self = Self(Side::Middle, Side::Start);
}

/// Along one direction: at the beginning (left, top), in the middle, at the end (right, bottom).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Start,
    Middle,
    End,
}
