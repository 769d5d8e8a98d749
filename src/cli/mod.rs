//! The command line: one file per verb, one set of filters for all of them.
//!
//! stdout is data, stderr is talk. Exit status: 0 all promises hold, 1 a promise was broken, 2 bad input,
//! 3 a verdict is unknown, 130 interrupted.

mod args;
mod calibrate;
mod canaries;
mod check;
mod cluster;
mod cmp;
mod explain;
mod extras;
mod list;
mod progress;
mod report;
mod run;
mod select;
mod swarm;

pub use args::Cli;

use crate::results::{Row, VerdictWord};
use anyhow::Context as _;
use args::Verb;
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

/// Runs the program with these arguments, the first being its own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match Cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no errors; everything else is bad input.
            let code = u8::from(error.use_stderr()) * 2;
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let parsed = Cli::from_arg_matches(&matches).map_err(anyhow::Error::from);
    let outcome = parsed.and_then(|cli| match cli.verb {
        Verb::List(ref args) => list::run(args, &matches),
        Verb::Run(ref args) if args.canaries => canaries::run(args, &matches),
        Verb::Run(ref args) => run::run(args, &matches),
        Verb::Swarm(ref args) => swarm::run(args, &matches),
        Verb::Report(ref args) => report::run(args),
        Verb::Cmp(ref args) => cmp::run(args, &matches),
        Verb::Explain(ref args) => explain::run(args),
        Verb::Check(ref args) => check::run(args),
        Verb::Calibrate => calibrate::run(),
        Verb::Node(ref args) => cluster::node(args),
        Verb::Drive(ref args) => cluster::drive(args),
        Verb::Completions(ref args) => extras::completions(args),
        Verb::Man => extras::man(),
    });
    match outcome {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Says what is wrong with what was given.
fn complain(error: &anyhow::Error) {
    anstream::eprintln!("{}error:{} {error:#}", style(RED), style_end(RED));
}

const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

fn style(style: anstyle::Style) -> impl std::fmt::Display {
    style.render()
}

fn style_end(style: anstyle::Style) -> impl std::fmt::Display {
    style.render_reset()
}

/// `pacelc list | head` closes our output early; that is not a failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let direct = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let written = cause.downcast_ref::<serde_json::Error>().and_then(|e| e.io_error_kind());
        direct.or(written) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

/// Writes data to stdout, without colours where nobody would see them.
fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(text).and_then(|()| out.flush()).context("cannot write to standard output")
}

/// What was found stands, whoever stops listening to it.
fn unless_closed(shown: anyhow::Result<()>) -> anyhow::Result<()> {
    match shown {
        Err(error) if is_closed_pipe(&error) => Ok(()),
        other => other,
    }
}

/// The worst verdict of the rows, as an exit status.
fn exit_status(rows: &[Row]) -> ExitCode {
    exit_status_of(rows.iter().map(|row| row.verdict).max().unwrap_or(VerdictWord::Holds))
}

fn exit_status_of(verdict: VerdictWord) -> ExitCode {
    ExitCode::from(match verdict {
        VerdictWord::Holds => 0,
        VerdictWord::Violated => 1,
        VerdictWord::Unknown => 3,
    })
}

/// How wide tables may be: the terminal's width, or `COLUMNS`, or 100.
fn width() -> usize {
    columns().clamp(60, 200)
}

/// How wide pictures may be, which can be drawn narrower than tables.
fn picture_width() -> usize {
    columns().clamp(20, 200)
}

fn columns() -> usize {
    let columns = || std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    terminal_width().or_else(columns).unwrap_or(100)
}

/// The width of the terminal that stdout is, if it is one.
fn terminal_width() -> Option<usize> {
    let stdout = std::io::stdout();
    terminal_size::terminal_size_of(stdout).map(|(width, _)| usize::from(width.0).max(20))
}
