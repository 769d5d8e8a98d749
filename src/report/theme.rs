//! One palette and one set of marks for every chart and table of the report.
//!
//! plotters knows only RGB colours, and a page that follows the reader's light or dark setting
//! needs names instead. So every ink has a number, is drawn as the otherwise unused colour `rgb(1,
//! style, number)`, and `chart/svg.rs` turns that colour into the class `f-name` (fill) or `s-name`
//! (stroke), whose value is defined here once for light and once for dark. The mode colours keep at
//! least 3:1 contrast with their background; they were chosen for their distance under deuteranopia
//! and protanopia (Machado et al. 2009), and never carry a meaning alone.

use super::VerdictWord;
use plotters::style::{RGBAColor, ShapeStyle};
use std::fmt::Write;

/// Every ink: class name, value on a light page, value on a dark page.
const INKS: [(&str, &str, &str); 34] = [
    ("paper", "#ffffff", "#14171c"),
    ("ink", "#1b1f27", "#e8eaee"),
    ("soft", "#566070", "#a5aebc"),
    ("grid", "#e4e7ec", "#242a32"),
    ("axis", "#98a1ae", "#5a6575"),
    ("band", "#f3f5f8", "#1c2128"),
    ("holds", "#12704f", "#4fd1a1"),
    ("unknown", "#8a5a00", "#f0c05a"),
    ("broken", "#d01c1c", "#ff6b6b"),
    ("m0", "#2348e0", "#5486ff"),
    ("m1", "#d97706", "#e8973a"),
    ("m2", "#137a6d", "#3fd0a4"),
    ("m3", "#6b1f0a", "#a0674e"),
    ("m4", "#0c93f0", "#b5e6ff"),
    ("m5", "#a855c7", "#e39cf0"),
    ("m6", "#7d8799", "#8f9bb0"),
    ("m7", "#22304f", "#f5f0a8"),
    ("h0", "#edf3fb", "#1b2635"),
    ("h1", "#d3e3f5", "#1d344f"),
    ("h2", "#b0cdec", "#1f4469"),
    ("h3", "#86b1df", "#255a8a"),
    ("h4", "#4f86c6", "#3f7fb8"),
    ("h5", "#2c62a5", "#6fa9dc"),
    ("h6", "#173f78", "#a9d0f2"),
    ("ha", "#10243d", "#dcebfa"),
    ("hb", "#ffffff", "#0b1a2b"),
    ("lane", "#e9edf3", "#232a33"),
    ("bound", "#566070", "#a5aebc"),
    ("m8", "#c4117e", "#ff8ac8"),
    ("m9", "#5f7a00", "#b7d433"),
    ("m10", "#6b3df0", "#bca5ff"),
    ("m11", "#00708f", "#37c6dd"),
    ("m12", "#8c6d1f", "#cdb15c"),
    ("m13", "#b23b4e", "#ff9fa8"),
];

/// First of the eight mode colours in [`INKS`] that are furthest from each other.
const MODES: u8 = 9;
/// First of the six further ones, for scenarios with many modes.
const MORE_MODES: u8 = 28;
/// How many there are.
const MODE_INKS: usize = 14;
/// First of the seven heat steps in [`INKS`].
const HEAT: u8 = 17;

/// Sizes in the charts' coordinates, two units to a CSS pixel at the width of a telephone.
pub(super) mod size {
    /// Tick labels, axis titles, point labels.
    pub(crate) const TEXT: i32 = 24;
    /// Half the width of a point.
    pub(crate) const MARK: i32 = 9;
    /// Lines of data.
    pub(crate) const LINE: u32 = 4;
}

/// How a stroke or a text is drawn beside its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Solid.
    Plain = 0,
    /// Long dashes.
    Dashed = 1,
    /// Dots.
    Dotted = 2,
    /// Text with a rim in the colour of the page, readable over lines.
    Halo = 3,
}

/// The classes of [`Style`], in its order.
pub(super) const STYLES: [&str; 4] = ["", "dash", "dot", "halo"];

/// A colour by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ink {
    number: u8,
    style: Style,
}

impl Ink {
    /// The page.
    pub(super) const PAPER: Self = Self::new(0);
    /// Text.
    pub(super) const TEXT: Self = Self::new(1);
    /// Secondary text.
    pub(super) const SOFT: Self = Self::new(2);
    /// Grid lines.
    pub(super) const GRID: Self = Self::new(3);
    /// Axis lines.
    pub(super) const AXIS: Self = Self::new(4);
    /// Ground of a band that is set apart.
    pub(super) const BAND: Self = Self::new(5);
    /// A broken promise.
    pub(super) const BROKEN: Self = Self::new(8);
    /// Lines between lanes.
    pub(super) const LANE: Self = Self::new(26);
    /// Theory.
    pub(super) const BOUND: Self = Self::new(27);

    const fn new(number: u8) -> Self {
        Self { number, style: Style::Plain }
    }

