//! Placing labels beside points so that none covers another or a point.
//!
//! Greedy in the order given: each label tries the places around its point, near ones first, and
//! takes the first that is free. One that finds none is dropped, because its point still has a tooltip and a row in the
//! table, or takes the nearest free place there is, with a line that leads to its point: as its chart says
//! ([`Room`]). Widths are estimated, for the viewer picks the font.

use super::super::theme::{Ink, Style, size};
use super::letters::RAISED;
pub(super) use super::letters::{fit, width};
use super::svg::{Area, At, Drawn, line, text, write};
use plotters::style::text_anchor::{HPos, VPos};
use std::collections::BTreeSet;

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

    /// Whether a line from one point to another runs through it, looked at every three units.
    fn is_crossed(&self, from: At, to: At) -> bool {
        let [left, top, right, bottom] = self.edges;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = dx.abs().max(dy.abs()).max(1);
        (0..=steps).step_by(3).any(|i| {
            let (x, y) = (from.0 + dx * i / steps, from.1 + dy * i / steps);
            left < x && x < right && top < y && y < bottom
        })
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
    /// Its colour, for the line that leads to it.
    pub(super) ink: Ink,
}

/// One label for points that lie on each other.
pub(super) struct Wish<'a> {
    at: At,
    mode: &'a str,
    levels: Vec<&'a str>,
    /// As its points.
    pub(super) silent: bool,
    broken: bool,
    ink: Ink,
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
    for Name { at, mode, level, silent, broken, ink } in names {
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
                wishes.push(Wish { at, mode, levels, silent, broken, ink, text });
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
        left.push(Wish { ink: Ink::AXIS, text, ..one });
    }
    left
}

/// Where a label may stand.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Room {
    /// Around its point, or it is dropped: points have tooltips and rows in a table.
    Near,
    /// Wherever room is left, if there is none around its point.
    Anywhere,
}

/// Writes the labels that find a place; a thin line leads to those that stand far off.
pub(super) fn label(
    area: &Area<'_>,
    wishes: &[&Wish<'_>],
    marks: &[Box],
    bounds: Box,
    room: Room,
) -> Drawn {
    let texts: Vec<(At, &str)> = wishes.iter().map(|w| (w.at, w.text.as_str())).collect();
    for placed in place(&texts, marks, bounds, room) {
        let wish = wishes[placed.index];
        let [left, top, _, bottom] = placed.cover.edges;
        let middle = (top + bottom) / 2;
        if let Some(leader) = leader(wish.at, &placed.cover).filter(|_| placed.far) {
            line(area, &leader, wish.ink.styled(Style::Plain), 2)?;
        }
        let ink = if wish.broken { Ink::BROKEN } else { Ink::TEXT };
        let style = text(ink.styled(Style::Halo), HPos::Left, VPos::Center);
        write(area, (left, middle), &wish.text, style)?;
    }
    Ok(())
}

/// From the rim of a point to the nearest place of its label; nothing where they touch.
fn leader(at: At, cover: &Box) -> Option<[At; 2]> {
    let [left, top, right, bottom] = cover.edges;
    let end = (at.0.clamp(left - 2, right + 2), at.1.clamp(top + 6, bottom - 6));
    let (dx, dy) = (f64::from(end.0 - at.0), f64::from(end.1 - at.1));
    let long = libm::sqrt(dx * dx + dy * dy);
    let rim = f64::from(size::MARK + 1);
    let start = |from: i32, d: f64| from + libm::round(d * rim / long) as i32;
    (long > rim + 2.0).then(|| [(start(at.0, dx), start(at.1, dy)), end])
}

/// What stands behind labels that only count, a letter a group as in a table's footnotes. One serves
/// all charts of a section, so that a letter means the same in each of them.
#[derive(Default)]
pub(in super::super) struct Counted {
    groups: Vec<Vec<String>>,
    /// Which of them labels have named since the last explanation.
    named: BTreeSet<usize>,
}

/// That of the `i`-th group; doubled once the alphabet is used up.
fn letter(i: usize) -> String {
    RAISED[i % RAISED.len()].to_string().repeat(1 + i / RAISED.len())
}

impl Counted {
    /// The letter of a group, the same for the same group.
    pub(super) fn letter<S: AsRef<str>>(&mut self, group: &[S]) -> String {
        let same = |known: &Vec<String>| known.iter().eq(group.iter().map(AsRef::as_ref));
        let at = self.groups.iter().position(same).unwrap_or_else(|| {
            self.groups.push(group.iter().map(|s| s.as_ref().to_owned()).collect());
            self.groups.len() - 1
        });
        self.named.insert(at);
        letter(at)
    }

    /// Up to three members by name, more of them as `8 levels ᵃ`.
    pub(super) fn listed(&mut self, levels: &[&str]) -> String {
        match levels.len() {
            0..=3 => levels.join(", "),
            n => format!("{n} levels {}", self.letter(levels)),
        }
    }

    /// `ᵃ session, eventual-any.`, a line for each group that was named since this was last asked.
    pub(super) fn words(&mut self) -> String {
        let group = |i: usize| {
            let members = &self.groups[i];
            // Some levels have a comma in their name.
            let comma = if members.iter().any(|m| m.contains(',')) { "; " } else { ", " };
            format!("{} {}.", letter(i), members.join(comma))
        };
        let named = std::mem::take(&mut self.named);
        named.into_iter().map(group).collect::<Vec<_>>().join("\n")
    }
}

/// Places `(point, text)` wishes within `bounds`, around `obstacles`.
pub(super) fn place(
    wishes: &[(At, &str)],
    obstacles: &[Box],
    bounds: Box,
    room: Room,
) -> Vec<Placed> {
    let mut taken: Vec<Box> = obstacles.to_vec();
    let mut placed = Vec::new();
    let mut left_over = Vec::new();
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
        let lifts = [(gap - 2, 14), (gap + 8, 26), (gap + 22, 44)];
        let far = lifts.into_iter().flat_map(|(gap, lift)| [(gap, -lift), (gap, lift)]);
        let tries = std::iter::once(((gap, 0), false)).chain(far.map(|n| (n, true)));
        let found = tries
            .flat_map(|((gap, lift), far)| around(gap, lift).map(|corner| (corner, far)))
            .map(|((left, top), far)| (Box { edges: [left, top, left + wide, top + high] }, far))
            .find(|(cover, _)| cover.within(&bounds) && !taken.iter().any(|t| t.meets(cover)));
        match found {
            Some((cover, far)) => {
                taken.push(cover);
                placed.push(Placed { index, cover, far });
            }
            None => left_over.push((index, (x, y), (wide, high))),
        }
    }
    // After the others, so that none of them loses its place beside its point.
    for (index, at, size) in left_over.into_iter().filter(|_| room == Room::Anywhere) {
        if let Some(cover) = nearest_free(at, size, &taken, bounds) {
            taken.push(cover);
            placed.push(Placed { index, cover, far: true });
        }
    }
    placed
}

