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
        letter if LETTERS.contains(&letter) => 0.46,
        'A'..='Z' => 0.72,
        _ => 0.62,
    }
}

/// Cuts a name to a width, in its middle: long names often differ at their ends.
pub(super) fn fit(name: &str, room: i32) -> String {
    if width(name) <= room {
        return name.to_owned();
    }
    let whole = f64::from(room) / f64::from(size::TEXT) - advance('…');
    let within = |mut left: f64| {
        move |letter: &char| {
            left -= advance(*letter);
            left >= 0.0
        }
    };
    let head: String = name.chars().take_while(within(whole * 0.6)).collect();
    let mut tail: Vec<char> = name.chars().rev().take_while(within(whole * 0.4)).collect();
    tail.reverse();
    format!("{}…{}", head.trim_end(), tail.iter().collect::<String>().trim_start())
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

/// One label for points that lie on each other.
pub(super) struct Wish<'a> {
    at: At,
    mode: &'a str,
    levels: Vec<&'a str>,
    /// As its points.
    pub(super) silent: bool,
    broken: bool,
    text: String,
}

impl Wish<'_> {
    /// Whether one label can stand for both.
    fn lies_on(&self, at: At, silent: bool, broken: bool) -> bool {
        let (dx, dy) = ((self.at.0 - at.0).abs(), (self.at.1 - at.1).abs());
        self.silent == silent && self.broken == broken && dx < 24 && dy < 10
    }
}

/// From so many labels on, modes that lie on each other share one too.
const CROWD: usize = 9;

/// Merges what lies together: `raft session, eventual-any`, or `raft, 5 levels ᵃ` or `raft, all
/// levels` where that is wider than `room`; in a crowd also `4 modes ᵇ`. What is only counted is
/// remembered in `counted`, which explains the letters.
pub(super) fn wishes<'a>(
    names: impl IntoIterator<Item = Name<'a>>,
    room: i32,
    counted: &mut Counted,
) -> Vec<Wish<'a>> {
    let mut wishes: Vec<Wish<'a>> = Vec::new();
    let mut known: Vec<(&str, &str)> = Vec::new();
    for Name { at, mode, level, silent, broken } in names {
        if !known.contains(&(mode, level)) {
            known.push((mode, level));
        }
        match wishes.iter_mut().find(|w| w.mode == mode && w.lies_on(at, silent, broken)) {
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
    if wishes.iter().filter(|w| !w.silent).count() >= CROWD {
        wishes = crowded(wishes, counted);
    }
    for wish in wishes.iter_mut().filter(|w| w.text.is_empty()) {
        let all = known.iter().filter(|k| k.0 == wish.mode).count();
        wish.text = words(wish, room, all, counted);
    }
    wishes.retain(|w| !w.text.is_empty());
    // Those of lanes first, because they have the least room; then from top to bottom.
    wishes.sort_by_key(|w| (!w.silent, w.at.1, w.at.0));
    wishes
}

/// The mode and its levels, or how many of its `all` levels they are.
fn words(wish: &Wish<'_>, room: i32, all: usize, counted: &mut Counted) -> String {
    let levels = wish.levels.join(", ");
    let (mode, gap) = if wish.silent { ("", "") } else { (wish.mode, " ") };
    let text = format!("{mode}{gap}{levels}").trim_end().to_owned();
    if wish.levels.len() < 2 || width(&text) <= room {
        return text;
    }
    let comma = if wish.silent { "" } else { ", " };
    match wish.levels.len() {
        n if n == all => format!("{mode}{comma}all levels"),
        n => format!("{mode}{comma}{n} levels {}", counted.letter(&wish.levels)),
    }
}

/// One label for three modes and more that lie on each other.
fn crowded<'a>(wishes: Vec<Wish<'a>>, counted: &mut Counted) -> Vec<Wish<'a>> {
    let mut heaps: Vec<Vec<Wish<'a>>> = Vec::new();
    for wish in wishes {
        let near = |heap: &&mut Vec<Wish<'_>>| {
            !wish.silent && heap[0].lies_on(wish.at, wish.silent, wish.broken)
        };
        match heaps.iter_mut().find(near) {
            Some(heap) => heap.push(wish),
            None => heaps.push(vec![wish]),
        }
    }
    let mut left = Vec::new();
    for mut heap in heaps {
        if heap.len() < 3 {
            left.append(&mut heap);
            continue;
        }
        let whole = |w: &Wish<'_>| format!("{} {}", w.mode, w.levels.join(", "));
        let members: Vec<String> = heap.iter().map(|w| whole(w).trim_end().to_owned()).collect();
        let text = format!("{} modes {}", heap.len(), counted.letter(&members));
        let mut one = heap.swap_remove(0);
        one.at.0 = heap.iter().map(|w| w.at.0).fold(one.at.0, i32::max);
        left.push(Wish { text, ..one });
    }
    left
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