    /// The colour of the `i`-th mode; from the fifteenth on they repeat, with dashed lines.
    pub(super) fn mode(i: usize) -> Self {
        let style = if i < MODE_INKS { Style::Plain } else { Style::Dashed };
        let number = match (i % MODE_INKS) as u8 {
            first @ 0..8 => MODES + first,
            further => MORE_MODES + further - 8,
        };
        Self { number, style }
    }

    /// A step of the heat scale, 0 (least) to 6, and the colour of text on it.
    pub(super) fn heat(step: usize) -> (Self, Self) {
        let step = step.min(6) as u8;
        (Self::new(HEAT + step), Self::new(if step < 4 { 24 } else { 25 }))
    }

    /// The same colour drawn otherwise.
    pub(super) const fn styled(self, style: Style) -> Self {
        Self { number: self.number, style }
    }

    /// The class name without its `f-` or `s-`.
    pub(super) fn name(self) -> &'static str {
        INKS[usize::from(self.number)].0
    }

    /// The ink a drawn colour stands for: class name and style class.
    pub(super) fn decode(red: u8, green: u8, blue: u8) -> Option<(&'static str, &'static str)> {
        let style = STYLES.get(usize::from(green))?;
        (red == 1).then(|| INKS.get(usize::from(blue))).flatten().map(|ink| (ink.0, *style))
    }

    /// As plotters wants it.
    pub(super) fn color(self) -> RGBAColor {
        RGBAColor(1, self.style as u8, self.number, 1.0)
    }

    /// A filled shape.
    pub(super) fn fill(self) -> ShapeStyle {
        ShapeStyle { color: self.color(), filled: true, stroke_width: 1 }
    }

    /// A filled shape that lets `alpha` of itself be seen.
    pub(super) fn wash(self, alpha: f64) -> ShapeStyle {
        let RGBAColor(r, g, b, _) = self.color();
        ShapeStyle { color: RGBAColor(r, g, b, alpha), filled: true, stroke_width: 1 }
    }

    /// An outline or a line.
    pub(super) fn stroke(self, width: u32) -> ShapeStyle {
        ShapeStyle { color: self.color(), filled: false, stroke_width: width }
    }
}

/// Custom properties and classes for a page: `var(--name)`, `.f-name`, `.s-name`.
pub(super) fn page_css() -> String {
    let mut css = String::from(":root{color-scheme:light dark");
    let mut dark = String::new();
    let mut classes = String::new();
    for (name, on_light, on_dark) in INKS {
        let _ = write!(css, ";--{name}:{on_light}");
        let _ = write!(dark, "--{name}:{on_dark};");
        let _ = write!(classes, ".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}");
    }
    let _ = write!(css, "}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}\n");
    css
}

/// The same for a picture that stands alone, in plain colours for viewers without custom
/// properties.
pub(super) fn picture_css() -> String {
    let mut css = String::from(".f-paper{fill:#fff}");
    let mut dark = String::new();
    for (name, on_light, on_dark) in INKS {
        let _ = write!(css, ".f-{name}{{fill:{on_light}}}.s-{name}{{stroke:{on_light}}}");
        let _ = write!(dark, ".f-{name}{{fill:{on_dark}}}.s-{name}{{stroke:{on_dark}}}");
    }
    let paper = INKS[0];
    let _ = write!(css, ".halo{{stroke:{}}}", paper.1);
    let _ = write!(dark, ".halo{{stroke:{}}}", paper.2);
    let _ = write!(css, "@media(prefers-color-scheme:dark){{{dark}}}");
    css.push_str(MARK_CSS);
    css
}

/// How the style classes draw, for pages and pictures.
pub(super) const MARK_CSS: &str = "\
polyline,path{fill:none}.s-grid,.s-axis{stroke-width:2}.c{text-anchor:middle}.e{text-anchor:end}\
.dash{stroke-dasharray:14 9}.dot{stroke-dasharray:3 8;stroke-linecap:round}\
.halo{paint-order:stroke;stroke-width:7;stroke-linejoin:round}\
.tip{stroke:#000;stroke-opacity:0;stroke-width:28;stroke-linecap:round;pointer-events:stroke}";

/// The form of a point: the promise it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// Linearizable.
    Square,
    /// Regular.
    Pentagon,
    /// Bounded staleness.
    Triangle,
    /// Sequential.
    Plus,
    /// Causal.
    Star,
    /// All session guarantees.
    Diamond,
    /// Read your writes.
    Down,
    /// Monotonic reads.
    Hexagon,
    /// Monotonic writes.
    Right,
    /// Writes follow reads.
    Left,
    /// Never oversold.
    House,
    /// Eventual, and whatever is not known here.
    Circle,
}

impl Shape {
    /// The mark for a promise as rows spell it.
    pub(super) fn of(promise: &str) -> Self {
        match promise {
            "linearizable" => Self::Square,
            "regular" => Self::Pentagon,
            "sequential" => Self::Plus,
            "causal" => Self::Star,
            "session" => Self::Diamond,
            "read-your-writes" => Self::Down,
            "monotonic-reads" => Self::Hexagon,
            "monotonic-writes" => Self::Right,
            "writes-follow-reads" => Self::Left,
            "never-oversold" => Self::House,
            p if p.starts_with("bounded") => Self::Triangle,
            _ => Self::Circle,
        }
    }

