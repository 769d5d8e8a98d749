//! Placing labels beside points so that none covers another or a point.
//!
//! Greedy in the order given: each label tries the places around its point, near ones first, and
//! takes the first that is free; one that finds none is dropped, because its point still has a
//! tooltip and a row in the table. Widths are estimated, for the viewer picks the font.

use super::super::theme::size;
use super::svg::At;

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

/// About how wide a text is; 0.54 em is the mean advance of common sans-serif fonts.
pub(super) fn width(text: &str) -> i32 {
    let em = f64::from(size::TEXT);
    libm::ceil(text.chars().count() as f64 * em * 0.54) as i32
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
