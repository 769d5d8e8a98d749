//! Progress with an estimate: a line on stderr, and only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over the units of work; hidden where nobody watches.
pub(super) fn bar(units: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(units), ProgressDrawTarget::stderr_with_hz(8));
    let template = "{spinner} [{elapsed}] {bar:30} {pos}/{len} runs, {eta} left  {wide_msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// A count of runs where nobody knows how many there will be; hidden likewise.
pub(super) fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed}] {pos} runs  {wide_msg}")
    {
        bar.set_style(style);
    }
    bar
}