/// Steps between the places that are tried everywhere.
const STEP: usize = 12;

/// What it costs a line to run through a label or a point, in units of its length.
const CROSSING: i64 = 60;

/// The free place nearest to a point, as far as the line that leads there crosses little.
fn nearest_free(at: At, (wide, high): (i32, i32), taken: &[Box], bounds: Box) -> Option<Box> {
    let [left, top, right, bottom] = bounds.edges;
    let rows = (top..=bottom - high).step_by(STEP);
    let all = rows.flat_map(|y| (left..=right - wide).step_by(STEP).map(move |x| (x, y)));
    let free = all
        .map(|(x, y)| Box { edges: [x, y, x + wide, y + high] })
        .filter(|cover| !taken.iter().any(|t| t.meets(cover)));
    free.min_by_key(|cover| {
        let Some([from, to]) = leader(at, cover) else { return 0 };
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let crossed = taken.iter().filter(|t| t.is_crossed(from, to)).count() as i64;
        libm::sqrt(dx * dx + dy * dy) as i64 + CROSSING * crossed
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_lone_label_stands_to_the_right_of_its_point() {
        let bounds = Box { edges: [0, 0, 700, 400] };
        let placed = place(&[((100, 100), "raft")], &[], bounds, Room::Near);
        assert_eq!(placed[0].cover.edges[0], 100 + size::MARK + 6);
        assert!(!placed[0].far);
        let at_the_edge = place(&[((690, 100), "raft")], &[], bounds, Room::Near);
        assert!(at_the_edge[0].cover.edges[2] < 690);
    }

    #[test]
    fn where_many_points_crowd_each_has_a_name_if_it_may_stand_anywhere() {
        let bounds = Box { edges: [0, 0, 700, 400] };
        let points: Vec<At> = (0..20).map(|i| (300 + 5 * (i % 5), 200 + 11 * (i / 5))).collect();
        let wishes: Vec<(At, &str)> = points.iter().map(|p| (*p, "raft linearizable")).collect();
        let marks: Vec<Box> = points.iter().map(|p| Box::around(*p, size::MARK)).collect();
        assert!(
            place(&wishes, &marks, bounds, Room::Near).len() < 20,
            "there is too little room nearby"
        );
        let placed = place(&wishes, &marks, bounds, Room::Anywhere);
        assert_eq!(placed.len(), 20);
        assert!(
            placed.iter().filter(|p| p.far).all(|p| leader(points[p.index], &p.cover).is_some())
        );
    }

    fn name<'a>(at: At, mode: &'a str, level: &'a str) -> Name<'a> {
        Name { at, mode, level, silent: false, broken: false, ink: Ink::AXIS }
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
        assert_eq!(counted.words(), "", "each letter is explained once");
        assert_eq!(counted.letter(&["R=1,W=2", "one"]), "ᵇ");
        assert_eq!(counted.words(), "ᵇ R=1,W=2; one.");
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
            anywhere: bool,
        ) {
            let bounds = Box { edges: [0, 0, 700, 400] };
            let wishes: Vec<(At, &str)> = points.iter().map(|p| (*p, "raft lease")).collect();
            let marks: Vec<Box> = points.iter().map(|p| Box::around(*p, size::MARK)).collect();
            let room = if anywhere { Room::Anywhere } else { Room::Near };
            let placed = place(&wishes, &marks, bounds, room);
            for (i, a) in placed.iter().enumerate() {
                prop_assert!(a.cover.within(&bounds));
                prop_assert!(marks.iter().all(|m| !m.meets(&a.cover)));
                prop_assert!(placed[..i].iter().all(|b| !b.cover.meets(&a.cover)));
            }
        }
    }
}
