//! Completions and the manual page, generated from the arguments.

use super::args::{Cli, CompletionArgs};
use super::print;
use clap::CommandFactory;
use std::process::ExitCode;

pub(super) fn completions(args: &CompletionArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pacelc", &mut script);
    print(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man() -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    for verb in Cli::command().get_subcommands().filter(|verb| verb.get_name() != "help") {
        let title = format!("pacelc-{}", verb.get_name());
        clap_mangen::Man::new(verb.clone()).title(title).render(&mut page)?;
    }
    print(&page)?;
    Ok(ExitCode::SUCCESS)
}
