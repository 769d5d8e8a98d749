//! The suite itself: `cargo bench` runs the curated scenarios in the simulated world and leaves the report
//! under `reports/latest/`, with a summary table on the terminal. It is `pacelc run` with its defaults;
//! `cargo bench -- --test`, which only asks whether benchmarks run, runs every cell briefly.

use std::process::ExitCode;

fn main() -> ExitCode {
    let only_test = std::env::args().any(|argument| argument == "--test");
    let mut arguments = vec!["pacelc", "run"];
    if only_test {
        arguments.extend(["--smoke", "--output", "reports/smoke"]);
    }
    pacelc::cli::main(arguments.into_iter().map(Into::into))
}