/// What stands behind labels that only count, a letter a group as in a table's footnotes.
#[derive(Default)]
pub(super) struct Counted(Vec<Vec<String>>);

/// Small raised letters, as far as Unicode has them.
const LETTERS: [char; 25] = [
    'ᵃ', 'ᵇ', 'ᶜ', 'ᵈ', 'ᵉ', 'ᶠ', 'ᵍ', 'ʰ', 'ⁱ', 'ʲ', 'ᵏ', 'ˡ', 'ᵐ', 'ⁿ', 'ᵒ', 'ᵖ', 'ʳ', 'ˢ', 'ᵗ',
    'ᵘ', 'ᵛ', 'ʷ', 'ˣ', 'ʸ', 'ᶻ',
];

/// That of the `i`-th group; doubled once the alphabet is used up.
fn letter(i: usize) -> String {
    LETTERS[i % LETTERS.len()].to_string().repeat(1 + i / LETTERS.len())
}

impl Counted {
    /// The letter of a group, the same for the same group.
    pub(super) fn letter<S: AsRef<str>>(&mut self, group: &[S]) -> String {
        let same = |known: &Vec<String>| known.iter().eq(group.iter().map(AsRef::as_ref));
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push(group.iter().map(|s| s.as_ref().to_owned()).collect());
            self.0.len() - 1
        });
        letter(at)
    }

    /// `ᵃ session, eventual-any.`, a line a group.
    pub(super) fn words(&self) -> String {
        let group = |(i, members): (usize, &Vec<String>)| {
            // Some levels have a comma in their name.
            let comma = if members.iter().any(|m| m.contains(',')) { "; " } else { ", " };
            format!("{} {}.", letter(i), members.join(comma))
        };
        self.0.iter().enumerate().map(group).collect::<Vec<_>>().join("\n")
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

    fn name<'a>(at: At, mode: &'a str, level: &'a str) -> Name<'a> {
        Name { at, mode, level, silent: false, broken: false }
    }

    #[test]
    fn points_that_lie_together_share_a_label_and_the_count_is_explained() {
        let raft = |level| name((100, 100), "raft", level);
        let mut counted = Counted::default();
        let found = wishes(["lease", "linearizable"].map(raft), 400, &mut counted);
        assert_eq!((found.len(), found[0].text.as_str()), (1, "raft lease, linearizable"));
        let three = || ["lease", "linearizable", "session"].map(raft);
        let tight = wishes(three(), 200, &mut counted);
        assert_eq!(tight[0].text, "raft, all levels");
        let apart = name((300, 100), "raft", "eventual-any");
        let tight = wishes(three().into_iter().chain([apart]), 200, &mut counted);
        assert_eq!(tight[0].text, "raft, 3 levels ᵃ");
        assert_eq!(counted.letter(&["R=1,W=2", "one"]), "ᵇ");
        assert_eq!(counted.letter(&["lease", "linearizable", "session"]), "ᵃ");
        assert_eq!(counted.words(), "ᵃ lease, linearizable, session.\nᵇ R=1,W=2; one.");
        let many: Vec<String> = (0..30).map(|i| counted.letter(&[i.to_string()])).collect();
        assert_eq!((many[22].as_str(), many[23].as_str()), ("ᶻ", "ᵃᵃ"));
    }

    #[test]
    fn in_a_crowd_modes_share_a_label_too() {
        let modes = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let at = |i: usize| if i < 3 { (100, 100) } else { (100, 100 + 40 * i as i32) };
        let names =
            |n: usize| (0..n).map(move |i| name(at(i), modes[i], "one")).collect::<Vec<_>>();
        let mut counted = Counted::default();
        assert_eq!(wishes(names(8), 400, &mut counted).len(), 8);
        let found = wishes(names(9), 400, &mut counted);
        assert_eq!((found.len(), found[0].text.as_str()), (7, "3 modes ᵃ"));
        assert_eq!(counted.words(), "ᵃ a one, b one, c one.");
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
