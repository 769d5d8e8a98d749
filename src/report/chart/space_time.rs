//! A space-time diagram: processes side by side, operations as bars from invocation to completion.
//!
//! It shows the few operations of a counterexample. What matters about them is the order of their
//! beginnings and ends, and their distances may differ a million times; so every instant gets a
//! column of its own, as wide as the others, and its true time is written below it.

use super::super::theme::{Ink, Style, size};
use super::svg::{Area, Drawn, Tips, WIDTH, block, inline, line, picture, text, write};
use crate::results::Exhibit;
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
    /// Whether it is the write that what is blamed should have seen, if that is known.
    pub missed: bool,
}

/// What an instant's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// Whatever the history's clock counts; written as it is.
    Plain,
    /// So many nanoseconds; written in milliseconds.
    Nanoseconds(u64),
}

impl Ticks {
    pub(super) fn words(self, time: u64) -> String {
        match self {
            Self::Plain => time.to_string(),
            Self::Nanoseconds(each) => format!("{:.3} ms", time as f64 * each as f64 / 1e6),
        }
    }

    /// A distance between two instants.
    fn distance(self, time: u64) -> String {
        match self {
            Self::Plain if time == 1 => "1 tick".to_owned(),
            Self::Plain => format!("{time} ticks"),
            Self::Nanoseconds(_) => self.words(time),
        }
    }
}

/// Said where instants are not as far apart in the picture as they were.
const NOT_TO_SCALE: &str = "Instants are drawn equally far apart: the time axis is not to scale.";

/// Processes and what they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceTime {
    /// What it shows, over the picture.
    pub title: String,
    /// The processes' names, from the top.
    pub lanes: Vec<String>,
    /// The operations.
    pub bars: Vec<Bar>,
    /// What their times count.
    pub ticks: Ticks,
}

/// Height of a lane, and of what is above and below all of them.
const LANE: i32 = 96;
const HEAD: i32 = 84;
const FOOT: i32 = 72;
/// Height of a sentence below the picture.
const NOTE: i32 = 30;
/// Characters between two instants, at least.
const NARROWEST: usize = 3;
/// Room for names on the left, at least and at most, and for a bar without end on the right.
const LEFT: i32 = 200;
const NAME: usize = 30;
const RIGHT: i32 = 90;
/// The narrowest column, and the characters of a label and of a time.
const COLUMN: i32 = 110;
const LABEL: usize = 28;
const CHARACTER: i32 = 13;

impl SpaceTime {
    /// What broke a promise, as it is kept in results: a lane per session.
    #[must_use]
    pub fn of_exhibits(title: String, exhibits: &[Exhibit]) -> Self {
        let mut lanes: Vec<String> = Vec::new();
        let bars = exhibits.iter().map(|exhibit| {
            let known = lanes.iter().position(|lane| *lane == exhibit.who);
            let lane = known.unwrap_or_else(|| {
                lanes.push(exhibit.who.clone());
                lanes.len() - 1
            });
            let Exhibit { from_ns: from, to_ns: to, observes, blamed, .. } = *exhibit;
            let (label, sentence) = (exhibit.label.clone(), exhibit.sentence.clone());
            Bar { lane, from, to, label, sentence, observes, blamed, missed: false }
        });
        let bars = bars.collect();
        Self { title, lanes, bars, ticks: Ticks::Nanoseconds(1) }
    }

    /// How much later than the write it should have seen had ended what is blamed began, in words; if
    /// none is known, than the last of the writes shown. Nothing if no write had ended.
    #[must_use]
    pub fn gap(&self) -> Option<String> {
        let blamed = self.bars.iter().find(|bar| bar.blamed)?;
        let missed = self.bars.iter().find(|bar| bar.missed);
        if let Some((missed, to)) = missed.and_then(|bar| Some((bar, bar.to?)))
            && to < blamed.from
        {
            let gap = self.ticks.distance(blamed.from - to);
            let label = &missed.label;
            return Some(format!(
                "What is marked began {gap} after the write it should have seen had ended ({label})."
            ));
        }
        let ended = self.bars.iter().filter(|bar| !bar.observes).filter_map(|bar| bar.to);
        let last = ended.filter(|to| *to < blamed.from).max()?;
        let gap = self.ticks.distance(blamed.from - last);
        Some(format!(
            "What is marked began {gap} after the last write shown that had ended by then."
        ))
    }

