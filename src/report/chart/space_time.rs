//! A space-time diagram: processes side by side, operations as bars from invocation to completion.
//!
//! It shows the few operations of a counterexample. What matters about them is the order of their
//! beginnings and ends, and their distances may differ a million times; so every instant gets a
//! column of its own, as wide as the others, and its true time is written below it.

mod characters;
mod picture;

use crate::results::Exhibit;

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

/// The characters of a label, at most.
const LABEL: usize = 28;

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
}

/// As many characters as there is room for, the last of them an ellipsis if there are more.
fn cut(words: &str, room: usize) -> String {
    if words.chars().count() <= room {
        return words.to_owned();
    }
    let kept = words.chars().take(room.saturating_sub(1));
    kept.chain((room > 0).then_some('…')).collect()
}

/// Sentences in lines of at most so many characters, but for words that are longer.
fn wrapped(notes: &[String], most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for note in notes {
        lines.push(String::new());
        for word in note.split(' ') {
            let length = lines.last().map_or(0, |line| line.chars().count());
            if length > 0 && length + 1 + word.chars().count() > most {
                lines.push(String::new());
            }
            let Some(line) = lines.last_mut() else { continue };
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}
