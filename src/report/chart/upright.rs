//! A space-time diagram for a telephone: time runs down, a narrow column a process.
//!
//! The wide picture of `space_time.rs` needs a column for every instant and would be scrolled sideways
//! where the page is narrow. Here an instant is a row, and what begins at it is written beside its bar
//! together with the process's name, so that the width is always that of a telephone.

use super::super::theme::{Ink, Style, size};
use super::letters::{fit, width};
use super::space_time::{Bar, SpaceTime};
use super::svg::{Area, Drawn, Tips, WIDTH, block, inline, line, text, write};
use plotters::style::text_anchor::{HPos, VPos};

/// Height of an instant, and of each operation that begins at one: its label and its process.
const INSTANT: i32 = 52;
const BEGINS: i32 = 76;
/// Between two processes, at most, and the room that all of them may have.
const APART: i32 = 36;
const LANES: i32 = 288;
/// From one line of a label to the next.
const BELOW: i32 = 30;

/// Where things are.
struct Frame {
    /// Every instant and its height from the top.
    rows: Vec<(u64, i32)>,
    /// The first process, the distance to the next, and where labels begin.
    left: i32,
    apart: i32,
    labels: i32,
    bottom: i32,
}

impl SpaceTime {
    /// The picture with time running down; nothing if there is no operation.
    #[must_use]
    pub(in super::super) fn upright(&self) -> Option<String> {
        let frame = self.upright_frame()?;
        let extent = (WIDTH, (frame.bottom + 16) as u32);
        inline(extent, &self.title, |area, tips| {
            write(area, (8, 24), &self.title, text(Ink::TEXT, HPos::Left, VPos::Center))?;
            for (time, y) in &frame.rows {
                line(area, &[(frame.left - 16, *y), (WIDTH as i32 - 8, *y)], Ink::GRID, 1)?;
                let style = text(Ink::SOFT, HPos::Right, VPos::Center);
                write(area, (frame.left - 24, *y), &self.ticks.words(*time), style)?;
            }
            for lane in 0..self.lanes.len() {
                let x = frame.x(lane);
                line(area, &[(x, 44), (x, frame.bottom)], Ink::AXIS, 1)?;
            }
            self.bars.iter().try_for_each(|bar| self.draw_upright(area, tips, &frame, bar))
        })
    }

    fn upright_frame(&self) -> Option<Frame> {
        let times = self.times();
        let mut y = 76;
        let mut rows = Vec::new();
        for time in &times {
            rows.push((*time, y));
            let begin = self.bars.iter().filter(|bar| bar.from == *time).count() as i32;
            y += INSTANT.max(BEGINS * begin);
        }
        let left = times.iter().map(|time| width(&self.ticks.words(*time))).max()? + 40;
        let apart = APART.min(LANES / self.lanes.len().max(1) as i32);
        let labels = left + apart * self.lanes.len() as i32;
        Some(Frame { rows, left, apart, labels, bottom: y })
    }

    fn draw_upright(&self, area: &Area<'_>, tips: &mut Tips, frame: &Frame, bar: &Bar) -> Drawn {
        let (ink, x) = (bar.ink(), frame.x(bar.lane));
        let top = frame.y(bar.from);
        // An instant is still to be seen, and what never ended goes on.
        let bottom = bar.to.map_or(frame.bottom, |to| frame.y(to).max(top + 8));
        let half = 9_i32.min(frame.apart / 2 - 1).max(2);
        block(area, (x - half, top), (x + half, bar.to.map_or(top + 8, |_| bottom)), ink)?;
        if bar.to.is_none() {
            line(area, &[(x, top), (x, bottom)], ink.styled(Style::Dashed), size::LINE)?;
        }
        let before = self.bars.iter().take_while(|other| !std::ptr::eq(*other, bar));
        let before = before.filter(|other| other.from == bar.from).count() as i32;
        let y = top + BEGINS * before;
        line(area, &[(x + half, top + 3), (frame.labels - 6, y + 3)], ink, 2)?;
        let room = WIDTH as i32 - frame.labels - 8;
        let who = self.lanes.get(bar.lane).map_or("", String::as_str);
        for (words, ink, y) in [(bar.label.as_str(), Ink::TEXT, y), (who, Ink::SOFT, y + BELOW)] {
            let style = text(ink.styled(Style::Halo), HPos::Left, VPos::Center);
            write(area, (frame.labels, y), &fit(words, room), style)?;
        }
        tips.add((x, (top + bottom) / 2), &bar.sentence);
        Ok(())
    }
}

impl Frame {
    fn x(&self, lane: usize) -> i32 {
        self.left + self.apart * lane as i32
    }

    fn y(&self, time: u64) -> i32 {
        let row = self.rows.iter().find(|row| row.0 == time);
        row.map_or(self.bottom, |row| row.1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::space_time::Ticks;
    use super::*;

    fn bar(lane: usize, from: u64, to: Option<u64>, label: &str) -> Bar {
        let (label, sentence) = (label.to_owned(), String::new());
        Bar { lane, from, to, label, sentence, observes: false, blamed: false, missed: false }
    }

    #[test]
    fn it_is_never_wider_than_a_telephone_and_names_every_process() {
        let lanes: Vec<String> = (0..12).map(|i| format!("session {i} of a far region")).collect();
        let bars = (0..12)
            .map(|i| bar(i, i as u64 / 2, (i % 3 > 0).then_some(90), &format!("key 3 = w{i}")))
            .collect();
        let ticks = Ticks::Nanoseconds(1_000_000);
        let diagram = SpaceTime { title: "seed 1".to_owned(), lanes, bars, ticks };
        let svg = diagram.upright().expect("drawn");
        assert!(svg.starts_with(&format!("<svg viewBox=\"0 0 {WIDTH} ")), "{svg}");
        for i in 0..12 {
            assert!(svg.contains(&format!(">key 3 = w{i}</text>")), "{i}: {svg}");
        }
        assert!(svg.contains("90.000 ms") && svg.contains(">session 7"));
        assert_eq!(SpaceTime { bars: vec![], ..diagram }.upright(), None);
    }
}
