//! How large a figure is: its width on a page, the lines of its title and of its legend.

use analysis::figure::{Figure, Panel, Quantity, Series, Whose};

/// The page width for which a figure is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Panels side by side.
    Wide,
    /// Panels one above the other, for a telephone.
    Narrow,
}

const WIDE: u32 = 980;
const NARROW: u32 = 370;
const PANEL_HEIGHT: i32 = 390;
pub(super) const LEGEND_LINE: i32 = 21;

/// Points to the left and to the right of the data.
pub(super) const LEFT: f64 = 78.0;
pub(super) const RIGHT: f64 = 16.0;

/// The least width, in points, of a name below its point; longer names are broken into lines.
const ROOM_FOR_A_NAME: f64 = 62.0;
pub(super) const TITLE_LINE: i32 = 26;
pub(super) const TITLE_MARGIN: i32 = 10;

/// The most letters of the title that fit on a line of a wide figure.
const TITLE_LETTERS: usize = 108;

/// Whether a figure has its title in the picture, so that it can be shown alone. On a page the title
/// is a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Title<'a> {
    /// It has, and below it where and when it was made, if that is not empty.
    Inside(&'a str),
    /// It has not.
    Outside,
}

/// The height of the line below the title.
pub(super) const MADE_LINE: i32 = 20;

impl<'a> Title<'a> {
    /// Where and when the figure was made; empty if that is not told.
    pub(super) fn made(self) -> &'a str {
        match self {
            Self::Inside(made) => made,
            Self::Outside => "",
        }
    }

    /// The lines of the title.
    pub(super) fn lines(self, figure: &Figure) -> Vec<String> {
        let words = match self {
            Self::Inside(_) => figure.question.split_whitespace(),
            Self::Outside => "".split_whitespace(),
        };
        let mut lines: Vec<String> = Vec::new();
        for word in words {
            match lines.last_mut() {
                Some(line) if line.chars().count() + word.chars().count() < TITLE_LETTERS => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// The height of the title in points.
    pub(super) fn height(self, figure: &Figure) -> i32 {
        let made = if self.made().is_empty() { 0 } else { MADE_LINE };
        match self.lines(figure).len() as i32 {
            0 => made,
            lines => lines * TITLE_LINE + TITLE_MARGIN + made,
        }
    }
}

/// Width and height of a figure in points.
pub(super) fn size_of(figure: &Figure, width: Width, title: Title<'_>) -> (u32, u32) {
    let (width, height) = size_of_panels(figure, width);
    (width, height + title.height(figure) as u32)
}

pub(super) fn size_of_panels(figure: &Figure, width: Width) -> (u32, u32) {
    let panels = figure.panels.len().max(1) as i32;
    let height = PANEL_HEIGHT + LEGEND_LINE * legend_lines(figure, width);
    match width {
        Width::Wide => (WIDE, height as u32),
        Width::Narrow => (NARROW, (height * panels) as u32),
    }
}

/// Whether points have their names below them instead of a legend: where there is no axis, and room
/// for the names. In grey and from afar a marker alone would not tell them apart.
pub(super) fn has_names_below(figure: &Figure, width: Width) -> bool {
    let panels = figure.panels.len().max(1) as f64;
    let whole = match width {
        Width::Wide => f64::from(WIDE) / panels,
        Width::Narrow => f64::from(NARROW),
    };
    !figure.panels.is_empty()
        && figure.panels.iter().all(|panel| {
            let has_no_axis =
                matches!(&panel.x.quantity, Quantity::Categories(names) if names.len() <= 1);
            let each = (whole - LEFT - RIGHT) / panel.series.len().max(1) as f64;
            has_no_axis && panel.tiles.is_empty() && each >= ROOM_FOR_A_NAME
        })
}

pub(super) fn legend_lines(figure: &Figure, width: Width) -> i32 {
    if has_names_below(figure, width) {
        return 0;
    }
    let most = figure.panels.iter().map(|panel| in_legend(panel).count()).max().unwrap_or(0);
    most.div_ceil(legend_columns(figure, width)) as i32
}

/// The series that the legend names: a model has the colour of its subject, which the caption says.
pub(super) fn in_legend(panel: &Panel) -> impl Iterator<Item = &Series> {
    let is_named =
        |series: &&Series| !matches!(series.whose, Whose::Model(_)) || !panel.tiles.is_empty();
    panel.series.iter().filter(is_named)
}

/// How many entries of the legend stand side by side in a panel. A few stand one below the other.
pub(super) fn legend_columns(figure: &Figure, width: Width) -> usize {
    const FEW: usize = 4;
    const LONG: usize = 30;
    let series = || figure.panels.iter().flat_map(in_legend);
    let has_long = series().any(|series| series.label.chars().count() > LONG);
    match (width, figure.panels.len()) {
        (Width::Wide, 1) if series().count() > FEW => {
            if has_long {
                2
            } else {
                3
            }
        }
        _ => 1,
    }
}
