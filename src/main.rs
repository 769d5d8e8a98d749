//! Parse, dispatch, exit status; nothing else.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    pacelc::cli::main(std::env::args_os())
}
