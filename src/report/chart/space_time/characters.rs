//! The same diagram in characters, for terminals and logs.
//!
//! What does not fit is cut and says so by an ellipsis; no line is longer than the terminal is wide.

use super::{Bar, LABEL, SpaceTime, cut, wrapped};

/// Characters between two instants, at least.
const NARROWEST: usize = 3;

impl SpaceTime {
    /// The picture in characters: a lane per process with its operations over it, and the instants
    /// below, all as far apart; nothing if there is no operation.
    #[must_use]
    pub fn text(&self) -> String {
        let (names, step) = (self.name_width(), self.time_width().max(8) + 2);
        // The last instants' labels may go on behind them.
        self.rows(names, step, names + 2 + step * self.times().len() + LABEL)
    }

    /// The same no wider than `width` and in at most `lines` lines, the gap and the remark about the
    /// scale included, with names and labels cut; nothing if it does not fit.
    #[must_use]
    pub fn compact(&self, width: usize, lines: usize) -> Option<String> {
        let notes: Vec<String> =
            self.gap().into_iter().chain(self.scale().map(str::to_owned)).collect();
        let notes = wrapped(&notes, width);
        let rows = 2 * self.lanes.len() + 1;
        let names = self.name_width().min(width / 4);
        let room = width.checked_sub(names + 2)?;
        let step = (room / self.times().len().max(1)).min(self.time_width().max(8) + 2);
        if rows + notes.len() > lines || step < NARROWEST || self.bars.is_empty() {
            return None;
        }
        let mut text = self.rows(names, step, width);
        for note in notes {
            text.push_str(&cut(&note, width));
            text.push('\n');
        }
        Some(text)
    }

    fn name_width(&self) -> usize {
        self.lanes.iter().map(|lane| lane.chars().count()).max().unwrap_or(0)
    }

    fn time_width(&self) -> usize {
        self.times().iter().map(|time| self.ticks.words(*time).len()).max().unwrap_or(0)
    }

    /// Lanes with names of this width and with instants this far apart, none longer than `width`.
    fn rows(&self, names: usize, step: usize, width: usize) -> String {
        let times = self.times();
        let column = |time: u64| names + 2 + step * times.partition_point(|other| *other < time);
        let end = names + 2 + step * times.len();
        let mut text = String::new();
        for (lane, name) in self.lanes.iter().enumerate() {
            let (mut over, mut line) = (vec![' '; width], vec![' '; end]);
            put(&mut line[..names], 0, name);
            let mut bars: Vec<&Bar> = self.bars.iter().filter(|bar| bar.lane == lane).collect();
            bars.sort_by_key(|bar| bar.from);
            for (at, bar) in bars.iter().enumerate() {
                let from = column(bar.from);
                // An instant is still to be seen, and what never ended goes on.
                let to = bar.to.map_or(end - 1, |to| column(to).max(from + 1));
                let next = bars.get(at + 1);
                let room = next.map_or(width, |next| column(next.from).max(from + 2) - 1);
                put(&mut over[..room], from, &bar.label);
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
        let (mut below, mut free) = (vec![' '; width], 0);
        for time in &times {
            let (at, words) = (column(*time), self.ticks.words(*time));
            // Where there is no room for every instant's time, some stay without.
            if at >= free && at + words.len() <= width {
                put(&mut below, at, &words);
                free = at + words.len() + 1;
            }
        }
        let below: String = below.into_iter().collect();
        text.push_str(below.trim_end());
        text.push('\n');
        if times.is_empty() { String::new() } else { text }
    }
}

/// Writes as much as there is room for.
fn put(row: &mut [char], from: usize, words: &str) {
    let room = row.len().saturating_sub(from);
    row.iter_mut().skip(from).zip(cut(words, room).chars()).for_each(|(place, c)| *place = c);
}

#[cfg(test)]
mod tests {
    use super::super::NOT_TO_SCALE;
    use super::*;
    use crate::results::Exhibit;

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
        let small = diagram.compact(40, 11).expect("it fits");
        assert_eq!(
            small,
            "        key 3 = w2
writer  ├───────┤
        key 3 = w9
other   ├╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
                        key 3 is w1
reader                  ┣━━━━━━━┫
        1.000 ms        5.000 ms
What is marked began 3.000 ms after the
last write shown that had ended by then.
Instants are drawn equally far apart:
the time axis is not to scale.
"
        );
        assert_eq!((diagram.compact(40, 10), diagram.compact(14, 20)), (None, None));
        assert_eq!(SpaceTime { bars: vec![], ..diagram }.text(), "");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_what_is_cut_says_so() {
        let exhibit = |who: u64, from: u64, to: Option<u64>| Exhibit {
            who: format!("session {who} of a client far away"),
            from_ns: from,
            to_ns: to,
            label: format!("key 12345 = {}", "9".repeat(30)),
            sentence: String::new(),
            observes: who == 2,
            blamed: who == 2,
        };
        let exhibits = [
            exhibit(1, 1_000_000, Some(2_000_000)),
            exhibit(1, 2_000_001, None),
            exhibit(2, 12_345_000_000, Some(12_346_000_000)),
        ];
        let diagram = SpaceTime::of_exhibits("stale".to_owned(), &exhibits);
        for width in 20..120 {
            let Some(text) = diagram.compact(width, 20) else {
                assert!(width < 36, "{width}");
                continue;
            };
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            // Every label is whole or says that it is not.
            let over: String = text.lines().step_by(2).take(2).collect();
            let whole = over.matches(&"9".repeat(30)).count();
            assert_eq!(whole + over.matches('…').count(), 3, "{width}: {text}");
        }
    }
}
