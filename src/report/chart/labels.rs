//! Placing labels beside points so that none covers another or a point.
//!
//! Greedy in the order given: each label tries the places around its point, near ones first, and
//! takes the first that is free; one that finds none is dropped, because its point still has a
//! tooltip and a row in the table. Widths are estimated, for the viewer picks the font.

use super::super::theme::{Ink, Style, size};
use super::svg::{Area, At, Drawn, line, text, write};
use plotters::style::text_anchor::{HPos, VPos};

/// An upright box in units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Box {
    /// Left, top, right, bottom.
    pub(super) edges: [i32; 4],
}

impl Box {
    /// The square around a point.
    pub(super) fn around(at: At, r: i32) -> Self {
        Self { edges: [at.0 - r, at.1 - r, at.0 + r, at.1 + r] }
    }

    fn meets(&self, other: &Self) -> bool {
        let ([l, t, r, b], [x, y, z, w]) = (self.edges, other.edges);
        l < z && x < r && t < w && y < b
    }

    fn within(&self, other: &Self) -> bool {
        let ([l, t, r, b], [x, y, z, w]) = (self.edges, other.edges);
        l >= x && t >= y && r <= z && b <= w
    }
}

/// A label that found its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    /// Which of the wishes.
    pub(super) index: usize,
    /// What it covers; the text starts at its left edge, centred vertically.
    pub(super) cover: Box,
    /// Whether it lies so far off that a line should lead to its point.
    pub(super) far: bool,
}

/// About how wide a text is, in one of the wider common sans-serif fonts.
pub(super) fn width(text: &str) -> i32 {
    libm::ceil(text.chars().map(advance).sum::<f64>() * f64::from(size::TEXT)) as i32
}

/// How wide a letter is, in em: those of DejaVu Sans by classes.
fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' => 0.30,
        'f' | 'r' | 't' | ' ' | '-' | '/' | '(' | ')' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' | '…' => 0.96,
        '=' | '<' | '>' | '+' | '~' => 0.84,
        'A'..='Z' => 0.72,
        _ => 0.62,
    }
}

/// Cuts a name to a width, with an ellipsis.
pub(super) fn fit(name: &str, room: i32) -> String {
    if width(name) <= room {
        return name.to_owned();
    }
    let mut left = f64::from(room) / f64::from(size::TEXT) - advance('…');
    let fits = |letter: &char| {
        left -= advance(*letter);
        left >= 0.0
    };
    let kept: String = name.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

/// What a point would be called.
pub(super) struct Name<'a> {
    /// Where it is.
    pub(super) at: At,
    /// Its mode.
    pub(super) mode: &'a str,
    /// What tells it from other points of the mode; may be empty.
    pub(super) level: &'a str,
    /// Whether its mode is written elsewhere: in the margin of its lane.
    pub(super) silent: bool,
    /// Whether its promise is broken.
    pub(super) broken: bool,
}

/// One label for the points of a mode that lie on each other.
pub(super) struct Wish<'a> {
    at: At,
    mode: &'a str,
    levels: Vec<&'a str>,
    /// As its points.
    pub(super) silent: bool,
    broken: bool,
    text: String,
}

/// Merges what lies together: `raft session, eventual-any`, or `raft, 5 levels` or `raft, all levels`
/// where that is wider than `room`.
pub(super) fn wishes<'a>(names: impl IntoIterator<Item = Name<'a>>, room: i32) -> Vec<Wish<'a>> {
    let mut wishes: Vec<Wish<'a>> = Vec::new();
    let mut known: Vec<(&str, &str)> = Vec::new();
    for Name { at, mode, level, silent, broken } in names {
        if !known.contains(&(mode, level)) {
            known.push((mode, level));
        }
        let near = |w: &&mut Wish<'_>| {
            let (dx, dy) = ((w.at.0 - at.0).abs(), (w.at.1 - at.1).abs());
            w.silent == silent && w.mode == mode && w.broken == broken && dx < 24 && dy < 10
        };
        match wishes.iter_mut().find(near) {
            Some(wish) if level.is_empty() || wish.levels.contains(&level) => {}
            Some(wish) => {
                wish.levels.push(level);
                wish.at.0 = wish.at.0.max(at.0);
            }
            None => {
                let (levels, text) = (vec![level], String::new());
                wishes.push(Wish { at, mode, levels, silent, broken, text });
            }
        }
    }
    for wish in &mut wishes {
        let all = wish.levels.join(", ");
        let (mode, gap) = if wish.silent { ("", "") } else { (wish.mode, " ") };
        wish.text = format!("{mode}{gap}{all}").trim_end().to_owned();
        if wish.levels.len() > 1 && width(&wish.text) > room {
            let comma = if wish.silent { "" } else { ", " };
            let all = known.iter().filter(|k| k.0 == wish.mode).count();
            wish.text = match wish.levels.len() {
                n if n == all => format!("{mode}{comma}all levels"),
                n => format!("{mode}{comma}{n} levels"),
            };
        }
    }
    wishes.retain(|w| !w.text.is_empty());
    // Those of lanes first, because they have the least room; then from top to bottom.
    wishes.sort_by_key(|w| (!w.silent, w.at.1, w.at.0));
    wishes
}

/// Writes the labels that find a place; a thin line leads to those that stand far off.
pub(super) fn label(area: &Area<'_>, wishes: &[&Wish<'_>], marks: &[Box], bounds: Box) -> Drawn {
    let texts: Vec<(At, &str)> = wishes.iter().map(|w| (w.at, w.text.as_str())).collect();
    for placed in place(&texts, marks, bounds) {
        let wish = wishes[placed.index];
        let [left, top, right, bottom] = placed.cover.edges;
        let middle = (top + bottom) / 2;
        if placed.far {
            let end = if left > wish.at.0 { left - 2 } else { right.min(wish.at.0) };
            line(area, &[wish.at, (end, middle)], Ink::AXIS, 1)?;
        }
        let ink = if wish.broken { Ink::BROKEN } else { Ink::TEXT };
        let style = text(ink.styled(Style::Halo), HPos::Left, VPos::Center);
        write(area, (left, middle), &wish.text, style)?;
    }
    Ok(())
}