    /// Every instant at which something begins or ends, in order.
    pub(super) fn times(&self) -> Vec<u64> {
        let mut times: Vec<u64> =
            self.bars.iter().flat_map(|bar| [Some(bar.from), bar.to]).flatten().collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// That distances in the picture are not those in time; nothing if they are.
    #[must_use]
    pub fn scale(&self) -> Option<&'static str> {
        let times = self.times();
        let mut steps = times.windows(2).map(|two| two[1] - two[0]);
        let first = steps.next()?;
        steps.any(|step| step != first).then_some(NOT_TO_SCALE)
    }

    /// The picture in characters: a lane per process with its operations over it, and the instants
    /// below, all as far apart; nothing if there is no operation.
    #[must_use]
    pub fn text(&self) -> String {
        self.rows(self.name_width(), self.time_width().max(8) + 2)
    }

    /// The same no wider than `width` and in at most `lines` lines, the gap and the remark about the
    /// scale included, with names and labels cut; nothing if it does not fit.
    #[must_use]
    pub fn compact(&self, width: usize, lines: usize) -> Option<String> {
        let notes: Vec<String> =
            self.gap().into_iter().chain(self.scale().map(str::to_owned)).collect();
        let rows = 2 * self.lanes.len() + 1;
        let names = self.name_width().min(width / 4);
        let room = width.checked_sub(names + 2)?;
        let step = (room / self.times().len().max(1)).min(self.time_width().max(8) + 2);
        if rows + notes.len() > lines || step < NARROWEST || self.bars.is_empty() {
            return None;
        }
        let mut text = self.rows(names, step);
        notes.iter().for_each(|note| text.extend([note, "\n"]));
        Some(text)
    }

    fn name_width(&self) -> usize {
        self.lanes.iter().map(|lane| lane.chars().count()).max().unwrap_or(0)
    }

    fn time_width(&self) -> usize {
        self.times().iter().map(|time| self.ticks.words(*time).len()).max().unwrap_or(0)
    }

