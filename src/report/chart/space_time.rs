//! A space-time diagram: processes side by side, operations as bars from invocation to completion.
//!
//! It shows the few operations of a counterexample. What matters about them is the order of their
//! beginnings and ends, and their distances may differ a million times; so every instant gets a
//! column of its own, as wide as the others, and its true time is written below it.

use super::super::theme::{Ink, Style, size};
use super::svg::{Area, Drawn, Tips, WIDTH, block, line, picture, text, write};
use plotters::style::text_anchor::{HPos, VPos};

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Which lane it is on, from 0.
    pub lane: usize,
    /// When it began, in ticks.
    pub from: u64,
    /// When it ended; nothing if that is not known.
    pub to: Option<u64>,
    /// A few characters over the bar.
    pub label: String,
    /// The whole sentence, shown on hovering.
    pub sentence: String,
    /// Whether it tells of a value rather than making one.
    pub observes: bool,
    /// Whether it is what cannot be explained.
    pub blamed: bool,
}

/// Processes and what they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceTime {
    /// What it shows, over the picture.
    pub title: String,
    /// The processes' names, from the top.
    pub lanes: Vec<String>,
    /// The operations.
    pub bars: Vec<Bar>,
}

/// Height of a lane, and of what is above and below all of them.
const LANE: i32 = 96;
const HEAD: i32 = 84;
const FOOT: i32 = 72;
/// Room for names on the left, and for a bar without end on the right.
const LEFT: i32 = 200;
const RIGHT: i32 = 90;
/// The narrowest column, and the characters of a label and of a time.
const COLUMN: i32 = 110;
const LABEL: usize = 28;
const CHARACTER: i32 = 13;

impl SpaceTime {
    /// The picture as an SVG file; nothing if there is no operation.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let mut times: Vec<u64> =
            self.bars.iter().flat_map(|bar| [Some(bar.from), bar.to]).flatten().collect();
        times.sort_unstable();
        times.dedup();
        let longest = self.bars.iter().map(|bar| bar.label.chars().count().min(LABEL)).max()?;
        let digits = times.last().map_or(0, |time| time.to_string().len());
        let column = COLUMN.max((longest.max(digits) as i32 + 2) * CHARACTER);
        let natural = LEFT + column * (times.len() as i32 - 1) + RIGHT + column;
        let width = natural.max(WIDTH as i32);
        let height = HEAD + LANE * self.lanes.len() as i32 + FOOT;
        let frame = Frame { times, column, width, height };
        picture((width as u32, height as u32), &self.title, |area, tips| {
            self.draw(area, tips, &frame)
        })
    }

    fn draw(&self, area: &Area<'_>, tips: &mut Tips, frame: &Frame) -> Drawn {
        let style = |ink, h| text(ink, h, VPos::Center);
        let title: String = self.title.chars().take((frame.width / CHARACTER) as usize).collect();
        write(area, (16, 30), &title, style(Ink::TEXT, HPos::Left))?;
        let bottom = frame.height - FOOT;
        for time in &frame.times {
            let x = frame.x(*time);
            line(area, &[(x, HEAD - 20), (x, bottom)], Ink::GRID, 1)?;
            let words = time.to_string();
            write(area, (x, bottom + 24), &words, style(Ink::SOFT, HPos::Center))?;
        }
        for (lane, name) in self.lanes.iter().enumerate() {
            let y = frame.y(lane);
            let name: String = name.chars().take(14).collect();
            write(area, (16, y), &name, style(Ink::TEXT, HPos::Left))?;
            line(area, &[(LEFT - 30, y), (frame.width - 20, y)], Ink::AXIS, 1)?;
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
    column: i32,
    width: i32,
    height: i32,
}

impl Frame {
    fn x(&self, time: u64) -> i32 {
        LEFT + self.column * self.times.partition_point(|other| *other < time) as i32
    }

    fn y(&self, lane: usize) -> i32 {
        HEAD + LANE * lane as i32 + LANE / 2
    }
}

impl Bar {
    fn draw(&self, area: &Area<'_>, tips: &mut Tips, frame: &Frame) -> Drawn {
        let ink = match (self.blamed, self.observes) {
            (true, _) => Ink::BROKEN,
            (false, true) => Ink::mode(0),
            (false, false) => Ink::mode(1),
        };
        let ink = ink.styled(Style::Plain);
        let (y, left) = (frame.y(self.lane), frame.x(self.from));
        // An instant is still to be seen.
        let right = self.to.map_or(frame.width - 20, |to| frame.x(to).max(left + 8));
        block(area, (left, y - 9), (self.to.map_or(left + 8, |_| right), y + 9), ink)?;
        if self.to.is_none() {
            line(area, &[(left, y), (right, y)], ink.styled(Style::Dashed), size::LINE)?;
        }
        let label: String = self.label.chars().take(LABEL).collect();
        let halo = text(Ink::TEXT.styled(Style::Halo), HPos::Left, VPos::Center);
        write(area, (left, y - 30), &label, halo)?;
        tips.add(((left + right) / 2, y), &self.sentence);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(lane: usize, from: u64, to: Option<u64>, label: &str) -> Bar {
        let (label, sentence) = (label.to_owned(), format!("says {label}"));
        Bar { lane, from, to, label, sentence, observes: false, blamed: lane == 1 }
    }

    #[test]
    fn every_operation_and_every_instant_is_in_the_picture() {
        let diagram = SpaceTime {
            title: "a <b> is not linearizable".to_owned(),
            lanes: vec!["process 1".to_owned(), "process 2".to_owned()],
            bars: vec![bar(0, 7, Some(1_000_007), "x = 1"), bar(1, 2_000_000, None, "x is null")],
        };
        let svg = diagram.svg().expect("drawn");
        for words in ["x = 1", "x is null", "says x is null", "process 2", "1000007", "2000000"] {
            assert!(svg.contains(words), "{words} is missing in {svg}");
        }
        assert!(svg.contains("&lt;b&gt;") && svg.contains("s-broken dash"), "{svg}");
        assert_eq!(SpaceTime { bars: vec![], ..diagram }.svg(), None);
    }
}