/// Groups of a mode's levels that some label only counts, each with its mode.
#[derive(Default)]
pub(super) struct Counted<'a>(Vec<(Vec<&'a str>, Vec<&'a str>)>);

impl<'a> Counted<'a> {
    /// Remembers those of `wishes` that only count.
    pub(super) fn add(&mut self, wishes: &[Wish<'a>]) {
        let counts = |w: &&Wish<'_>| w.text.ends_with(" levels") && !w.text.ends_with("all levels");
        for wish in wishes.iter().filter(counts) {
            self.group(wish.mode, wish.levels.clone());
        }
    }

    /// Remembers one group.
    pub(super) fn group(&mut self, mode: &'a str, levels: Vec<&'a str>) {
        match self.0.iter_mut().find(|known| known.0 == levels) {
            Some((_, modes)) if modes.contains(&mode) => {}
            Some((_, modes)) => modes.push(mode),
            None => self.0.push((levels, vec![mode])),
        }
    }

    /// `5 levels: session, ... .`, with the modes where a number stands for two things.
    pub(super) fn words(&self) -> String {
        let same = |n: usize| self.0.iter().filter(|g| g.0.len() == n).count();
        let group = |(levels, modes): &(Vec<&str>, Vec<&str>)| {
            let of = if same(levels.len()) > 1 {
                format!(" of {}", modes.join(", "))
            } else {
                String::new()
            };
            format!("{} levels{of}: {}.", levels.len(), levels.join(", "))
        };
        self.0.iter().map(group).collect::<Vec<_>>().join(" ")
    }
}

/// Places `(point, text)` wishes within `bounds`, around `obstacles`.
pub(super) fn place(wishes: &[(At, &str)], obstacles: &[Box], bounds: Box) -> Vec<Placed> {
    let mut taken: Vec<Box> = obstacles.to_vec();
    let mut placed = Vec::new();
    for (index, ((x, y), text)) in wishes.iter().copied().enumerate() {
        let (wide, high, gap) = (width(text), size::TEXT, size::MARK + 6);
        let around = |gap: i32, lift: i32| {
            [
                (x + gap, y - high / 2 + lift),
                (x - gap - wide, y - high / 2 + lift),
                (x - wide / 2, y - gap - high + 2 - lift.abs()),
                (x - wide / 2, y + gap - 2 + lift.abs()),
            ]
        };
        let near = [(gap, 0), (gap - 2, -14), (gap - 2, 14)];
        let far = [(gap + 8, -26), (gap + 8, 26), (gap + 22, -44), (gap + 22, 44)];
        let tries = near.map(|n| (n, false)).into_iter().chain(far.map(|n| (n, true)));
        let found = tries
            .flat_map(|((gap, lift), far)| around(gap, lift).map(|corner| (corner, far)))
            .map(|((left, top), far)| (Box { edges: [left, top, left + wide, top + high] }, far))
            .find(|(cover, _)| cover.within(&bounds) && !taken.iter().any(|t| t.meets(cover)));
        if let Some((cover, far)) = found {
            taken.push(cover);
            placed.push(Placed { index, cover, far });
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_lone_label_stands_to_the_right_of_its_point() {
        let bounds = Box { edges: [0, 0, 700, 400] };
        let placed = place(&[((100, 100), "raft")], &[], bounds);
        assert_eq!(placed[0].cover.edges[0], 100 + size::MARK + 6);
        assert!(!placed[0].far);
        let at_the_edge = place(&[((690, 100), "raft")], &[], bounds);
        assert!(at_the_edge[0].cover.edges[2] < 690);
    }

    #[test]
    fn points_that_lie_together_share_a_label_and_the_count_is_explained() {
        let name =
            |level| Name { at: (100, 100), mode: "raft", level, silent: false, broken: false };
        let found = wishes(["lease", "linearizable"].map(name), 400);
        assert_eq!((found.len(), found[0].text.as_str()), (1, "raft lease, linearizable"));
        let tight = wishes(["lease", "linearizable", "session"].map(name), 200);
        assert_eq!(tight[0].text, "raft, all levels");
        let apart = Name { at: (300, 100), ..name("eventual-any") };
        let three = ["lease", "linearizable", "session"].map(name);
        let tight = wishes(three.into_iter().chain([apart]), 200);
        assert_eq!(tight[0].text, "raft, 3 levels");
        let mut counted = Counted::default();
        counted.add(&tight);
        assert_eq!(counted.words(), "3 levels: lease, linearizable, session.");
    }

    proptest! {
        #[test]
        fn labels_never_overlap(
            points in proptest::collection::vec((0..700_i32, 0..400_i32), 0..40),
        ) {
            let bounds = Box { edges: [0, 0, 700, 400] };
            let wishes: Vec<(At, &str)> = points.iter().map(|p| (*p, "raft lease")).collect();
            let marks: Vec<Box> = points.iter().map(|p| Box::around(*p, size::MARK)).collect();
            let placed = place(&wishes, &marks, bounds);
            for (i, a) in placed.iter().enumerate() {
                prop_assert!(a.cover.within(&bounds));
                prop_assert!(marks.iter().all(|m| !m.meets(&a.cover)));
                prop_assert!(placed[..i].iter().all(|b| !b.cover.meets(&a.cover)));
            }
        }
    }
}
