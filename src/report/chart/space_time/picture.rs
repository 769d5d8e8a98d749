//! The diagram as a picture: bars on lanes, with grid lines at every instant.

use super::super::super::theme::{Ink, Style, size};
use super::super::svg::{Area, Drawn, Tips, WIDTH, block, inline, line, picture, text, write};
use super::{Bar, LABEL, SpaceTime, cut, wrapped};
use plotters::style::text_anchor::{HPos, VPos};

/// Height of a lane, and of what is above and below all of them.
const LANE: i32 = 96;
const HEAD: i32 = 84;
const FOOT: i32 = 72;
/// Height of a sentence below the picture.
const NOTE: i32 = 30;
/// Room for names on the left, at least and at most, and for a bar without end on the right.
const LEFT: i32 = 200;
const NAME: usize = 30;
const RIGHT: i32 = 90;
/// The narrowest column, and the width of a character.
const COLUMN: i32 = 110;
const CHARACTER: i32 = 13;

impl SpaceTime {
    /// The picture as an SVG file; nothing if there is no operation.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let frame = self.frame()?;
        let notes: Vec<String> =
            self.gap().into_iter().chain(self.scale().map(str::to_owned)).collect();
        let frame = frame.with(&notes);
        picture(frame.extent(), &self.title, |area, tips| self.draw(area, tips, &frame))
    }

    /// The same as a part of our page, which brings the styles and says the gap; and its width.
    #[must_use]
    pub(in super::super::super) fn inline(&self) -> Option<(String, u32)> {
        let frame = self.frame()?.with(self.scale().map(str::to_owned).as_slice());
        let svg = inline(frame.extent(), &self.title, |area, tips| self.draw(area, tips, &frame))?;
        Some((svg, frame.extent().0))
    }

    fn frame(&self) -> Option<Frame> {
        let times = self.times();
        let longest = self.bars.iter().map(|bar| bar.label.chars().count().min(LABEL)).max()?;
        let digits = times.last().map_or(0, |time| self.ticks.words(*time).len());
        let column = COLUMN.max((longest.max(digits) as i32 + 2) * CHARACTER);
        let name = self.lanes.iter().map(|lane| lane.chars().count().min(NAME)).max()?;
        let left = LEFT.max((name as i32 + 3) * CHARACTER);
        let natural = left + column * (times.len() as i32 - 1) + RIGHT + column;
        let width = natural.max(WIDTH as i32);
        let height = HEAD + LANE * self.lanes.len() as i32 + FOOT;
        Some(Frame { times, left, column, width, height, notes: Vec::new() })
    }

    fn draw(&self, area: &Area<'_>, tips: &mut Tips, frame: &Frame) -> Drawn {
        let style = |ink, h| text(ink, h, VPos::Center);
        let title = cut(&self.title, (frame.width / CHARACTER) as usize);
        write(area, (16, 30), &title, style(Ink::TEXT, HPos::Left))?;
        let bottom = HEAD + LANE * self.lanes.len() as i32;
        for (at, note) in (0..).zip(&frame.notes) {
            let y = bottom + FOOT - 16 + NOTE * at;
            write(area, (16, y), note, style(Ink::SOFT, HPos::Left))?;
        }
        for time in &frame.times {
            let x = frame.x(*time);
            line(area, &[(x, HEAD - 20), (x, bottom)], Ink::GRID, 1)?;
            let words = self.ticks.words(*time);
            write(area, (x, bottom + 24), &words, style(Ink::SOFT, HPos::Center))?;
        }
        for (lane, name) in self.lanes.iter().enumerate() {
            let y = frame.y(lane);
            write(area, (16, y), &cut(name, NAME), style(Ink::TEXT, HPos::Left))?;
            line(area, &[(frame.left - 30, y), (frame.width - 20, y)], Ink::AXIS, 1)?;
        }
        for bar in &self.bars {
            bar.draw(area, tips, frame)?;
        }
        Ok(())
    }
}

/// Where things are.
struct Frame {
    /// Every instant at which something begins or ends, in order.
    times: Vec<u64>,
    left: i32,
    column: i32,
    width: i32,
    height: i32,
    /// Sentences below the picture.
    notes: Vec<String>,
}

impl Frame {
    /// The same with sentences below the picture, in as many lines as they need.
    fn with(self, notes: &[String]) -> Self {
        let notes = wrapped(notes, (self.width / CHARACTER) as usize);
        Self { height: self.height + NOTE * notes.len() as i32, notes, ..self }
    }

    fn extent(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    fn x(&self, time: u64) -> i32 {
        self.left + self.column * self.times.partition_point(|other| *other < time) as i32
    }

    fn y(&self, lane: usize) -> i32 {
        HEAD + LANE * lane as i32 + LANE / 2
    }
}

impl Bar {
    /// What is blamed, what observes, and what makes values differ in colour.
    pub(in super::super) fn ink(&self) -> Ink {
        let ink = match (self.blamed, self.observes) {
            (true, _) => Ink::BROKEN,
            (false, true) => Ink::mode(0),
            (false, false) => Ink::mode(1),
        };
        ink.styled(Style::Plain)
    }

    fn draw(&self, area: &Area<'_>, tips: &mut Tips, frame: &Frame) -> Drawn {
        let ink = self.ink();
        let (y, left) = (frame.y(self.lane), frame.x(self.from));
        // An instant is still to be seen.
        let right = self.to.map_or(frame.width - 20, |to| frame.x(to).max(left + 8));
        block(area, (left, y - 9), (self.to.map_or(left + 8, |_| right), y + 9), ink)?;
        if self.to.is_none() {
            line(area, &[(left, y), (right, y)], ink.styled(Style::Dashed), size::LINE)?;
        }
        let label = cut(&self.label, LABEL);
        let halo = text(Ink::TEXT.styled(Style::Halo), HPos::Left, VPos::Center);
        write(area, (left, y - 30), &label, halo)?;
        tips.add(((left + right) / 2, y), &self.sentence);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Ticks;
    use super::*;

    fn bar(lane: usize, from: u64, to: Option<u64>, label: &str) -> Bar {
        let (label, sentence) = (label.to_owned(), format!("says {label}"));
        let (observes, blamed, missed) = (false, lane == 1, lane == 0);
        Bar { lane, from, to, label, sentence, observes, blamed, missed }
    }

    #[test]
    fn every_operation_and_every_instant_is_in_the_picture() {
        let diagram = SpaceTime {
            title: "a <b> is not linearizable".to_owned(),
            lanes: vec!["process 1".to_owned(), "process 2".to_owned()],
            bars: vec![bar(0, 7, Some(1_000_007), "x = 1"), bar(1, 2_000_000, None, "x is null")],
            ticks: Ticks::Plain,
        };
        let evenly = SpaceTime {
            bars: vec![bar(0, 2, Some(4), "x = 1"), bar(1, 6, Some(8), "x is null")],
            ..diagram.clone()
        };
        assert_eq!(evenly.scale(), None);
        let svg = diagram.svg().expect("drawn");
        for words in ["x = 1", "x is null", "says x is null", "process 2", "1000007", "2000000"] {
            assert!(svg.contains(words), "{words} is missing in {svg}");
        }
        for words in
            ["began 999993 ticks after the write", "= 1).", "equally far apart:", "to scale."]
        {
            assert!(svg.contains(words), "{words} is missing in {svg}");
        }
        assert!(svg.contains("&lt;b&gt;") && svg.contains("s-broken dash"), "{svg}");
        assert_eq!(SpaceTime { bars: vec![], ..diagram }.svg(), None);
    }
}
