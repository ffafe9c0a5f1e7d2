//! The program: hands the application to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    gostream::cli::run(std::env::args_os(), &gostream::Gostream)
}
