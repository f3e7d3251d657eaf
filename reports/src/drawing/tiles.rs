//! The tiles of a map, and the lines across them.

use analysis::figure::{Series, Tile};

use super::layout::{Canvas, Frame};
use super::surface::{Anchor, Fill, Group, Place, Side, Stroke, Surface, Words};
use crate::style::{self, GRID, INK, WHITE};

/// Points between the markers of servers that are equally good.
const BESIDE: f64 = 15.0;
/// The least width of a tile, in points, with the name of its best server in it.
const ROOM_FOR_A_NAME: f64 = 92.0;
/// The factor from which on a tile is coloured fully.
const FULL: f64 = 5.0;

/// A factor with few digits, but enough to tell one near 1 from 1.
pub(crate) fn digits(value: f64) -> String {
    match value {
        9.95.. => format!("{value:.0}"),
        1.995.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl<S: Surface> Canvas<'_, S> {
    /// Draws all tiles of the panel.
    pub(super) fn draw_tiles(&mut self, frame: Frame) {
        for tile in &self.panel.tiles {
            let best: Vec<&str> = tile.best.iter().map(|it| it.name.as_str()).collect();
            let group = Group::new("tile").with("series", best.join(" "));
            self.surface.begin(&group.with("x", tile.values.0).with("y", tile.values.1));
            let Corners { left, right, bottom, top } = self.corners(frame, tile);
            let corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
                .map(|it| self.moved(it));
            let edge = self.line(GRID, 1.0);
            self.surface.polygon(&corners, fill_of(tile), &edge);
            self.surface.end();
        }
    }

    /// Writes what the tiles say, above the lines across them.
    pub(super) fn draw_words_of_tiles(&mut self, frame: Frame) {
        for tile in &self.panel.tiles {
            self.surface.begin(&Group::new("tile-words"));
            self.draw_words(frame, tile);
            self.surface.end();
        }
    }

    fn corners(&self, frame: Frame, tile: &Tile) -> Corners {
        let (column, row) = (tile.at.0 as f64, tile.at.1 as f64);
        Corners {
            left: self.x.place(column - 0.5, frame.left, frame.right),
            right: self.x.place(column + 0.5, frame.left, frame.right),
            bottom: self.y.place(row - 0.5, frame.bottom, frame.top),
            top: self.y.place(row + 0.5, frame.bottom, frame.top),
        }
    }

    fn draw_words(&mut self, frame: Frame, tile: &Tile) {
        let Corners { left, right, bottom, top } = self.corners(frame, tile);
        let middle = ((left + right) / 2, (top + bottom) / 2);
        if !tile.is_decided {
            let words = Words::plain(20.0, Anchor(Side::Middle, Side::Middle));
            return self.write("?", middle, words);
        }
        let room = f64::from(right - left) / self.scale;
        let is_named = tile.best.len() == 1 && room >= ROOM_FOR_A_NAME;
        let up = if tile.factor.is_some() { self.px(11.0) } else { 0 };
        let fits = ((room / BESIDE) as usize).max(1);
        let shown = tile.best.len().min(fits);
        for (number, subject) in tile.best.iter().take(shown).enumerate() {
            let aside = self.px((number as f64 - (shown as f64 - 1.0) / 2.0) * BESIDE);
            let look = self.looks.of_subject(subject);
            self.marker((middle.0 + aside, middle.1 - up), look, false);
        }
        if let Some((factor, ..)) = tile.factor {
            let below = (middle.0, middle.1 + self.px(10.0));
            let words = Words::bold(14.5, INK, Anchor(Side::Middle, Side::Middle));
            self.write(&format!("{}×", digits(factor)), below, words);
        }
        if let Some(subject) = tile.best.first().filter(|_| is_named) {
            let at = (middle.0, middle.1 + self.px(18.0));
            self.write_below(&subject.label, at, right - left);
        }
    }

    /// Draws a line across the tiles; it has a white edge, so that it is seen on every tile.
    pub(super) fn draw_across(&mut self, series: &Series, places: &[Place]) {
        let edge = Stroke { opacity: 0.85, ..self.line(WHITE, 6.0) };
        self.path(places, &edge);
        self.dashed(places, self.looks.of(&series.whose));
    }
}

/// Where a tile lies in its panel.
struct Corners {
    left: i32,
    right: i32,
    bottom: i32,
    top: i32,
}

/// The colour of a tile: that of its only best server, the fuller the better it is; of several, grey.
fn fill_of(tile: &Tile) -> Fill {
    match (&tile.best[..], tile.is_decided) {
        (_, false) => Fill { colour: WHITE, opacity: 1.0 },
        ([only], true) => {
            let factor = tile.factor.map_or(FULL, |(factor, ..)| factor.max(1.0));
            let share = (factor.ln() / FULL.ln()).min(1.0);
            let colour = style::of_subject(only).colour;
            Fill { colour, opacity: 0.12 + 0.38 * share }
        }
        _ => Fill { colour: GRID, opacity: 0.6 },
    }
}