    /// Lanes with names of this width, and with instants this far apart.
    fn rows(&self, names: usize, step: usize) -> String {
        let times = self.times();
        let column = |time: u64| names + 2 + step * times.partition_point(|other| *other < time);
        let end = names + 2 + step * times.len();
        let mut text = String::new();
        for (lane, name) in self.lanes.iter().enumerate() {
            let (mut over, mut line) = (vec![' '; end], vec![' '; end]);
            put(&mut line[..names], 0, name);
            let mut bars: Vec<&Bar> = self.bars.iter().filter(|bar| bar.lane == lane).collect();
            bars.sort_by_key(|bar| bar.from);
            for (at, bar) in bars.iter().enumerate() {
                let from = column(bar.from);
                // An instant is still to be seen, and what never ended goes on.
                let to = bar.to.map_or(end - 1, |to| column(to).max(from + 1));
                let next = bars.get(at + 1).map_or(end, |next| column(next.from).max(from + 2));
                put(&mut over[..next - usize::from(next < end)], from, &bar.label);
                let (fill, last) = match (bar.to, bar.blamed) {
                    (None, _) => ('╌', '╌'),
                    (Some(_), true) => ('━', '┫'),
                    (Some(_), false) => ('─', '┤'),
                };
                line[from..to].fill(fill);
                line[from] = if bar.blamed { '┣' } else { '├' };
                line[to] = last;
            }
            for row in [over, line] {
                let row: String = row.into_iter().collect();
                text.push_str(row.trim_end());
                text.push('\n');
            }
        }
        let (mut below, mut free) = (vec![' '; end], 0);
        for time in &times {
            let (at, words) = (column(*time), self.ticks.words(*time));
            // Where there is no room for every instant's time, some stay without.
            if at >= free && at + words.len() <= end.max(names + 2 + words.len()) {
                put(&mut below, at, &words);
                free = at + words.len() + 1;
            }
        }
        let below: String = below.into_iter().collect();
        text.push_str(below.trim_end());
        text.push('\n');
        if times.is_empty() { String::new() } else { text }
    }

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
    pub(in super::super) fn inline(&self) -> Option<(String, u32)> {
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
        let title: String = self.title.chars().take((frame.width / CHARACTER) as usize).collect();
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
            let name: String = name.chars().take(NAME).collect();
            write(area, (16, y), &name, style(Ink::TEXT, HPos::Left))?;
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
        let most = (self.width / CHARACTER) as usize;
        let mut lines: Vec<String> = Vec::new();
        for note in notes {
            lines.push(String::new());
            for word in note.split(' ') {
                let line = lines.last().map_or(0, |line| line.chars().count());
                if line > 0 && line + 1 + word.chars().count() > most {
                    lines.push(String::new());
                }
                let Some(line) = lines.last_mut() else { continue };
                line.push_str(if line.is_empty() { "" } else { " " });
                line.push_str(word);
            }
        }
        Self { height: self.height + NOTE * lines.len() as i32, notes: lines, ..self }
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

/// Writes as much as there is room for.
fn put(row: &mut [char], from: usize, words: &str) {
    row.iter_mut().skip(from).zip(words.chars()).for_each(|(place, c)| *place = c);
}

impl Bar {
    /// What is blamed, what observes, and what makes values differ in colour.
    pub(super) fn ink(&self) -> Ink {
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

    #[test]
    fn the_same_in_characters() {
        let exhibit =
            |who: &str, from: u64, to: Option<u64>, label: &str, observes: bool| Exhibit {
                who: who.to_owned(),
                from_ns: from * 1_000_000,
                to_ns: to.map(|to| to * 1_000_000),
                label: label.to_owned(),
                sentence: String::new(),
                observes,
                blamed: observes,
            };
        let diagram = SpaceTime::of_exhibits(
            "stale".to_owned(),
            &[
                exhibit("writer", 1, Some(2), "key 3 = w2", false),
                exhibit("other", 1, None, "key 3 = w9", false),
                exhibit("reader", 5, Some(7), "key 3 is w1", true),
            ],
        );
        assert_eq!(
            diagram.text(),
            "        key 3 = w2
writer  ├─────────┤
        key 3 = w9
other   ├╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
                            key 3 is w1
reader                      ┣━━━━━━━━━┫
        1.000 ms  2.000 ms  5.000 ms  7.000 ms
"
        );
        let gap = diagram.gap().expect("a write had ended");
        assert!(gap.starts_with("What is marked began 3.000 ms after"), "{gap}");
        assert_eq!(diagram.scale(), Some(NOT_TO_SCALE));
        let small = diagram.compact(40, 9).expect("it fits");
        assert_eq!(
            small,
            "        key 3 = w2
writer  ├───────┤
        key 3 = w9
other   ├╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
                        key 3 is w1
reader                  ┣━━━━━━━┫
        1.000 ms        5.000 ms
What is marked began 3.000 ms after the last write shown that had ended by then.
Instants are drawn equally far apart: the time axis is not to scale.
"
        );
        assert!(small.lines().take(7).all(|line| line.chars().count() <= 40), "{small}");
        assert_eq!((diagram.compact(40, 8), diagram.compact(14, 9)), (None, None));
        assert_eq!(SpaceTime { bars: vec![], ..diagram }.text(), "");
    }
}
