//! Parse, dispatch, exit status; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    pacelc::cli::main(std::env::args_os())
}