    /// Corners around the origin for half-width `r`; `None` for a circle.
    pub(super) fn corners(self, r: i32) -> Option<Vec<(i32, i32)>> {
        let wide = r + r / 5;
        Some(match self {
            Self::Square => vec![(-r, -r), (r, -r), (r, r), (-r, r)],
            Self::Triangle => vec![(0, -wide), (wide, r), (-wide, r)],
            Self::Diamond => vec![(0, -wide - 1), (wide + 1, 0), (0, wide + 1), (-wide - 1, 0)],
            Self::Down => vec![(0, wide), (wide, -r), (-wide, -r)],
            Self::Right => vec![(wide, 0), (-r, wide), (-r, -wide)],
            Self::Left => vec![(-wide, 0), (r, -wide), (r, wide)],
            Self::Hexagon => {
                let half = r / 2 + 1;
                vec![(-wide, 0), (-half, -r), (half, -r), (wide, 0), (half, r), (-half, r)]
            }
            Self::House => {
                vec![(0, -wide), (wide, -r / 4), (wide, r), (-wide, r), (-wide, -r / 4)]
            }
            Self::Pentagon => {
                let (side, foot) = (r * 3 / 5 + 1, r);
                vec![(0, -wide), (wide, -r / 4), (side, foot), (-side, foot), (-wide, -r / 4)]
            }
            Self::Plus => {
                let arm = r * 2 / 5;
                let quarter = [(arm, -wide), (arm, -arm), (wide, -arm)];
                turned(&quarter)
            }
            Self::Star => turned(&[(0, -wide - 2), (r * 2 / 5, -r * 2 / 5)]),
            Self::Circle => return None,
        })
    }
}

/// Corners of the first quarter, and the same turned by one, two and three right angles.
fn turned(quarter: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut corners = quarter.to_vec();
    for i in 0..3 * quarter.len() {
        let (x, y) = corners[i];
        corners.push((-y, x));
    }
    corners
}

/// The word, its sign and its class in pages and tables.
pub(super) fn verdict(word: VerdictWord) -> (&'static str, &'static str, &'static str) {
    match word {
        VerdictWord::Holds => ("holds", "✓", "holds"),
        VerdictWord::Unknown => ("undecided", "?", "unknown"),
        VerdictWord::Violated => ("broken", "✗", "broken"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee::EVERY;

    #[test]
    fn every_ink_survives_the_way_through_plotters() {
        for number in 0..INKS.len() as u8 {
            let RGBAColor(r, g, b, _) = Ink::new(number).styled(Style::Dashed).color();
            assert_eq!(Ink::decode(r, g, b), Some((INKS[usize::from(number)].0, "dash")));
        }
        assert_eq!(Ink::decode(255, 255, 255), None);
        assert_eq!(Ink::decode(1, 0, 200), None);
    }

    #[test]
    fn the_roles_name_the_inks_they_mean() {
        assert_eq!((Ink::BROKEN.name(), Ink::LANE.name()), ("broken", "lane"));
        assert_eq!((Ink::BOUND.name(), Ink::mode(0).name()), ("bound", "m0"));
        assert_eq!((Ink::mode(13).name(), Ink::mode(13).style), ("m13", Style::Plain));
        assert_eq!((Ink::mode(14).name(), Ink::mode(14).style), ("m0", Style::Dashed));
        assert_eq!(Ink::heat(6).0.name(), "h6");
        assert_eq!((Ink::heat(0).1.name(), Ink::heat(9).1.name()), ("ha", "hb"));
    }

    #[test]
    fn every_promise_has_a_mark_of_its_own() {
        let mut shapes = EVERY.map(|promise| Shape::of(&promise.to_string())).to_vec();
        shapes.sort();
        shapes.dedup();
        // Four bounds are one kind of promise.
        assert_eq!(shapes.len(), EVERY.len() - 3);
    }

    #[test]
    fn colours_stand_out_from_the_page() {
        let channel = |hex: &str, at: usize| {
            let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        };
        let luminance = |hex: &str| {
            0.2126 * channel(hex, 1) + 0.7152 * channel(hex, 3) + 0.0722 * channel(hex, 5)
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
            if a > b { a / b } else { b / a }
        };
        for (name, light, dark) in INKS {
            let least = match name {
                "ink" | "soft" | "holds" | "unknown" | "broken" => 4.5,
                m if m.starts_with('m') => 3.0,
                _ => continue,
            };
            assert!(contrast(light, INKS[0].1) >= least, "{name} on light");
            assert!(contrast(dark, INKS[0].2) >= least, "{name} on dark");
        }
        for step in 0..7 {
            let (ground, text) = Ink::heat(step);
            let (ground, text) = (INKS[usize::from(ground.number)], INKS[usize::from(text.number)]);
            assert!(contrast(ground.1, text.1) >= 3.4, "heat {step} on light");
            assert!(contrast(ground.2, text.2) >= 3.4, "heat {step} on dark");
        }
    }
}
