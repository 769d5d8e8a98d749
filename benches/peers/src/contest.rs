//! Contestants take turns in one process, so that the machine's moods meet all of them alike.

use crate::fleet::Outcome;

/// Measured rounds; one more warms up.
pub const ROUNDS: usize = 5;

/// One thing to be run, and under which heading.
pub struct Contestant<'a> {
    /// What it is compared on; only contestants of one task are compared.
    pub task: &'static str,
    /// What it is.
    pub name: &'static str,
    /// What the others' ratio to it is labelled; `None` if it is not pacelc.
    pub ours: Option<&'static str>,
    /// Runs it under a seed.
    pub run: Box<dyn Fn(u64) -> Result<Outcome, String> + 'a>,
}

/// What was measured of a contestant, or why it was not.
pub type Figure = Result<Speed, String>;

/// Medians over the rounds.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// Operations per second of the wall clock.
    pub per_second: f64,
    /// Messages per operation.
    pub messages: f64,
}

/// Seconds of one call, by the wall.
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures real time")]
fn timed<T>(call: impl FnOnce() -> T) -> (f64, T) {
    let start = std::time::Instant::now();
    let result = call();
    (start.elapsed().as_secs_f64(), result)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs all in turn, round after round.
pub fn interleaved(contestants: &[Contestant<'_>]) -> Vec<Figure> {
    let mut samples = vec![Ok((Vec::new(), Vec::new())); contestants.len()];
    for round in 0..=ROUNDS as u64 {
        eprintln!("round {round} of {ROUNDS}");
        for (contestant, sample) in contestants.iter().zip(&mut samples) {
            let Ok((speeds, messages)) = sample else { continue };
            match timed(|| (contestant.run)(round)) {
                (_, Err(error)) => *sample = Err(error),
                // The first round warms up.
                (_, Ok(_)) if round == 0 => {}
                (seconds, Ok(outcome)) => {
                    let operations = outcome.operations as f64;
                    speeds.push(operations / seconds);
                    messages.push(outcome.messages as f64 / operations);
                }
            }
        }
    }
    samples
        .into_iter()
        .map(|sample| {
            let (speeds, messages) = sample?;
            Ok(Speed { per_second: median(speeds), messages: median(messages) })
        })
        .collect()
}

/// Prints speeds, and how many times faster each pacelc contestant of the same task is.
pub fn print(contestants: &[Contestant<'_>], figures: &[Figure]) {
    println!("| task | contestant | kops/s | messages/op | pacelc is faster by |");
    println!("|---|---|---:|---:|---|");
    for (contestant, figure) in contestants.iter().zip(figures) {
        let Contestant { task, name, ours, .. } = contestant;
        let speed = match figure {
            Ok(speed) => speed,
            Err(error) => {
                println!("| {task} | {name} | failed: {error} | | |");
                continue;
            }
        };
        let mut ratios = Vec::new();
        for (other, theirs) in contestants.iter().zip(figures) {
            if let (None, Some(label), Ok(theirs)) = (ours, other.ours, theirs)
                && other.task == *task
            {
                ratios.push(format!("{:.1} ({label})", theirs.per_second / speed.per_second));
            }
        }
        println!(
            "| {task} | {name} | {:.0} | {:.1} | {} |",
            speed.per_second / 1e3,
            speed.messages,
            ratios.join(", "),
        );
    }
}
